"""`cai train`: runs of every variant and seed, one after the other or side by side."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow, set_threads
from cai_keras.cli.gpus import visible_gpus
from cai_keras.cli.output import console, say
from cai_keras.cli.plan import InTheWay, PlannedRun, needed_runs, plan_runs
from cai_keras.cli.progress import QuietReporter, make_reporter
from cai_keras.cli.run_status import DONE, FAILED, INTERRUPTED, RunStatus, count_states
from cai_keras.cli.single_run import RunOptions, result_text, train_run
from cai_keras.data.spec import DataSpec
from cai_keras.errors import CaiError, UsageError, choose
from cai_keras.reporting.plain_text import one_line
from cai_keras.training.cpus import usable_cpus

_LOG = logging.getLogger(__name__)
_NAMED = 3  # failed runs in the error; the lines above it have them all


def train(
    slugs: Annotated[list[str], typer.Argument(metavar="PAPER...", help="Or all.")],
    scale: Annotated[str, typer.Option(help="smoke, small or paper.")] = "small",
    variant: Annotated[
        list[str] | None, typer.Option(help="Repeat, or a,b. Default: all.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Instead of the recipe's data.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(metavar="0,1,2")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=V")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="one, mirrored, multiworker or tpu.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="float32, mixed_bfloat16 or mixed_float16.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for runs.")] = Path("runs"),
    profile: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="TensorBoard profile of these steps."),
    ] = None,
    logical_cpus: Annotated[
        int, typer.Option(min=1, help="Devices to cut the CPU into, to try mirrored.")
    ] = 1,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at a time, each in a process of its own."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Of a run. Default: all, or a job's share of them."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue unfinished runs.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace runs that are in the way.")
    ] = False,
    stale: Annotated[
        str | None, typer.Option(help="keep or rerun runs that other code made.")
    ] = None,
) -> None:
    """Train and evaluate variants x seeds, write records and figures, print the table.

    A finished run with the same resolved config and code is kept. A run that fails
    stops no other. Ctrl-C leaves runs that --resume continues.
    """
    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other")
    if stale is not None:
        choose("--stale", stale, {"keep": None, "rerun": None})
    changes = list(sets or ())
    if precision is not None:
        changes.append(f"train.precision={precision}")
    if data is not None:
        _check_spec(data)
    planned = plan_runs(
        papers.find_papers(slugs), scale, _split(variant), data, changes,
        _seeds(seeds), output,
    )  # fmt: skip
    options = RunOptions(strategy, _window(profile), logical_cpus, threads)
    began = time.monotonic()
    statuses = _run_needed(
        planned, options, InTheWay(resume, overwrite, stale), jobs, output
    )
    if statuses is None:  # a worker beside the chief
        return
    from cai_keras.cli import summary  # pandas and matplotlib: only now

    chosen = list({run.paper.slug: run.paper for run in planned}.values())
    summary.write_summary(output, chosen, scale)
    _conclude(statuses, len(planned) - len(statuses), time.monotonic() - began)


def _run_needed(
    planned: Sequence[PlannedRun],
    options: RunOptions,
    in_the_way: InTheWay,
    jobs: int | None,
    output: Path,
) -> list[RunStatus] | None:
    """Does what is to be done; how each run ended, or None beside the chief."""
    names = {options.strategy or run.recipe.train.strategy for run in planned}
    if "multiworker" in names:
        if len(names) > 1:
            raise UsageError(f"one call cannot mix the strategies {sorted(names)}")
        if jobs is not None:
            raise UsageError("--jobs and the strategy multiworker exclude each other")
        return _run_as_worker(planned, options, in_the_way, output)
    statuses = [RunStatus(*needed) for needed in needed_runs(planned, in_the_way)]
    say(f"{len(statuses)} of {len(planned)} runs to do, in {output}")
    if jobs is None:
        _run_here(statuses, options, is_chief=True)
    elif statuses:
        _run_batch(statuses, min(jobs, len(statuses)), options)
    return statuses


def _run_as_worker(planned, options, in_the_way, output) -> list[RunStatus] | None:
    # The workers meet first, so that all of them see the same runs as done.
    load_tensorflow(options.logical_cpus)
    from cai_keras.training import distribution

    strategy = distribution.make_strategy(
        "multiworker", planned[0].recipe.train.cluster
    )
    is_chief = distribution.is_chief(strategy)
    statuses = [RunStatus(*needed) for needed in needed_runs(planned, in_the_way)]
    mean = distribution.mean_over_processes(strategy, len(statuses))
    if mean != len(statuses):
        raise UsageError(
            f"{output}: the workers see different runs there; they need one folder "
            "that all of them can read"
        )
    if is_chief:
        say(f"{len(statuses)} of {len(planned)} runs to do, in {output}")
    _run_here(statuses, options, is_chief)
    return statuses if is_chief else None


def _run_here(
    statuses: Sequence[RunStatus], options: RunOptions, is_chief: bool
) -> None:
    """Runs one after the other in this process; a failed one stops no other."""
    if not statuses:
        return
    if is_chief:
        say("loading TensorFlow")
    load_tensorflow(options.logical_cpus)
    if options.threads is not None:
        set_threads(options.threads)
    from cai_keras.training import distribution, engine

    for status in statuses:  # what cannot work here is wrong usage, before any run
        train = status.run.recipe.train
        strategy = distribution.make_strategy(
            options.strategy or train.strategy, train.cluster
        )
    reporter = make_reporter(console) if is_chief else QuietReporter()
    for number, status in enumerate(statuses, start=1):
        place = f"[{number}/{len(statuses)}] {status.run.title}"
        status.begin()
        try:
            record = train_run(status.run, status.resume, options, reporter, is_chief)
        except engine.InterruptedRunError:
            raise
        except Exception as error:
            if distribution.is_multi_process(strategy):
                raise  # the other workers may not have failed at the same place
            if len(statuses) == 1 and not _is_of_run(error):
                raise
            status.end(FAILED, _reason(error))
            say(f"{place} FAILED: {status.detail}")
            _LOG.debug("the traceback", exc_info=True)
            continue
        status.end(DONE, result_text(record))
        if is_chief:
            say(f"{place} {status.detail}")


def _run_batch(statuses: Sequence[RunStatus], jobs: int, options: RunOptions) -> None:
    """Runs them in processes of their own, `jobs` at a time."""
    from cai_keras.cli.batch import Batch
    from cai_keras.cli.batch_view import make_view

    if options.threads is None:
        options = replace(options, threads=max(1, usable_cpus() // jobs))
    count, gpus = options.threads, visible_gpus()
    on = f", on GPUs {', '.join(gpus)}" if gpus else ""
    say(f"{jobs} at a time, {count} thread{'s'[: count > 1]} each{on}")
    batch = Batch(statuses, jobs, options)
    with make_view(console) as view:
        batch.run(view.update)
    if batch.was_stopped:
        left = sum(status.state != DONE for status in statuses)
        raise CaiError(
            f"stopped: {left} of {len(statuses)} runs are not finished; "
            "continue with --resume"
        )


def _conclude(statuses: Sequence[RunStatus], kept: int, seconds: float) -> None:
    """The summary: what became of the runs, and the exit code."""
    from cai_keras.reporting.rounding import duration

    counts = [f"{number} {state}" for state, number in count_states(statuses).items()]
    if kept:
        counts.append(f"{kept} kept")
    say(f"runs: {', '.join(counts)}, in {duration(seconds)}")
    bad = [status for status in statuses if status.state in (FAILED, INTERRUPTED)]
    if len(statuses) > 1:
        for status in bad:
            say(f"  {status.run.folder.path}: {status.state}: {status.detail}")
    if bad:
        names = ", ".join(str(s.run.folder.path) for s in bad[:_NAMED])
        more = f" and {len(bad) - _NAMED} more" if bad[_NAMED:] else ""
        raise CaiError(f"{len(bad)} of {len(statuses)} runs failed: {names}{more}")


def _is_of_run(error: Exception) -> bool:
    """Whether it is a failure of the run, not of the request or of our code."""
    return isinstance(error, CaiError) and not isinstance(error, UsageError)


def _reason(error: Exception) -> str:
    if isinstance(error, CaiError):
        return str(error)
    return f"{type(error).__name__}: {one_line(str(error))}"


def _split(names: list[str] | None) -> list[str]:
    parts = [part for name in names or () for part in name.split(",") if part]
    return list(dict.fromkeys(parts))


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--seeds {text}: expected numbers such as 0,1,2")
    return list(dict.fromkeys(int(part) for part in parts))


def _window(text: str | None) -> tuple[int, int] | None:
    """`A:B` as two step numbers."""
    if text is None:
        return None
    first, _, last = text.partition(":")
    if not (first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise UsageError(f"--profile {text}: expected A:B, two steps with A below B")
    return int(first), int(last)


def _check_spec(text: str) -> None:
    """Refuses a misspelt spec or a missing folder before TensorFlow is loaded."""
    spec = DataSpec.parse(text)
    if spec.kind == "folder":
        _ = spec.folder
