"""`cai train` and `cai evaluate`."""

import datetime
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import console, print_table
from cai_keras.cli.progress import QuietReporter, make_reporter
from cai_keras.data.spec import DataSpec
from cai_keras.errors import CaiError, UsageError, choose
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder, find_run
from cai_keras.training.config import Paper, Recipe, load_resolved

_LOG = logging.getLogger(__name__)
# A share of time below this is no reason to look at the input pipeline.
_WORTH_SAYING = 0.05


@dataclass(frozen=True)
class PlannedRun:
    """One run of a call of `cai train`."""

    paper: Paper
    recipe: Recipe
    seed: int
    folder: RunFolder


@dataclass(frozen=True)
class RunOptions:
    """How a call of `cai train` runs what it planned; see its options."""

    strategy: str | None
    profile: tuple[int, int] | None
    resume: bool
    overwrite: bool
    logical_cpus: int


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
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue unfinished runs.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace runs that are in the way.")
    ] = False,
) -> None:
    """Train and evaluate variants x seeds, write records and figures, print the table.

    A finished run with the same resolved config is kept. Ctrl-C leaves a run that
    --resume continues.
    """
    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other")
    changes = list(sets or ())
    if precision is not None:
        changes.append(f"train.precision={precision}")
    if data is not None:
        _check_spec(data)
    planned = _plan(
        papers.find_papers(slugs), scale, _split(variant), data, changes,
        _seeds(seeds), output,
    )  # fmt: skip
    options = RunOptions(strategy, _window(profile), resume, overwrite, logical_cpus)
    failures = _run_needed(planned, options, output)
    if failures is None:  # a worker beside the chief
        return
    from cai_keras.cli import summary  # pandas and matplotlib: only now

    chosen = list({run.paper.slug: run.paper for run in planned}.values())
    summary.write_summary(output, chosen, scale)
    if failures:
        names = ", ".join(str(run.folder.path) for run in failures)
        raise CaiError(f"{len(failures)} of {len(planned)} runs failed: {names}")


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder or its record.json.")],
    checkpoint: Annotated[
        str, typer.Option(help="newest, or best as train.keep_best says.")
    ] = "newest",
) -> None:
    """Evaluate a finished run's checkpoint again.

    The new record goes to RUN/evaluations/; the run's own record stays.
    """
    choose("--checkpoint", checkpoint, {"newest": None, "best": None})
    folder = find_run(run)
    record = folder.record()
    if record.state != "done":
        raise UsageError(f"{folder.path}: the run is {record.state}, not done")
    paper = papers.find_paper(record.paper)
    recipe = load_resolved(folder.config_path, paper.slug)
    load_tensorflow()
    from cai_keras.training import evaluation
    from cai_keras.training.first_record import describe_dataset
    from cai_keras.training.machine import describe_machine

    build = papers.builder_of(paper)
    experiment = evaluation.restore(
        recipe, record.seed, folder, build, best=checkpoint == "best"
    )
    metrics = evaluation.evaluate(experiment, recipe)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    again = record.model_copy(
        update={
            "metrics": metrics,
            "machine": describe_machine(),
            "started": now,
            "dataset": describe_dataset(
                experiment, recipe, tuple(paper.file.paper.datasets)
            ),
        }
    )
    path = folder.path / "evaluations" / f"{now.replace(':', '')}.json"
    write_record(path, again)
    rows = [
        {"metric": name, "then": _value(record.metrics.get(name)), "now": _value(new)}
        for name, new in metrics.items()
    ]
    print_table({"metric": "Metric", "then": "In the record", "now": "Now"}, rows)
    _say(f"written: {path}")


def _plan(found, scale, variants, data, sets, seeds, output) -> list[PlannedRun]:
    planned = []
    for paper in found:
        for name in variants or paper.variants:
            recipe = paper.recipe(scale, name, data, sets)
            for seed in recipe.seeds if seeds is None else seeds:
                folder = RunFolder.of(output, paper.slug, scale, recipe.run_name, seed)
                planned.append(PlannedRun(paper, recipe, seed, folder))
    return planned


def _is_needed(run: PlannedRun, resume: bool, overwrite: bool) -> bool:
    """Whether to start the run; an error where its folder holds something else."""
    record = run.folder.record() if run.folder.record_path.exists() else None
    if record is None:
        return True
    same = False
    if run.folder.config_path.exists():
        old = load_resolved(run.folder.config_path, run.paper.slug)
        same = old.identity == run.recipe.identity
    if same and record.state == "done" and not overwrite:
        _say(f"{run.folder.path}: done already")
        return False
    if resume and same:
        return True
    if overwrite:
        return True
    if not same:
        raise UsageError(
            f"{run.folder.path}: holds a run with another config; "
            "choose another --output, or --overwrite"
        )
    raise UsageError(
        f"{run.folder.path}: holds a run that is {record.state}; "
        "continue with --resume, or --overwrite"
    )


def _run_needed(
    planned: list[PlannedRun], options: RunOptions, output: Path
) -> list[PlannedRun] | None:
    """Runs what is not done yet; the runs that failed, or None beside the chief."""
    names = {options.strategy or run.recipe.train.strategy for run in planned}
    if "multiworker" not in names:
        todo = _needed(planned, options)
        _say(f"{len(todo)} of {len(planned)} runs to do, in {output}")
        return _run_all(todo, options, is_chief=True)
    if len(names) > 1:
        raise UsageError(f"one call cannot mix the strategies {sorted(names)}")
    # The workers meet first, so that all of them see the same runs as done.
    load_tensorflow(options.logical_cpus)
    from cai_keras.training import distribution

    strategy = distribution.make_strategy(
        "multiworker", planned[0].recipe.train.cluster
    )
    is_chief = distribution.is_chief(strategy)
    todo = _needed(planned, options)
    mean = distribution.mean_over_processes(strategy, len(todo))
    if mean != len(todo):
        raise UsageError(
            f"{output}: the workers see different runs there; they need one folder "
            "that all of them can read"
        )
    if is_chief:
        _say(f"{len(todo)} of {len(planned)} runs to do, in {output}")
    failures = _run_all(todo, options, is_chief)
    return failures if is_chief else None


def _needed(planned: list[PlannedRun], options: RunOptions) -> list[PlannedRun]:
    return [
        run for run in planned if _is_needed(run, options.resume, options.overwrite)
    ]


def _run_all(
    todo: list[PlannedRun], options: RunOptions, is_chief: bool
) -> list[PlannedRun]:
    """Runs one after the other; a failed one does not stop the others."""
    if not todo:
        return []
    if is_chief:
        _say("loading TensorFlow")
    load_tensorflow(options.logical_cpus)
    from cai_keras.training import distribution, engine

    for run in todo:  # what cannot work here is wrong usage, before any run
        train = run.recipe.train
        strategy = distribution.make_strategy(
            options.strategy or train.strategy, train.cluster
        )
    reporter = make_reporter(console) if is_chief else QuietReporter()
    failures = []
    for number, run in enumerate(todo, start=1):
        place = f"[{number}/{len(todo)}] {run.folder.path.parent.name} seed {run.seed}"
        if is_chief and not options.resume and run.folder.path.exists():
            with run.folder.lock():
                _empty(run.folder)
        request = engine.RunRequest(
            recipe=run.recipe,
            seed=run.seed,
            folder=run.folder,
            paper_datasets=tuple(run.paper.file.paper.datasets),
            strategy=options.strategy,
            resume=options.resume,
            profile=options.profile,
        )
        try:
            record = engine.run(request, papers.builder_of(run.paper), reporter)
        except (engine.InterruptedRunError, UsageError):
            raise
        except CaiError as error:
            if distribution.is_multi_process(strategy):
                raise  # the other workers may not have failed at the same place
            failures.append(run)
            _say(f"{place} FAILED: {error}")
            _LOG.debug("the traceback", exc_info=True)
            continue
        if is_chief:
            _say(f"{place} {_summary_text(record)}")
    return failures


def _empty(folder: RunFolder) -> None:
    """Clears a run that is started anew; the lock file stays."""
    for path in folder.path.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def _summary_text(record) -> str:
    metrics = ", ".join(
        f"{name} {metric.value:.4g}"
        for name, metric in record.metrics.items()
        if metric.value is not None and name.startswith("test/")
    )
    waited = ""
    if record.input_wait_share and record.input_wait_share >= _WORTH_SAYING:
        waited = f", waiting for data {100 * record.input_wait_share:.0f} %"
    return f"{record.wall_seconds:.0f} s{waited}: {metrics}"


def _value(metric) -> str:
    if metric is None:
        return ""
    return f"null ({metric.reason})" if metric.value is None else repr(metric.value)


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


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
