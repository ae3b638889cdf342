"""Pictures that a run shows while it trains, as files: `progress/NAME-STEP.png`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.reporting.run_groups import data_title
from cai_keras.reporting.style import figure_style

_MOST, _LEAST = 5, 3  # pictures in a row, fewer where there are many rows
_PICTURES = 20  # in a figure: more make it larger than a repository should hold
_INCHES, _TITLE = 2.2, 0.3  # of a picture's width, of the line above it


def write_progress(folder: RunFolder, name: str, step: int, png: bytes) -> None:
    """Keeps a picture; one of the same step is replaced."""
    folder.progress.mkdir(parents=True, exist_ok=True)
    write_atomic(folder.progress / f"{name}-{step:08d}.png", png)


def progress_of(folder: RunFolder, name: str) -> dict[int, Path]:
    """step -> file, in the order of steps."""
    files = sorted(folder.progress.glob(f"{name}-*.png"))
    return {int(path.stem.rpartition("-")[2]): path for path in files}


def draw_film_strips(runs: Iterable[FinishedRun], name: str) -> Figure:
    """How pictures changed in training: a row for each variant, a column for a step.

    Of each variant the run with the smallest seed that has such pictures; of more than
    five steps, five that lie about evenly (three beside many variants), the first and
    the last among them.

    Args:
        runs: of one scale and data set.
        name: of the progress that the runs show.
    Raises:
        NothingToDraw: no run has kept pictures.
    """
    strips, records = {}, {}
    for run in sorted(runs, key=lambda run: (run.record.variant, run.record.seed)):
        found = progress_of(run.folder, name)
        if found and run.record.variant not in strips:
            strips[run.record.variant] = found
            records[run.record.variant] = run.record
    if not strips:
        raise NothingToDraw("no run has kept pictures of its training")
    rows = len(strips)
    columns = min(_MOST, max(_LEAST, _PICTURES // rows), max(map(len, strips.values())))
    heights = [_INCHES * _slimness(strip) + _TITLE for strip in strips.values()]
    with figure_style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(_INCHES * columns, sum(heights) + _TITLE),
            height_ratios=heights, squeeze=False,
        )  # fmt: skip
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            for spine in axis.spines.values():
                spine.set_visible(False)
        for row, (variant, found) in zip(axes, strips.items(), strict=True):
            row[0].set_ylabel(variant, fontsize=8)
            for axis, step in zip(
                row, chosen_steps(list(found), columns), strict=False
            ):
                axis.imshow(np.asarray(Image.open(found[step])))
                axis.set_title(f"step {step:,}", fontsize=8)
        figure.suptitle(data_title(next(iter(records.values()))), fontsize=9)
    return figure


def _slimness(strip: dict[int, Path]) -> float:
    """Height over width of its first picture."""
    width, height = Image.open(next(iter(strip.values()))).size
    return height / width


def chosen_steps(steps: Sequence[int], count: int) -> list[int]:
    """At most `count` of them, about evenly, the first and the last among them."""
    if len(steps) <= count:
        return list(steps)
    places = np.linspace(0, len(steps) - 1, count).round().astype(int)
    return [steps[place] for place in places]
