"""Figures over runs: learning curves and test accuracies."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import by_variant, curves_of, data_title
from cai_keras.reporting.style import COLOURS, figure_style

_TESTED = "test/top1_accuracy_percent"
_VALIDATED = "validation/top1_accuracy_percent"


def draw_curves(runs) -> Figure:
    """Validation accuracy against steps, mean over seeds and from least to most.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    tables = {
        variant: curves_of(members, _VALIDATED)
        for variant, members in by_variant(runs).items()
    }
    tables = {variant: table for variant, table in tables.items() if len(table)}
    if not tables:
        raise NothingToDraw("no run was validated while it trained")
    styles = cycle((colour, dash) for dash in ("-", "--") for colour in COLOURS)
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 4))
        for (variant, table), (colour, dash) in zip(
            tables.items(), styles, strict=False
        ):
            mean = table.mean(axis=1)
            axis.plot(table.index, mean, dash, color=colour, marker=".", label=variant)
            axis.fill_between(
                table.index, table.min(axis=1), table.max(axis=1),
                color=colour, alpha=0.15, lw=0,
            )  # fmt: skip
        _draw_chance(axis.axhline, runs[0])
        axis.set_xlabel("steps")
        axis.set_ylabel("validation top-1 accuracy, percent")
        axis.set_title(_title(runs[0].record))
        figure.legend(loc="outside right upper", fontsize=7)
    return figure


def draw_accuracies(runs) -> Figure:
    """Test accuracy of every seed of every variant, with means.

    Args:
        runs: as for `draw_curves`.
    """
    values = {
        variant: [
            run.record.metrics[_TESTED].value
            for run in members
            if _TESTED in run.record.metrics
            and run.record.metrics[_TESTED].value is not None
        ]
        for variant, members in by_variant(runs).items()
    }
    values = {variant: found for variant, found in values.items() if found}
    if not values:
        raise NothingToDraw(f"no run has measured {_TESTED}")
    names = sorted(values, key=lambda name: np.mean(values[name]))
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 0.32 * len(names) + 1.2))
        for row, name in enumerate(names):
            found = values[name]
            axis.plot(found, [row] * len(found), "o", color=COLOURS[0], ms=5, alpha=0.7)
            axis.plot([np.mean(found)] * 2, [row - 0.3, row + 0.3], color=COLOURS[1])
        _draw_chance(axis.axvline, runs[0])
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("test top-1 accuracy, percent (points: seeds; lines: means)")
        axis.set_title(_title(runs[0].record))
    return figure


def _draw_chance(draw_line, run) -> None:
    classes = run.config()["recipe"]["data"]["num_classes"]
    draw_line(100 / classes, color="black", linewidth=0.8, linestyle=":")


def _title(record) -> str:
    return f"{data_title(record)}; dotted: chance"


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"curves": draw_curves, "accuracies": draw_accuracies}
