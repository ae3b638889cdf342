"""Trains one planned run: in this process, or as the process that a batch starts.

    python -m cai_keras.cli.single_run JSON

The JSON is `process_arguments` of the run. The process writes what happens as lines of
JSON into a pipe; what it prints is only looked at when it ends badly.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow, set_threads
from cai_keras.cli.lifeline import end_with_parent
from cai_keras.cli.plan import PlannedRun, plan_runs
from cai_keras.errors import CaiError
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RunFolder

# A share of time below this is no reason to look at the input pipeline.
_WORTH_SAYING = 0.05


@dataclass(frozen=True)
class RunOptions:
    """How a call of `cai train` computes its runs; see its options."""

    strategy: str | None = None
    profile: tuple[int, int] | None = None
    logical_cpus: int = 1
    threads: int | None = None


def train_run(
    run: PlannedRun, resume: bool, options: RunOptions, reporter, is_chief: bool = True
) -> Record:
    """Trains and evaluates a run in this process; TensorFlow must be loaded.

    Args:
        resume: continue what is there; otherwise the run's folder is emptied.
        is_chief: False in a worker beside the first one, which leaves the folder be.
    """
    from cai_keras.training import engine

    if is_chief and not resume and run.folder.path.exists():
        with run.folder.lock():
            _empty(run.folder)
    request = engine.RunRequest(
        recipe=run.recipe,
        seed=run.seed,
        folder=run.folder,
        paper_datasets=tuple(run.paper.file.paper.datasets),
        strategy=options.strategy,
        resume=resume,
        profile=options.profile,
        code=run.code,
    )
    return engine.run(request, papers.builder_of(run.paper), reporter)


def result_text(record: Record) -> str:
    """What a finished run is announced with: its time and its test metrics."""
    metrics = ", ".join(
        f"{name} {metric.value:.4g}"
        for name, metric in record.metrics.items()
        if metric.value is not None and name.startswith("test/")
    )
    waited = ""
    if record.input_wait_share and record.input_wait_share >= _WORTH_SAYING:
        waited = f", waiting for data {100 * record.input_wait_share:.0f} %"
    return f"{record.wall_seconds:.0f} s{waited}: {metrics}"


def process_arguments(
    run: PlannedRun, resume: bool, options: RunOptions
) -> dict[str, Any]:
    """A run as another process can plan it again."""
    recipe = run.recipe
    data, changes = None, list(recipe.overrides)
    if recipe.data_overridden:  # --data is the first override
        data = changes.pop(0).partition("=")[2]
    return {
        "paper": recipe.slug,
        "scale": recipe.scale,
        "variant": recipe.variant,
        "data": data,
        "changes": changes,
        "seed": run.seed,
        "output": str(run.folder.path.parents[3]),
        "resume": resume,
        "strategy": options.strategy,
        "profile": options.profile,
        "logical_cpus": options.logical_cpus,
        "threads": options.threads,
    }


class PipeReporter:
    """An engine's reporter that writes its calls as lines of JSON."""

    def __init__(self, number: int):
        self._file = open(number, "w", buffering=1, encoding="utf-8")  # noqa: SIM115

    def start(self, title: str, total: int, done: int, batch_size: int) -> None:
        self.write(event="start", total=total, done=done, batch_size=batch_size)

    def advance(self, done: int, losses: Mapping[str, float]) -> None:
        losses = {name: float(value) for name, value in losses.items()}
        self.write(event="advance", done=done, losses=losses)

    def message(self, text: str) -> None:
        self.write(event="message", text=text)

    def stop(self) -> None:
        self.write(event="stop")

    def write(self, **event: Any) -> None:
        self._file.write(json.dumps(event) + "\n")


def main() -> None:
    """The process of one run in a batch."""
    end_with_parent()
    arguments = json.loads(sys.argv[1])
    reporter = PipeReporter(int(os.environ["CAI_EVENTS"]))
    try:
        record = _train(arguments, reporter)
    except CaiError as error:
        reporter.write(event="failed", text=one_line(str(error)))
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(1) from None  # asked twice: the parent knows why
    reporter.write(event="done", text=result_text(record))


def planned_again(arguments: dict[str, Any]) -> PlannedRun:
    """The run of `process_arguments`, in another process."""
    (run,) = plan_runs(
        [papers.find_paper(arguments["paper"])],
        arguments["scale"],
        [arguments["variant"]],
        arguments["data"],
        arguments["changes"],
        [arguments["seed"]],
        Path(arguments["output"]),
    )
    return run


def _train(arguments: dict[str, Any], reporter: PipeReporter) -> Record:
    run, profile = planned_again(arguments), arguments["profile"]
    options = RunOptions(
        arguments["strategy"],
        None if profile is None else (profile[0], profile[1]),
        arguments["logical_cpus"],
        arguments["threads"],
    )
    resume = arguments["resume"]
    record = run.folder.record() if resume else None
    load_tensorflow(options.logical_cpus)
    if record is not None:  # another number of threads would change the last bits
        machine = record.machine
        set_threads(machine.intra_op_threads, machine.inter_op_threads)
    elif options.threads is not None:
        set_threads(options.threads)
    return train_run(run, resume, options, reporter)


def _empty(folder: RunFolder) -> None:
    """Clears a run that is started anew; the lock file stays."""
    for path in folder.path.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


if __name__ == "__main__":
    main()
