"""Figures over runs: confused spacings, costs, cardinality, curves."""

import math
from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_ERROR = "test/top1_error_percent"
_LOSS = "train/classifier/cross_entropy"
# Xie et al. 2017, Table 3: top-1 error of ImageNet's validation images, in percent.
PUBLISHED = {
    "50 layers": {
        "1x64d": 23.9, "2x40d": 23.0, "4x24d": 22.6, "8x14d": 22.3, "32x4d": 22.2,
    },
    "101 layers": {
        "1x64d": 22.0, "2x40d": 21.7, "4x24d": 21.4, "8x14d": 21.3, "32x4d": 21.2,
    },
}  # fmt: skip
_SPACINGS = (2, 3, 4)
_DETECTORS = {
    "lines_inception": "Inception module",
    "lines_three": "3x3 alone",
    "lines_five": "5x5 alone",
}
_COLUMNS = 4


def draw_scale_confusion(runs) -> Figure:
    """For each filter size, which spacings are taken for which.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    found = {
        label: [run for run in runs if run.record.variant == variant]
        for variant, label in _DETECTORS.items()
    }
    found = {label: members for label, members in found.items() if members}
    if not found:
        raise NothingToDraw("no run has learned the task of paired lines")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(found), figsize=(2.5 * len(found), 2.8), squeeze=False, sharey=True
        )
        for axis, (label, members) in zip(axes.flat, found.items(), strict=True):
            shares = np.mean([_confusion(run) for run in members], axis=0)
            axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
            for (row, column), share in np.ndenumerate(shares):
                colour = "white" if share > 60 else "black"
                axis.text(
                    column, row, f"{share:.1f}", ha="center", va="center", c=colour
                )
            axis.set_title(f"{label}\nerror {_error(members)[0]:.1f} %", fontsize=9)
            axis.set_xticks(range(3), _SPACINGS)
            axis.set_yticks(range(3), _SPACINGS)
            axis.grid(False)
            axis.set_xlabel("answered spacing, pixels")
        axes[0, 0].set_ylabel("spacing, pixels")
        figure.suptitle(f"percent of a row; {_data_name(runs)}", fontsize=8)
    return figure


def draw_cost(runs) -> Figure:
    """Counted and measured cost of a convolution against its number of groups.

    Args:
        runs: as for `draw_scale_confusion`.
    """
    grouped = [
        (run.config()["recipe"]["model"], run.record)
        for run in runs
        if run.record.variant.startswith("cost_groups_")
    ]
    if not grouped:
        raise NothingToDraw("no run has measured grouped convolutions")
    groups = np.array([model["cardinality"] for model, _ in grouped])
    with figure_style():
        figure, axis = plt.subplots(figsize=(4.6, 3.4))
        ends = np.array([1, groups.max()])
        axis.plot(ends, 100 / ends, "--", color=MUTED, label="1 / G")
        for name, label, marker in (
            ("multiply_adds_percent", "multiply-adds", "s"),
            ("step_time_percent", "time, forward and backward", "o"),
        ):
            values = [record.metrics[f"test/{name}"].value for _, record in grouped]
            axis.plot(groups, values, marker, ms=5, label=label, alpha=0.7)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(np.unique(groups), [str(count) for count in np.unique(groups)])
        ticks = [100, 50, 20, 10, 5, 2]
        axis.set_yticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.set_xlabel("groups G")
        axis.set_ylabel("percent of one group's cost")
        axis.legend(fontsize=8)
        device = grouped[0][1].machine.gpus or [grouped[0][1].machine.cpu]
        figure.suptitle(f"3x3 convolution on {device[0]}", fontsize=9)
    return figure


def draw_cardinality(runs) -> Figure:
    """Error against cardinality: the paper's, and ours of every trunk with several.

    Args:
        runs: as for `draw_scale_confusion`.
    """
    trunks = {
        trunk: {
            name: members[name] for name in PUBLISHED["50 layers"] if name in members
        }
        for trunk, members in _families(runs).items()
    }
    trunks = {trunk: found for trunk, found in trunks.items() if len(found) > 1}
    if not trunks:
        raise NothingToDraw("no trunk was trained with several cardinalities")
    with figure_style():
        figure, axes = plt.subplots(
            1, 1 + len(trunks), figsize=(3.4 * (1 + len(trunks)), 3.1)
        )
        for trunk, errors in PUBLISHED.items():
            axes[0].plot(
                [_cardinality(name) for name in errors], list(errors.values()),
                marker="o", ms=4, label=trunk,
            )  # fmt: skip
        axes[0].set_title("published, ImageNet", fontsize=9)
        axes[0].legend(fontsize=8)
        for axis, (trunk, found) in zip(axes[1:], trunks.items(), strict=True):
            means, spreads = zip(*map(_error, found.values()), strict=True)
            places = [_cardinality(name) for name in found]
            axis.errorbar(
                places, means, yerr=spreads, marker="o", ms=4, capsize=3,
                color=COLOURS[2],
            )  # fmt: skip
            axis.set_title(f"{trunk}\n{_data_name(runs)}", fontsize=8)
        for axis in axes:
            axis.set_xscale("log", base=2)
            names = PUBLISHED["50 layers"]
            axis.set_xticks(
                [_cardinality(name) for name in names],
                [name.replace("x", "x\n") for name in names],
                fontsize=7,
            )
            axis.set_xlabel("cardinality x width of a path")
        axes[0].set_ylabel("top-1 error, percent")
    return figure


def draw_curves(runs) -> Figure:
    """Training loss, a panel for each trunk with several variants.

    Args:
        runs: as for `draw_scale_confusion`.
    """
    families = {
        trunk: members for trunk, members in _families(runs).items() if len(members) > 1
    }
    if not families:
        raise NothingToDraw("no trunk has two trained variants")
    columns = min(len(families), _COLUMNS)
    rows = math.ceil(len(families) / columns)
    with figure_style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(3.8 * columns, 3.0 * rows), squeeze=False
        )
        for axis in axes.flat[len(families) :]:
            axis.remove()
        for axis, (trunk, members) in zip(axes.flat, families.items(), strict=False):
            for name, found in members.items():
                table = _losses(found)
                (line,) = axis.plot(table.index, table.mean(axis=1), label=name)
                axis.fill_between(
                    table.index, table.min(axis=1), table.max(axis=1),
                    color=line.get_color(), alpha=0.15, linewidth=0,
                )  # fmt: skip
            axis.set_title(trunk, fontsize=9)
            axis.set_xlabel("step")
            axis.legend(fontsize=8)
        for axis in axes[:, 0]:
            axis.set_ylabel("training loss, nats")
        figure.suptitle(_data_name(runs), fontsize=9)
    return figure


def _families(runs) -> dict[str, dict[str, list]]:
    """Trunk -> variant's last word -> runs, of those trained for more than a log line.

    Shorter ones only show that a network runs. One that is tested in another form than
    it was trained in has another run's curve.
    """
    found: dict = defaultdict(lambda: defaultdict(list))
    for run in runs:
        form = run.config()["recipe"]["evaluate"]["form"]
        if form is None and run.record.steps_done and len(_losses([run])) > 1:
            variant = run.record.variant.removesuffix("_trained")
            trunk, _, name = variant.rpartition("_")
            found[trunk][name].append(run)
    return {
        trunk: dict(sorted(members.items(), key=_by_cardinality))
        for trunk, members in found.items()
    }


def _by_cardinality(item) -> tuple[int, str]:
    """A key that puts 8x14d before 32x4d."""
    count = item[0].partition("x")[0]
    return int(count) if count.isdigit() else 0, item[0]


def _losses(runs) -> pd.DataFrame:
    """A row for each logged step, a column for each run."""
    columns = []
    for run in runs:
        rows = run.metrics()
        rows = rows[rows.metric == _LOSS]
        columns.append(rows.drop_duplicates("step").set_index("step").value)
    return pd.concat(columns, axis=1, join="inner").sort_index()


def _error(runs) -> tuple[float, float]:
    """Mean and sample standard deviation over seeds; 0 for one run."""
    values = [run.record.metrics[_ERROR].value for run in runs]
    return float(np.mean(values)), np.std(values, ddof=1) if len(values) > 1 else 0.0


def _confusion(run) -> np.ndarray:
    """Percent (3, 3), of the true spacing (row)."""
    metrics = run.record.metrics
    names = [
        [f"test/spacing{true}_taken_for_{answered}_percent" for answered in _SPACINGS]
        for true in _SPACINGS
    ]
    return np.array([[metrics[name].value for name in row] for row in names])


def _cardinality(name: str) -> int:
    """32 of 32x4d."""
    return int(name.partition("x")[0])


def _data_name(runs) -> str:
    record = runs[0].record
    stand_in = " (stand-in)" if record.dataset.stand_in else ""
    return f"{record.dataset.name}{stand_in}, {record.scale} scale"


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "scale_confusion": draw_scale_confusion,
    "cost": draw_cost,
    "cardinality": draw_cardinality,
    "curves": draw_curves,
}
