"""Finds the networks of papers, and counts what each costs, in a worker of its own.

Counting builds every network with TensorFlow on the CPU, whatever backend measures it
later: neither its memory nor its time is that of a measurement.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.configurations import (
    ALL_NETWORKS,
    Asked,
    Request,
    trained_variants,
)
from benchmarks.costs import Cost
from benchmarks.probing import Start
from benchmarks.result_rows import cost_of_json
from benchmarks.worker_process import WorkerError, WorkerProcess
from cai_keras.cli import papers
from cai_keras.errors import UsageError, nearest
from cai_keras.training.config import Paper

# (paper, variant, network) -> cost
Costs = dict[tuple[str, str, str], Cost]
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}
# Of a training step whose batch is not known yet: what an operation costs for the
# whole batch, as spectral normalisation does, is divided by this.
_COUNTED_BATCH = 32


class Planner:
    """Plans the requests of a call.

    Args:
        asked: the options.
        start: makes workers.
        environment: of its worker.
        timeout: seconds for one variant.
        report: shows a line to a person.
    """

    def __init__(
        self,
        asked: Asked,
        start: Start,
        environment: Mapping[str, str],
        timeout: float,
        report: Callable[[str], object],
    ):
        self._asked, self._start, self._timeout = asked, start, timeout
        self._environment = {**environment, **_NO_GPU}
        self._report = report
        self._worker: WorkerProcess | None = None
        self.costs: Costs = {}

    def requests(self) -> list[Request]:
        """All configurations; their costs are in `costs`, but what cannot be counted.

        Raises:
            UsageError: no paper has what was asked for.
        """
        plan = {"infer": self._of_networks, "train": self._of_training}
        try:
            found = [
                request
                for slug in self._asked.slugs
                for request in plan[self._asked.kind](papers.find_paper(slug))
            ]
        finally:
            self._close()
        if not found:
            raise UsageError(f"cai bench {self._asked.kind}: nothing to measure there")
        return found

    def _of_training(self, paper: Paper) -> list[Request]:
        found = []
        for variant in trained_variants(paper, self._asked):
            requests = self._asked.requests(paper, variant, ALL_NETWORKS)
            found += requests
            batch_size = requests[0].batch_size or _COUNTED_BATCH
            answer = self._ask("training_cost", requests[0], batch_size)
            if answer is not None:
                key = (paper.slug, variant, ALL_NETWORKS)
                self.costs[key] = cost_of_json(answer["cost"])
        return found

    def _of_networks(self, paper: Paper) -> list[Request]:
        variants, found = self._asked.variants, []
        for variant in paper.variants:
            if variants is not None and variant not in variants:
                continue
            (template, *_) = self._asked.requests(paper, variant, ALL_NETWORKS)
            answer = self._ask("networks", template, 1)
            if answer is None:  # a worker of its own will say why, in a row
                return [*found, template]
            costs = answer["costs"]
            for name in self._chosen(paper, costs):
                found += self._asked.requests(paper, variant, name)
                self.costs[paper.slug, variant, name] = cost_of_json(costs[name])
            if costs and variants is None:
                break
        return found

    def _chosen(self, paper: Paper, networks: Mapping[str, dict]) -> list[str]:
        chosen = self._asked.networks
        if chosen is None:
            return list(networks)
        unknown = [name for name in chosen if name not in networks]
        if unknown and len(self._asked.slugs) == 1 and networks:
            close = nearest(unknown[0], networks)
            raise UsageError(
                f"--network: {paper.slug} has no network {unknown[0]!r}; {close}"
            )
        return [name for name in chosen if name in networks]

    def _ask(self, command: str, request: Request, batch_size: int):
        """The answer; None where there is none, which is said."""
        counted = replace(
            request,
            backend="tensorflow",
            precision="float32",
            xla=False,
            strategy="one",
            batch_size=batch_size,
        )
        if self._worker is None:
            self._worker = self._start("tensorflow", self._environment)
        self._report(f"{request.paper}/{request.variant}: counting operations")
        try:
            return self._worker.ask(command, self._timeout, request=counted.as_json())
        except WorkerError as error:
            self._report(
                f"{request.paper}/{request.variant}: its operations are not counted: "
                f"{error}"
            )
            if not error.is_alive:
                self._close()
            return None

    def _close(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self._worker = None
