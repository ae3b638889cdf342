"""The paper's figures: error against costs, training curves, weights between layers."""

from collections import defaultdict
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import (
    data_title,
    draw_curve,
    mean_and_deviation,
    values_of,
)
from cai_keras.reporting.style import COLOURS, figure_style

_LOSS = "train/classifier/cross_entropy"
_ERROR = "test/top1_error_percent"
_TRAINING = "test/training_cross_entropy_nats"
_COST = "test/multiply_adds_millions"
# Kind -> (name, colour, marker).
_KINDS = {
    "bc": ("DenseNet-BC", COLOURS[0], "o"),
    "dense": ("DenseNet", COLOURS[4], "^"),
    "residual": ("pre-activation ResNet", COLOURS[1], "s"),
    "chain": ("chain", COLOURS[2], "D"),
}
# Table 2, C10+: millions of parameters -> error in percent.
PUBLISHED = {
    "bc": {0.8: 4.51, 15.3: 3.62, 25.6: 3.46},
    "dense": {1.0: 5.24, 7.0: 4.10, 27.2: 3.74},
    "residual": {1.7: 5.46, 10.2: 4.62},
}
# Variants with as many parameters -> kind.
_EQUAL = {
    "cifar10plus_densenet_bc22_k12": "bc",
    "cifar10plus_resnet20_w8": "residual",
    "cifar10plus_chain22": "chain",
}
_MOST_TICKS = 9


def draw_efficiency(runs) -> Figure:
    """Test error against parameters, published and ours, and against multiply-adds.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    series = _by_kind_and_variant(runs)
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(10.2, 3.5))
        for kind, points in PUBLISHED.items():
            axes[0].plot(list(points), list(points.values()), **_style(kind))
        for kind, by_variant in series.items():
            _draw_kind(axes[1], kind, by_variant.values(), _millions_of_parameters)
            _draw_kind(axes[2], kind, by_variant.values(), _millions_of_multiply_adds)
        title = data_title(runs[0].record)
        for axis, name, unit in zip(
            axes,
            ("published, CIFAR-10+", title, title),
            ("parameters", "parameters", "multiply-adds"),
            strict=True,
        ):
            axis.set_title(name, fontsize=9)
            _set_logarithmic(axis)
            axis.set_xlabel(f"million {unit}")
            axis.set_ylabel("test error, percent")
        handles = [
            Line2D([], [], label=name, **_style(kind))
            for kind, (name, _, _) in _KINDS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def draw_curves(runs) -> Figure:
    """Training loss at equal parameters, and the errors that it ends with.

    Args:
        runs: as for `draw_efficiency`.
    """
    series: dict[str, list] = {kind: [] for kind in _EQUAL.values()}
    for run in runs:
        if run.record.variant in _EQUAL and run.record.steps_done:
            series[_EQUAL[run.record.variant]].append(run)
    series = {kind: members for kind, members in series.items() if members}
    if not series:
        raise NothingToDraw("none of the nets with equal parameters was trained")
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.3), width_ratios=[2, 1, 1])
        for kind, members in series.items():
            name, colour, _ = _KINDS[kind]
            parameters = members[0].record.parameters["classifier"].trainable
            label = f"{name}, {parameters:,} parameters"
            draw_curve(axes[0], members, _LOSS, color=colour, label=label)
        axes[0].set_xlabel("step")
        axes[0].set_ylabel("training loss, nats")
        figure.legend(loc="outside lower center", ncols=len(series), fontsize=8)
        units = ("test error, percent", "loss on training images, nats")
        for axis, metric, unit in zip(
            axes[1:], (_ERROR, _TRAINING), units, strict=True
        ):
            for place, (kind, members) in enumerate(series.items()):
                _, colour, marker = _KINDS[kind]
                values = values_of(members, metric)
                axis.plot([place] * len(values), values, marker, color=colour, ms=5)
            names = [_KINDS[kind][0].split()[-1] for kind in series]
            axis.set_xticks(range(len(series)), names, fontsize=8)
            axis.set_xlim(-0.5, len(series) - 0.5)
            axis.set_ylabel(unit)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_reuse(blocks: Sequence[np.ndarray], title: str) -> Figure:
    """Mean absolute weights between layers, a panel for each block.

    Args:
        blocks: of `evaluate.weights_by_source`; a column is shown over its largest.
    """
    with figure_style():
        figure, axes = plt.subplots(
            1, len(blocks), figsize=(2.9 * len(blocks) + 0.8, 3.3), squeeze=False
        )
        for number, (axis, matrix) in enumerate(
            zip(axes[0], blocks, strict=True), start=1
        ):
            shown = axis.imshow(
                matrix / np.nanmax(matrix, axis=0), vmin=0, vmax=1, cmap="cividis"
            )
            last = len(matrix) - 1
            frame = Rectangle((last - 0.5, -0.5), 1, last + 1, fill=False, lw=2)
            axis.add_patch(frame)
            places = np.unique(
                np.linspace(0, last, min(last + 1, _MOST_TICKS), dtype=int)
            )
            end = "class." if number == len(blocks) else "trans."
            axis.set_xticks(
                places, [end if place == last else place + 1 for place in places],
                fontsize=7,
            )  # fmt: skip
            axis.set_yticks(
                places, ["input", *(str(place) for place in places[1:])], fontsize=7
            )
            axis.grid(False)
            axis.set_title(f"block {number}", fontsize=9)
            axis.set_xlabel("layer that reads")
        axes[0, 0].set_ylabel("layer that is read")
        figure.colorbar(
            shown, ax=axes[0], shrink=0.8, label="mean |w|, over column's largest"
        )
        figure.suptitle(title, fontsize=9)
    return figure


def _draw_kind(axis, kind: str, variants, cost) -> None:
    """One kind of network: a point for each variant, in the order of its cost."""
    points = sorted(
        (cost(members), *mean_and_deviation(values), _size(members))
        for members in variants
        if (values := values_of(members, _ERROR)) and cost(members) is not None
    )
    if not points:
        return
    places, means, deviations, sizes = zip(*points, strict=True)
    axis.errorbar(places, means, deviations, capsize=3, **_style(kind))
    for place, mean, size in zip(places, means, sizes, strict=True):
        axis.annotate(
            size, (place, mean), xytext=(4, 4), textcoords="offset points", fontsize=7,
            color=_KINDS[kind][1],
        )  # fmt: skip


def _set_logarithmic(axis) -> None:
    """Ticks of 0.02, not 2 x 10^-2, and room for what stands beside points."""
    axis.set_xscale("log")
    axis.margins(x=0.12)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def _style(kind: str) -> dict:
    _, colour, marker = _KINDS[kind]
    return {"color": colour, "marker": marker, "markersize": 4}


def _size(members) -> str:
    model = members[0].config()["recipe"]["model"]
    if model["network"] == "residual":
        return f"w={model['filters'][0]}"
    return f"k={model['growth']}"


def _millions_of_parameters(members) -> float:
    return members[0].record.parameters["classifier"].trainable / 1e6


def _millions_of_multiply_adds(members) -> float | None:
    found = values_of(members, _COST)
    return found[0] if found else None


def _by_kind_and_variant(runs) -> dict[str, dict[str, list]]:
    """Runs on C10+ by kind and variant; none that was trained less than others."""
    series: dict = {kind: defaultdict(list) for kind in _KINDS}
    chosen = [run for run in runs if run.record.variant.startswith("cifar10plus_")]
    longest = max((run.record.steps_done for run in chosen), default=0)
    if not longest:
        raise NothingToDraw("no network was trained on CIFAR-10 with augmentation")
    for run in chosen:
        if run.record.steps_done == longest:
            model = run.config()["recipe"]["model"]
            is_bc = model["network"] == "dense" and model["bottleneck"] is not None
            kind = "bc" if is_bc else model["network"]
            series[kind][run.record.variant].append(run)
    return series


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"efficiency": draw_efficiency, "curves": draw_curves}
