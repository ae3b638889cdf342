"""The paper's figures: one-shot trials, first-layer filters, accuracies, pairs seen."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.style import MUTED, RIGHT, WRONG, figure_style

_ONE_SHOT = "test/one_shot_accuracy_percent"
_NUM_ITEMS = 6
# Table 2 of the paper, in percent; Hausdorff from Lake's demo_classification.py.
PUBLISHED = {
    "Humans": 95.5,
    "Hierarchical Bayesian Program Learning": 95.2,
    "Convolutional Siamese Net": 92.0,
    "Affine model": 81.8,
    "Hierarchical Deep": 65.2,
    "Modified Hausdorff (Lake)": 61.2,
    "Siamese Neural Net": 58.3,
    "1-Nearest Neighbor": 21.7,
}


def draw_trials(scorer, runs, data_name: str, run: int = 0) -> Figure:
    """Items of one run, each beside the 20 classes ranked by the scorer.

    The right class has a green frame; an orange frame marks a wrong first answer.
    """
    scores = np.asarray(scorer.one_shot(runs.items[run], runs.classes[run]))
    ways = scores.shape[1]
    with figure_style():
        figure, axes = plt.subplots(
            _NUM_ITEMS, ways + 1, figsize=(0.52 * (ways + 1), 0.66 * _NUM_ITEMS)
        )
        for row in range(_NUM_ITEMS):
            order = np.argsort(-scores[row], kind="stable")
            answer = runs.answers[run, row]
            _picture(axes[row, 0], runs.items[run, row], "black")
            for rank, index in enumerate(order, start=1):
                colour = None
                if index == answer:
                    colour = RIGHT
                elif rank == 1:
                    colour = WRONG
                _picture(axes[row, rank], runs.classes[run, index], colour)
        axes[0, 0].set_title("item", fontsize=7)
        for rank in range(1, ways + 1):
            axes[0, rank].set_title(str(rank), fontsize=7)
        figure.suptitle(
            f"{data_name}, run {run + 1}: classes ranked by similarity "
            "(green: right, orange: wrong first answer)",
            fontsize=8,
        )
    return figure


def draw_filters(network) -> Figure:
    """The kernels of the first convolution, each scaled to its own largest weight."""
    import keras  # not on top: figures over runs are drawn without TensorFlow

    kernel = keras.ops.convert_to_numpy(network.encoder.get_layer("conv1").kernel)
    kernel = kernel[:, :, 0]
    count = kernel.shape[-1]
    columns = min(16, count)
    rows = -(-count // columns)
    with figure_style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(0.4 * columns, 0.4 * rows + 0.4), squeeze=False
        )
        for index, axis in enumerate(axes.flat):
            if index >= count:
                axis.axis("off")
                continue
            weights = kernel[..., index]
            largest = np.abs(weights).max()
            axis.imshow(weights, cmap="gray", vmin=-largest, vmax=largest)
            _frame(axis)
        figure.suptitle(
            f"First layer: {count} filters of {kernel.shape[0]} x {kernel.shape[1]}",
            fontsize=8,
        )
    return figure


def draw_accuracies(runs) -> Figure:
    """One-shot accuracy of every variant beside the published ones.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    values: dict[str, list[float]] = {}
    for run in runs:
        metric = run.record.metrics.get(_ONE_SHOT)
        if metric is not None and metric.value is not None:
            values.setdefault(run.record.variant, []).append(metric.value)
    if not values:
        raise NothingToDraw(f"no run has measured {_ONE_SHOT}")
    names = sorted(values, key=lambda name: np.mean(values[name]))
    first = runs[0].record
    stand_in = ": not comparable" if first.dataset.stand_in else ""
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 0.32 * (len(names) + 8) + 1))
        rows = [(n, np.mean(values[n]), _spread(values[n]), "#0072B2") for n in names]
        published = sorted(PUBLISHED.items(), key=lambda item: item[1])
        rows = [(n, v, 0.0, MUTED) for n, v in published] + rows
        for position, (_, mean, spread, colour) in enumerate(rows):
            axis.barh(position, mean, xerr=spread or None, color=colour, height=0.7)
            axis.text(mean + spread + 1, position, f"{mean:.1f}", va="center", size=8)
        axis.axhline(len(published) - 0.5, color="black", linewidth=0.8)
        axis.axvline(5, color=WRONG, linewidth=0.8, linestyle=":")
        axis.text(5.5, len(rows) - 0.4, "chance", color=WRONG, size=7)
        axis.set_yticks(range(len(rows)), [name for name, *_ in rows])
        axis.set_xlim(0, 108)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(
            "20-way one-shot accuracy, percent (ours: mean ± sd over seeds)"
        )
        axis.set_title(
            f"Published on Omniglot (grey) and ours on {_data_name(first)}{stand_in}, "
            f"{first.scale} scale (blue)",
            fontsize=9,
            loc="right",
        )
    return figure


def draw_progress(runs) -> Figure:
    """Validation one-shot accuracy against image pairs seen, mean over seeds.

    Args:
        runs: as for `draw_accuracies`.
    """
    trained: dict[str, list] = {}
    for run in runs:
        if run.record.steps_done:
            trained.setdefault(run.record.variant, []).append(run)
    tables = {v: _validation_table(members) for v, members in sorted(trained.items())}
    curves = {variant: table for variant, table in tables.items() if len(table)}
    if not curves:
        raise NothingToDraw("no run was validated while it trained")
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 4))
        for (variant, table), marker in zip(curves.items(), cycle("os^DvPX")):
            seen = table.index.to_numpy() * _pairs_per_step(trained[variant][0])
            (line,) = axis.plot(
                seen, table.mean(axis=1), marker=marker, ms=4, markevery=0.04,
                label=variant,
            )  # fmt: skip
            low, high = table.min(axis=1), table.max(axis=1)
            axis.fill_between(seen, low, high, color=line.get_color(), alpha=0.15, lw=0)
        axis.set_xscale("log")
        axis.set_xlabel("image pairs seen (two images each, comparisons not counted)")
        axis.set_ylabel("validation 20-way one-shot accuracy, percent")
        axis.legend(fontsize=8)
        record = runs[0].record
        axis.set_title(f"{_data_name(record)}, {record.scale} scale", fontsize=9)
    return figure


def _validation_table(runs) -> pd.DataFrame:
    """A row for each step at which every run was validated, a column for each run."""
    columns = []
    for run in runs:
        rows = run.metrics()
        rows = rows[rows.metric == "validation/one_shot_accuracy_percent"]
        columns.append(rows.drop_duplicates("step").set_index("step").value)
    return pd.concat(columns, axis=1, join="inner").sort_index()


def _spread(values: list[float]) -> float:
    """The sample standard deviation, as in the table; 0 for one run."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _data_name(record) -> str:
    return record.dataset.name + (" (stand-in)" if record.dataset.stand_in else "")


def _pairs_per_step(run) -> int:
    values = run.config()["recipe"]
    if values["model"]["learning_rule"] == "matching":
        return values["data"]["batch_size"] * values["data"]["group_characters"]
    return values["data"]["batch_size"]


def _picture(axis, image, colour) -> None:
    axis.imshow(255 - image, cmap="gray", vmin=0, vmax=255)
    _frame(axis, colour)


def _frame(axis, colour=None) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(True)
        spine.set_color(colour or "#dddddd")
        spine.set_linewidth(2.0 if colour else 0.5)


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"accuracies": draw_accuracies, "progress": draw_progress}
