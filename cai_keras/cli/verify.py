"""`cai verify`: trains committed records again and says whether they hold."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.damage_view import damage_text, say_damage
from cai_keras.cli.output import say
from cai_keras.cli.verification_report import (
    check_ending,
    print_skipped,
    print_verifications,
    write_report,
)
from cai_keras.data.spec import DataSpec
from cai_keras.errors import CaiError, GateError, UsageError

if TYPE_CHECKING:
    from cai_keras.reporting.finished import FinishedRun
    from cai_keras.reporting.record import Record
    from cai_keras.reporting.run_folder import RunFolder
    from cai_keras.reporting.verification import Verification

_RERUN = (sys.executable, "-m", "cai_keras.cli.rerun")


def verify(
    path: Annotated[
        Path, typer.Argument(metavar="RUN|FOLDER", help="What to train again.")
    ],
    sample: Annotated[
        int | None, typer.Option(min=1, help="That many at random. Default: all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random sample.")] = 0,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[METRIC:]X",
            help="Differences up to X, in the metric's unit, do not count. Repeat.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Keep the new runs there. Default: thrown away.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Summary, .md or .json.")
    ] = None,
) -> None:
    """Train records again from their resolved configs, and compare every metric.

    Each is identical, within the 95 % prediction interval of its variant's
    recorded seeds (three or more), or different. Data in folder:PATH is looked
    for from here. Exit codes: 0 identical or within, 1 a run failed or a record in
    the folder is damaged, 3 different.
    """
    from cai_keras.reporting import verification
    from cai_keras.reporting.selection import select_runs

    tolerances = verification.parse_tolerances(tolerance or ())
    if report is not None:
        check_ending(report)
    found = select_runs(path)
    runs, skipped = _split(found.runs)
    print_skipped(skipped, len(found.runs))
    if not runs:
        say_damage(found.problems)
        count = len(found.runs)
        raise UsageError(f"{path}: none of {count} records can be trained here")
    verification.check_names(tolerances, [run.record for run in runs])
    chosen = verification.draw_sample(runs, sample, seed)
    _refuse_occupied(output, chosen)
    todo, damaged = _with_seeds(chosen)
    problems = list(dict.fromkeys([*found.problems, *damaged]))
    say_damage(problems)
    _announce(len(runs), chosen)
    with _folder(output) as folder, _ending_with_children():
        verified = [
            _verify(run, seeds, folder, tolerances, f"[{number}/{len(todo)}]")
            for number, (run, seeds) in enumerate(todo, start=1)
        ]
    print_verifications(verified)
    if report is not None:
        # Below the folder: a report has no path of one machine.
        texts = [text.removeprefix(f"{path}/") for text in found.problems]
        skipped += [("damaged", text) for text in texts]
        write_report(report, verified, skipped, len(runs))
        say(f"written: {report}")
    _raise_for(verified)
    if problems:
        raise CaiError(f"{damage_text(problems)}; the others are verified")


def _split(
    runs: Sequence["FinishedRun"],
) -> tuple[list["FinishedRun"], list[tuple[str, str]]]:
    """The runs that can be trained here, and the others' names with the reason."""
    from cai_keras.reporting.selection import variant_name

    found, skipped = [], []
    data_obstacle = cache(_data_obstacle)  # reads archives; not for longer: files come
    for run in runs:
        reason = _obstacle(run) or data_obstacle(
            run.record.paper, run.record.dataset.spec
        )
        if reason:
            name = f"{variant_name(run.record)} seed {run.record.seed}"
            skipped.append((name, reason))
        else:
            found.append(run)
    return found, skipped


def _obstacle(run: "FinishedRun") -> str:
    """Why a run cannot be trained again here, data apart; empty where it can."""
    record = run.record
    if record.state != "done":
        return f"it is {record.state}, not done"
    if not record.metrics:
        return "its record has no metric"
    if not run.folder.config_path.exists():
        return "it has no config.yaml"
    if record.paper not in papers.paper_slugs():
        return f"there is no paper {record.paper!r} here"
    if record.strategy == "multiworker":
        return "it was trained by several worker processes; use cai launch"
    return ""


def _data_obstacle(slug: str, text: str) -> str:
    """Why the data cannot be read here; embedded sets always can."""
    try:
        spec = DataSpec.parse(text)
        if spec.kind == "embedded":
            return ""
        if spec.kind == "folder":
            _ = spec.folder  # before TensorFlow is loaded for it
        problems = papers.data_problems(papers.find_paper(slug))(text)
    except CaiError as error:
        return str(error)
    return problems[0] if problems else ""


def _refuse_occupied(output: Path | None, chosen: Sequence["FinishedRun"]) -> None:
    """Records are never replaced: `output` may be where they lie."""
    for run in chosen if output is not None else ():
        folder = _place(output, run)
        if folder.path.exists():
            raise UsageError(
                f"{folder.path}: is there already; choose another --output"
            )


def _place(output: Path, run: "FinishedRun") -> "RunFolder":
    """Where the second run of a record lies."""
    from cai_keras.reporting.run_folder import RunFolder

    record = run.record
    place = record.paper, record.scale, record.run_name, record.seed
    return RunFolder.of(output, *place)


def _announce(available: int, chosen: Sequence["FinishedRun"]) -> None:
    from cai_keras.reporting.rounding import duration

    seconds = sum(run.record.wall_seconds for run in chosen)
    say(
        f"training {len(chosen)} of {available} records again: about "
        f"{duration(seconds)} (the sum of their wall_seconds)"
    )


def _verify(
    run: "FinishedRun", seeds: Sequence["Record"], folder: Path, tolerances, place: str
) -> "Verification":
    """Trains one record again in a process of its own."""
    from cai_keras.reporting.record import read_record
    from cai_keras.reporting.rounding import duration
    from cai_keras.reporting.verification import (
        Verification,
        compare_curves,
        verify_record,
    )

    record = run.record
    title = f"{place} {record.run_name} seed {record.seed}"
    say(f"{title}: about {duration(record.wall_seconds)}")
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        command = [*_RERUN, str(run.folder.path), str(folder)]
        code = subprocess.run(command, stderr=errors, check=False).returncode
        errors.seek(0)
        lines = [line.strip() for line in errors if line.strip()]
    if code:
        found = Verification(record, None, failure=_failure(code, lines))
    else:
        new = _place(folder, run)
        again = read_record(new.record_path)
        found = verify_record(record, again, seeds, tolerances)
        curves = compare_curves(run.folder.metrics_path, new.metrics_path)
        found = replace(found, curves=curves)
    say(f"{title}: {found.outcome}{found.failure and f': {found.failure}'}")
    return found


def _with_seeds(
    chosen: Sequence["FinishedRun"],
) -> tuple[list[tuple["FinishedRun", list["Record"]]], list[str]]:
    """Each run with the finished records of its variant in the folders beside it.

    Returns:
        these, and one line for every damaged record in such a folder.
    """
    from cai_keras.reporting.damage import sound_runs
    from cai_keras.reporting.run_folder import RECORD, RunFolder

    found, problems = [], []
    for run in chosen:
        paths = sorted(run.folder.path.parent.glob(f"*/{RECORD}"))
        beside, damaged = sound_runs(RunFolder(path.parent) for path in paths)
        own = _identity(run.record)
        records = [other.record for other in beside if other.record.state == "done"]
        found.append((run, [r for r in records if _identity(r) == own]))
        problems += damaged
    return found, problems


def _identity(record: "Record") -> tuple[str, str, str, list[str]]:
    """What two seeds of one variant have in common."""
    return record.paper, record.scale, record.run_name, record.overrides


def _failure(code: int, lines: Sequence[str]) -> str:
    from cai_keras.reporting.plain_text import one_line

    said = [line for line in lines if line.startswith("cai: error: ")]
    last = (said or lines or [""])[-1].removeprefix("cai: error: ")
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return one_line(last) or f"ended with {how}"


@contextmanager
def _folder(output: Path | None) -> Iterator[Path]:
    if output is not None:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="cai-verify-") as folder:
        yield Path(folder)


@contextmanager
def _ending_with_children() -> Iterator[None]:
    """SIGTERM ends the training process, too: subprocess does that on Ctrl-C."""

    def stop(number, frame):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _raise_for(verified: Sequence["Verification"]) -> None:
    """The exit code: a run that failed first, then a number that is different."""
    failed = [v.name for v in verified if v.outcome == "failed"]
    different = [v.name for v in verified if v.outcome == "different"]
    texts = [
        f"{len(names)} of {len(verified)} {what}: {', '.join(names)}"
        for names, what in ((failed, "failed"), (different, "are different"))
        if names
    ]
    if failed:
        raise CaiError("; ".join(texts))
    if different:
        raise GateError(texts[0])
