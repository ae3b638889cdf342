"""What TensorBoard shows over runs, derived from their files: `<output>/summary/`.

It mirrors the output folder. Beside the runs of `<paper>/<scale>/<run_name>/` stand

- `summary/<paper>/<scale>/<run_name>/mean`, `min` and `max`: every metric over the
  finished seeds, at the steps that all of them logged;
- `summary/<paper>/<scale>/<run_name>/seed<k>`: curves, hyper-parameters and figures of
  a finished run without event files of its own, such as one from a repository;
- `summary/<paper>/<scale>/figures/<data>`: the pictures of that folder;
- `summary/claims`: the table, a text for each paper.

A metric has its name in `metrics.csv` as its tag. A run's own event files have the
part before the first slash as a folder instead: `train/net/total` here is `net/total`
in `<run>/tb/train`.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cai_keras.errors import UsageError
from cai_keras.reporting.event_files import (
    Hyperparameters,
    Image,
    Part,
    Scalars,
    Text,
    read_png,
    remove_events,
    write_events,
)
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.formats import to_markdown
from cai_keras.reporting.hyperparameters import hyperparameters_of
from cai_keras.reporting.metrics_csv import read_metrics
from cai_keras.reporting.seeds import read_recipe, why_not_seeds
from cai_keras.reporting.table import COLUMNS, Row
from cai_keras.reporting.verdict import NOT_RUN

SUMMARY = "summary"
# The columns that fit a screen; `cai report` has all.
_COLUMNS = (
    "claim", "published", "ours", "count", "difference", "data", "protocol", "verdict",
)  # fmt: skip
_OVER_SEEDS = {"mean": np.mean, "min": np.min, "max": np.max}

# By metric, the values by step.
Curves = Mapping[str, Mapping[int, float]]


@dataclass
class Changes:
    """What an update did.

    Attributes:
        runs: TensorBoard runs in the summary.
        written, removed: how many of them are new or changed, and how many went.
        problems: what is missing in it and why, a line each.
    """

    runs: int = 0
    written: int = 0
    removed: int = 0
    problems: list[str] = field(default_factory=list)


def update_summary(
    output: Path, runs: Iterable[FinishedRun], rows: Sequence[Row]
) -> Changes:
    """Brings `<output>/summary/` up to date; what has not changed is not written.

    Args:
        runs: all below `output` that can be read.
        rows: of the comparison table.
    Raises:
        OSError: the folder cannot be written.
    """
    changes = Changes()
    kept = set()
    with _locked(output) as summary:
        for place, parts in _contents(output, runs, rows, changes.problems):
            changes.written += write_events(summary / place, parts)
            kept.add(summary / place)
        changes.removed = _remove_others(summary, kept)
    changes.runs = len(kept)
    return changes


def write_summary_figures(output: Path, folder: Path) -> list[str]:
    """Shows the pictures of `<output>/<paper>/<scale>/figures/<data>/` in TensorBoard.

    `update_summary` does so for all such folders; this is for one that was drawn anew.

    Returns:
        a line for each file there that is no picture.
    Raises:
        OSError: the folder cannot be written.
    """
    problems: list[str] = []
    with _locked(output) as summary:
        images = _images(folder, problems)
        place = summary / folder.relative_to(output)
        write_events(place, images) if images else remove_events(place)
    return problems


@contextmanager
def _locked(output: Path) -> Iterator[Path]:
    """The folder `summary`, for this process alone to write into."""
    summary = output / SUMMARY
    summary.mkdir(exist_ok=True)
    with open(summary / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield summary


def _contents(
    output: Path, runs: Iterable[FinishedRun], rows: Sequence[Row], problems: list[str]
) -> Iterator[tuple[Path, list[Part]]]:
    """The folders below `summary`, and what each of them holds."""
    # By where the runs lie, not by what their records say: that may be any text.
    variants: dict[Path, list[FinishedRun]] = {}
    for run in runs:
        if run.record.state == "done":
            variants.setdefault(run.folder.path.parent, []).append(run)
    for folder, members in variants.items():
        place = folder.relative_to(output)
        for name, parts in _of_variant(place, members, problems):
            yield place / name, parts
    for scale in dict.fromkeys(folder.parent for folder in variants):
        for figures in sorted(scale.glob("figures/*/")):
            images = _images(figures, problems)
            if images:
                yield figures.relative_to(output), images
    claims = _claims(rows)
    if claims:
        yield Path("claims"), claims


def _of_variant(
    place: Path, runs: Sequence[FinishedRun], problems: list[str]
) -> Iterator[tuple[str, list[Part]]]:
    """What stands in the summary's folder `place` for the runs of that folder."""
    seeds = []
    for run in runs:
        try:
            recipe = read_recipe(run.folder.config_path)
            seeds.append((run, recipe, read_metrics(run.folder.metrics_path)))
        except UsageError as error:
            problems.append(str(error))
    for run, recipe, curves in seeds:
        name = run.folder.path.name
        if not run.folder.tensorboard.is_dir():
            values = hyperparameters_of(run.record, recipe)
            row = Hyperparameters(values)
            yield name, [*_scalars(curves), row, *_images(run.folder.figures, problems)]
    # A copy of a run counts once.
    by_seed = {run.record.seed: curves for run, _, curves in seeds}
    if len(by_seed) > 1 and any(by_seed.values()):
        reason = why_not_seeds([s[0].record for s in seeds], [s[1] for s in seeds])
        bare = [f"seed {seed}" for seed, curves in by_seed.items() if not curves]
        if bare and not reason:
            reason = f"{', '.join(bare)}: nothing in metrics.csv"
        if reason:
            problems.append(f"{place}: no mean over seeds: {reason}")
        else:
            yield from _over_seeds(list(by_seed.values()))


def _over_seeds(seeds: Sequence[Curves]) -> Iterator[tuple[str, list[Part]]]:
    """Each metric that all seeds logged, at the steps that all of them have."""
    shared: dict[str, tuple[list[int], np.ndarray]] = {}
    for metric, points in seeds[0].items():
        others = [curves.get(metric, {}) for curves in seeds[1:]]
        steps = [step for step in points if all(step in other for other in others)]
        if steps:
            table = [[curves[metric][step] for step in steps] for curves in seeds]
            shared[metric] = steps, np.array(table)
    for name, reduce in _OVER_SEEDS.items():
        curves = {
            metric: dict(zip(steps, reduce(table, axis=0).tolist(), strict=True))
            for metric, (steps, table) in shared.items()
        }
        if curves:
            yield name, _scalars(curves)


def _scalars(curves: Curves) -> list[Part]:
    return [Scalars(metric, points) for metric, points in curves.items()]


def _images(folder: Path, problems: list[str]) -> list[Part]:
    """The PNG files of a folder, by their names."""
    images: list[Part] = []
    for path in sorted(folder.glob("*.png")):
        try:
            images.append(Image(f"figures/{path.stem}", read_png(path)))
        except UsageError as error:
            problems.append(str(error))
    return images


def _claims(rows: Sequence[Row]) -> list[Part]:
    """A table for each paper that has something in it."""
    papers: dict[str, list[Row]] = {}
    for row in rows:
        papers.setdefault(row.paper, []).append(row)
    columns = {key: COLUMNS[key] for key in _COLUMNS}
    return [
        Text(paper, to_markdown(members, columns))
        for paper, members in papers.items()
        if any(row.verdict != NOT_RUN for row in members)
    ]


def _remove_others(summary: Path, kept: set[Path]) -> int:
    """Removes what an earlier update wrote and this one did not; counts it."""
    removed = 0
    for name, _, _ in os.walk(summary, topdown=False):
        folder = Path(name)
        if folder not in kept:
            removed += remove_events(folder)
            with suppress(OSError):  # not empty
                folder.rmdir()
    return removed
