"""Which configurations are asked for, before anything is built or imported."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from benchmarks.backends import NAMES
from benchmarks.costs import COMPUTED_IN
from cai_keras.cli import papers
from cai_keras.errors import UsageError, choose
from cai_keras.training.config import SCALES, Paper

SWITCHES = {"off": False, "on": True}
AUTO = "auto"
# Of a training step, which has all of a paper's networks.
ALL_NETWORKS = "all"


@dataclass(frozen=True)
class Request:
    """One configuration as a worker is told of it; see `rows.Configuration`.

    Attributes:
        batch_size: None to search for the largest one that fits.
    """

    kind: str
    paper: str
    scale: str
    variant: str
    network: str
    backend: str
    precision: str
    xla: bool
    strategy: str = "one"
    data: str = "synthetic"
    batch_size: int | None = 32

    @property
    def title(self) -> str:
        """A line's worth: what is run and how."""
        name = f"{self.paper}/{self.variant}"
        if self.network != ALL_NETWORKS:
            name += f"/{self.network}"
        parts = [self.backend, self.precision, "xla" if self.xla else "no xla"]
        if self.strategy != "one":
            parts.append(self.strategy)
        if self.batch_size is not None:
            parts.append(f"batch {self.batch_size}")
        return f"{name} ({', '.join(parts)})"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Asked:
    """What the command line said, checked; lists in the order given.

    Attributes:
        kind: train or infer.
        slugs: papers.
        variants, networks: None for a paper's first, and for all.
        batch_size: None for auto.
    """

    kind: str
    slugs: tuple[str, ...]
    scale: str
    variants: tuple[str, ...] | None
    networks: tuple[str, ...] | None
    batch_size: int | None
    precisions: tuple[str, ...]
    xla: tuple[bool, ...]
    backends: tuple[str, ...]
    strategy: str
    data: str

    def modes(self) -> list[tuple[str, str, bool]]:
        """(backend, precision, xla) of every way to run a network, each once.

        JAX always compiles with XLA, PyTorch never does.
        """
        found = []
        for backend, precision, xla in product(
            self.backends, self.precisions, self.xla
        ):
            compiled = {"jax": True, "torch": False}.get(backend, xla)
            found.append((backend, precision, compiled))
        return list(dict.fromkeys(found))

    def requests(self, paper: Paper, variant: str, network: str) -> list[Request]:
        """All ways to run one network, neighbours in time."""
        own = paper.recipe(self.scale, variant).data.batch_size
        # Where a paper takes one picture a step, its recipe may refuse more.
        is_single = self.kind == "train" and own == 1
        return [
            Request(
                kind=self.kind,
                paper=paper.slug,
                scale=self.scale,
                variant=variant,
                network=network,
                backend=backend,
                precision=precision,
                xla=xla,
                strategy=self.strategy,
                data=self.data,
                batch_size=1 if is_single else self.batch_size,
            )
            for backend, precision, xla in self.modes()
        ]


def read_request(
    kind: str,
    slugs: Sequence[str],
    scale: str,
    variants: Sequence[str] | None,
    networks: Sequence[str] | None,
    batch: str,
    precisions: Sequence[str],
    xla: Sequence[str],
    backends: Sequence[str],
    strategy: str,
    data: str,
) -> Asked:
    """The options of `cai bench train` and `infer`, checked.

    Args:
        slugs: none, or all, for every paper.
        batch: a number, or auto.
    Raises:
        UsageError: names what is wrong and the nearest valid name.
    """
    found = papers.find_papers(list(slugs) or ["all"])
    choose("--scale", scale, dict.fromkeys(SCALES))
    for variant in variants or ():
        known = [name for paper in found for name in paper.variants]
        choose("--variant", variant, dict.fromkeys(known))
    for name in precisions:
        choose("--precision", name, COMPUTED_IN)
    for name in backends:
        choose("--backend", name, dict.fromkeys(NAMES))
    choose("--data", data, dict.fromkeys(("synthetic", "real")))
    strategies = dict.fromkeys(("one", "mirrored"))
    choose("--strategy", strategy, strategies)
    if kind == "infer" and (strategy, data) != ("one", "synthetic"):
        raise UsageError("cai bench infer: one device and synthetic data only")
    if strategy != "one" and set(backends) != {"tensorflow"}:
        raise UsageError(f"--strategy {strategy}: needs --backend tensorflow")
    if strategy != "one" and "on" in xla:
        raise UsageError(f"--strategy {strategy}: the engine compiles one replica only")
    return Asked(
        kind=kind,
        slugs=tuple(paper.slug for paper in found),
        scale=scale,
        variants=tuple(variants) if variants else None,
        networks=tuple(networks) if networks else None,
        batch_size=_batch_size(batch),
        precisions=tuple(precisions),
        xla=tuple(choose("--xla", name, SWITCHES) for name in xla),
        backends=tuple(backends),
        strategy=strategy,
        data=data,
    )


def trained_variants(paper: Paper, asked) -> list[str]:
    """The asked variants of a paper; the first that trains where none was named.

    Args:
        asked: with `variants` and `scale`.
    """
    if asked.variants:
        return [name for name in asked.variants if name in paper.variants]
    for name in paper.variants:
        if paper.recipe(asked.scale, name).train.total_steps:
            return [name]
    return []


def with_batch(request: Request, batch_size: int) -> Request:
    return replace(request, batch_size=batch_size)


def _batch_size(text: str) -> int | None:
    if text == AUTO:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise UsageError(f"--batch {text}: expected a number above 0, or {AUTO}")
    return int(text)
