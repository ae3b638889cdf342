"""Figures over runs: distances of equals by size, and of disturbances by level."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import data_title
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_PREFIX = "fid_"


def draw_floors(runs) -> Figure:
    """Frechet distance left, kernel distance right, against the number of pictures.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    members = [run for run in runs if "frechet_floors" in run.record.series]
    if not members:
        raise NothingToDraw("no run of `floors`")
    with figure_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
        for run in members:
            series = run.record.series
            sizes = series["sizes"]
            left.loglog(sizes, series["frechet_floors"], "o-", color=COLOURS[0], ms=3)
            right.semilogx(sizes, series["kernel_floors"], "o-", color=COLOURS[1], ms=3)
        series = members[0].record.series
        sizes, first = np.array(series["sizes"]), series["frechet_floors"][0]
        left.loglog(sizes, first * sizes[0] / sizes, ":", color=MUTED, label="1 / n")
        right.axhline(0, color=MUTED, ls=":")
        left.legend(fontsize=8)
        for axis, name in ((left, "Frechet distance"), (right, "kernel distance")):
            axis.set_xlabel("pictures in each set")
            axis.set_xticks(sizes, [str(int(size)) for size in sizes])
            axis.minorticks_off()
            axis.set_title(f"{name} of real pictures to others", fontsize=9)
        figure.suptitle(_title(members), fontsize=9)
    return figure


def draw_disturbances(runs) -> Figure:
    """A panel for each disturbance.

    Args:
        runs: as for `draw_floors`.
    """
    members = [run for run in runs if f"{_PREFIX}noise" in run.record.series]
    if not members:
        raise NothingToDraw("no run of `disturbances`")
    names = [name for name in members[0].record.series if name.startswith(_PREFIX)]
    with figure_style():
        figure, axes = plt.subplots(
            1, len(names), figsize=(2.1 * len(names), 2.6), sharey=True
        )
        for axis, name in zip(axes, names, strict=True):
            for run in members:
                values = run.record.series[name]
                axis.plot(range(len(values)), values, "o-", color=COLOURS[0], ms=3)
                axis.axhline(values[0], color=MUTED, ls=":")
            axis.set_yscale("log")
            axis.set_xticks(range(len(values)))
            axis.set_xlabel("level")
            title = name.removeprefix(_PREFIX).replace("_", " ")
            axis.set_title(title, fontsize=9)
        axes[0].set_ylabel("Frechet distance")
        figure.suptitle(_title(members), fontsize=9)
    return figure


def _title(members) -> str:
    record = members[0].record
    passport = next(iter(record.metrics.values())).passport
    return f"{data_title(record)}, features of {passport['features']}"


FIGURES = {"floors": draw_floors, "disturbances": draw_disturbances}
