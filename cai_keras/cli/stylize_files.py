"""One pass of a trained network over many pictures, from files to files."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.cli.output import console, errors, say
from cai_keras.cli.progress import make_reporter
from cai_keras.data.picture_files import (
    WRITABLE,
    check_writable,
    find_pictures,
    fit_longer_side,
    picture_bytes,
    read_picture,
)
from cai_keras.errors import CaiError, DataError, UsageError
from cai_keras.reporting.atomic import write_atomic


@dataclass(frozen=True)
class FileJob:
    """A picture to read and one to write."""

    source: Path
    target: Path


def plan_files(sources: Sequence[Path], out: Path) -> list[FileJob]:
    """Pictures and those of folders, each with its result's place.

    A result has its picture's name, and its format where we write it, else PNG. `out`
    is a folder; of a single picture it may be a file.

    Raises:
        UsageError: nothing to do, two results of one name, a result that would
            replace a picture, or an `out` of the wrong kind.
    """
    pictures = []
    for source in sources:
        if source.is_dir():
            found = find_pictures(source)
            if not found:
                raise UsageError(f"{source}: no pictures in this folder")
            pictures += found
        else:
            pictures.append(source)
    if out.suffix and not out.is_dir():
        check_writable(out)
        if len(pictures) > 1:
            raise UsageError(f"--out {out}: expected a folder for several pictures")
        jobs = [FileJob(pictures[0], out)]
    else:
        jobs = [FileJob(picture, out / _name_of(picture)) for picture in pictures]
    _check(jobs, out)
    return jobs


def _name_of(picture: Path) -> str:
    is_writable = picture.suffix.lower() in WRITABLE
    return picture.name if is_writable else f"{picture.stem}.png"


def _check(jobs: Sequence[FileJob], out: Path) -> None:
    if out.exists() and not out.is_dir() and not out.suffix:
        raise UsageError(f"--out {out}: is a file; expected a folder")
    first: dict[Path, Path] = {}
    for job in jobs:
        other = first.setdefault(job.target, job.source)
        if other is not job.source:
            raise UsageError(f"{other} and {job.source} would both become {job.target}")
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise UsageError(
                f"--out {out}: {job.target} is one of the pictures that are read"
            )


def apply_to_files(network, jobs: Sequence[FileJob], size: int | None) -> None:
    """Every picture through the network; bad ones are named and left out.

    Args:
        size: pixels of the longer side that the network sees; None: as it is.
    Raises:
        CaiError: some were left out; those before and after them are written.
    """
    reporter, problems = make_reporter(console), []
    began = time.monotonic()
    try:
        reporter.start("stylize", len(jobs), 0, 1)
        for number, job in enumerate(jobs, start=1):
            try:
                shape = _apply(network, job, size)
            except (DataError, OSError) as error:
                problems.append(str(error))
                errors.print(
                    f"left out: {error}", markup=False, highlight=False, soft_wrap=True
                )
            else:
                width, height = shape[1], shape[0]
                reporter.message(f"{job.target}: {width} x {height}")
            reporter.advance(number, {})
    finally:
        reporter.stop()
    written = len(jobs) - len(problems)
    say(f"{written} of {len(jobs)} pictures in {time.monotonic() - began:.1f} s")
    if problems:
        raise CaiError(
            f"{len(problems)} of {len(jobs)} pictures left out; the others are written"
        )


def _apply(network, job: FileJob, size: int | None) -> tuple[int, ...]:
    from cai_keras.stylization.apply import apply_network

    picture = read_picture(job.source)
    if size is not None:
        picture = fit_longer_side(picture, size)
    try:
        made = apply_network(network, picture)
    except DataError as error:
        raise DataError(f"{job.source}: {error}") from error
    write_atomic(job.target, picture_bytes(made, job.target.suffix))
    return made.shape
