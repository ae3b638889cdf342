"""Figures over runs: mean IoU by network, learning by initialisation, and sight."""

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_IOU = "test/mean_iou_percent"
_LOSS = "train/context/cross_entropy"
_SIGHTS = {
    "test/in_sight_accuracy_percent": "within reach of the undilated network",
    "test/out_of_sight_accuracy_percent": "beyond it",
}
_INITIALISATIONS = {
    "identity": "identity (Equation 4)",
    "glorot_uniform": "Xavier",
    "he_normal": "He",
}


def draw_mean_iou(runs) -> Figure:
    """Mean IoU of every variant: seeds as points, their mean as a bar.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    values = _values(runs, _IOU)
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 0.34 * len(values) + 1.1))
        _draw_bars(axis, values, list(values), COLOURS[0])
        axis.set_xlabel("test mean IoU, percent (points: seeds; bars: means)")
        axis.set_xlim(0, 100)
        axis.set_title(_title(runs[0].record), fontsize=9)
    return figure


def draw_sight(runs) -> Figure:
    """Accuracy on things whose cue the undilated network can or can not see.

    Args:
        runs: as for `draw_mean_iou`.
    """
    near, far = (_values(runs, metric) for metric in _SIGHTS)
    names = [name for name in near if name in far]
    classes = runs[0].config()["recipe"]["data"]["num_classes"]
    with figure_style():
        figure, axes = plt.subplots(
            1, 2, figsize=(8.2, 0.34 * len(names) + 1.2), sharey=True
        )
        for axis, values, text in zip(axes, (near, far), _SIGHTS.values(), strict=True):
            _draw_bars(axis, values, names, COLOURS[0])
            axis.axvline(100 / (classes - 1), color="black", lw=0.9, ls=":")
            axis.set_xlim(0, 100)
            axis.set_title(f"cue {text}", fontsize=9)
            axis.set_xlabel("pixels of things that are right, percent")
        figure.suptitle(f"{_title(runs[0].record)}; dotted: chance", fontsize=9)
    return figure


def draw_initialisations(runs) -> Figure:
    """Training loss of the Basic module by its start, on maps that do not change.

    Args:
        runs: as for `draw_mean_iou`.
    """
    members: dict[str, list] = {}
    for run in runs:
        name = _start_of(run)
        if name is not None:
            members.setdefault(name, []).append(run)
    tables = {
        name: _losses(members[name]) for name in _INITIALISATIONS if name in members
    }
    tables = {name: table for name, table in tables.items() if len(table)}
    if len(tables) < 2:
        raise NothingToDraw("the module was not trained from several initialisations")
    with figure_style():
        figure, axis = plt.subplots(figsize=(6, 3.6))
        for name, table in tables.items():
            (line,) = axis.plot(
                table.index, table.mean(axis=1), label=_INITIALISATIONS[name]
            )
            axis.fill_between(
                table.index, table.min(axis=1), table.max(axis=1),
                color=line.get_color(), alpha=0.15, lw=0,
            )  # fmt: skip
        axis.set_xlabel("steps of the context module")
        axis.set_ylabel("training loss, nats")
        axis.set_ylim(bottom=0)
        axis.legend(fontsize=8)
        axis.set_title(_title(runs[0].record), fontsize=9)
    return figure


def _start_of(run) -> str | None:
    """Initialisation of a Basic module with dilation that was trained to the end."""
    recipe = run.config()["recipe"]
    context = recipe["model"]["context"]
    if not context or set(context["multiples"]) != {1}:
        return None
    is_whole = not run.record.variant.endswith(("_early", "_untrained"))
    is_papers = run.record.variant.startswith("voc_") and max(context["dilations"]) > 1
    return context["initializer"] if is_whole and is_papers else None


def _losses(runs) -> pd.DataFrame:
    """A row for each logged step of the module, a column for each run."""
    columns = []
    for run in runs:
        rows = run.metrics()
        rows = rows[rows.metric == _LOSS].drop_duplicates("step").set_index("step")
        stages = run.config()["recipe"]["model"]["stages"]
        before = run.record.steps_planned * stages["front_end"] / sum(stages.values())
        columns.append(rows.value.set_axis(rows.index - round(before)))
    return pd.concat(columns, axis=1, join="inner").sort_index()


def _values(runs: Iterable, metric: str) -> dict[str, list[float]]:
    """Variant -> the metric of each seed; the variants in the order of the runs."""
    found: dict[str, list[float]] = {}
    for run in runs:
        entry = run.record.metrics.get(metric)
        if entry is not None and entry.value is not None:
            found.setdefault(run.record.variant, []).append(entry.value)
    if not found:
        raise NothingToDraw(f"no run has measured {metric}")
    return dict(sorted(found.items(), key=lambda item: np.mean(item[1])))


def _draw_bars(axis, values: Mapping, names: list[str], colour: str) -> None:
    for row, name in enumerate(names):
        found = values[name]
        axis.barh(row, np.mean(found), height=0.62, color=colour, alpha=0.45)
        axis.plot(found, [row] * len(found), "o", color=colour, ms=3.5)
        axis.annotate(
            f"{np.mean(found):.1f}", (max(found), row), xytext=(6, 0), va="center",
            textcoords="offset points", fontsize=7, color=MUTED,
        )  # fmt: skip
    axis.set_yticks(range(len(names)), names)
    axis.grid(axis="y", visible=False)


def _title(record) -> str:
    stand_in = " (stand-in)" if record.dataset.stand_in else ""
    return f"{record.dataset.name}{stand_in}, {record.scale} scale"


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "mean_iou": draw_mean_iou,
    "initialisations": draw_initialisations,
    "sight": draw_sight,
}
