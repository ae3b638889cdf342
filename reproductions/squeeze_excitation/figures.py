"""The paper's figures: excitations by class, training curves, reduction ratios."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import (
    data_title,
    draw_curve,
    mean_and_deviation,
    values_of,
)
from cai_keras.reporting.style import COLOURS, RIGHT, WRONG, figure_style

_ERROR = "test/top1_error_percent"
_LOSS = "train/classifier/cross_entropy"
_SHOWN_CLASSES = 4
_COLUMNS = 4
_SHAPES = ("circle", "square")


def draw_excitations(found, title: str) -> Figure:
    """Mean excitation of each channel by class, in the last gate of every stage.

    Args:
        found: `evaluate.Findings`.
    """
    gates = found.last_gates
    classes = np.flatnonzero(found.class_counts)
    chosen = np.linspace(0, len(classes) - 1, min(_SHOWN_CLASSES, len(classes)))
    with figure_style():
        figure, axes = plt.subplots(
            1, len(gates), figsize=(2.9 * len(gates), 2.7), sharey=True, squeeze=False
        )
        for axis, gate in zip(axes.flat, gates.values(), strict=True):
            means = found.class_means(gate)
            spread = means.std(axis=0).mean()
            channels = np.arange(means.shape[1])
            for colour, index in zip(
                COLOURS, np.unique(chosen.astype(int)), strict=False
            ):
                axis.plot(
                    channels, means[index], color=colour, linewidth=0.9,
                    label=f"class {classes[index]}",
                )  # fmt: skip
            axis.plot(
                channels, means.mean(axis=0), color="black", linewidth=1.2, label="all"
            )
            axis.set_title(f"{gate}: spread {spread:.3f}", fontsize=8)
            axis.set_xlabel("channel")
            axis.set_ylim(0, 1)
        axes[0, 0].set_ylabel("mean excitation")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside right center",
            fontsize=8,
        )  # fmt: skip
        figure.suptitle(title, fontsize=9)
    return figure


def draw_cue_images(probe, test, rows: int = 2, columns: int = 8) -> Figure:
    """Test images, each with the cue, the answer and whether the network gives it.

    Args:
        probe: `evaluate.Probe` of the network.
        test: gives (images, labels), images less their mean colour.
    """
    images, labels = next(iter(test()))
    count = rows * columns
    answers = probe(images[:count], count)[0].argmax(axis=1)
    lowest, highest = images.min(), images.max()
    with figure_style():
        figure, axes = plt.subplots(rows, columns, figsize=(1.1 * columns, 1.4 * rows))
        for axis, image, label, answer in zip(
            axes.flat, images[:count], labels[:count], answers, strict=True
        ):
            axis.imshow((image - lowest) / (highest - lowest))
            # The training set's mean is subtracted: above 0 is bluish.
            cue = "blue: red" if image[..., 2].mean() > 0 else "yellow: green"
            axis.set_title(f"{cue}\n{_SHAPES[label]}", fontsize=7)
            _frame(axis, RIGHT if answer == label else WRONG)
        figure.suptitle(
            "background's mean: object that is meant, and its shape "
            "(green frame: answered right, orange: wrong)",
            fontsize=8,
        )
    return figure


def draw_training_curves(runs) -> Figure:
    """Training loss with and without gates, a panel for each network.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    pairs = {
        network: (by_ratio[None], by_ratio[min(by_ratio.keys() - {None}, key=_near_16)])
        for network, by_ratio in _by_network(runs).items()
        if None in by_ratio and len(by_ratio) > 1
    }
    if not pairs:
        raise NothingToDraw("no network was trained both with and without gates")
    columns = min(len(pairs), _COLUMNS)
    rows = -(-len(pairs) // columns)
    with figure_style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(3.6 * columns, 2.8 * rows), squeeze=False
        )
        for axis in axes.flat[len(pairs) :]:
            axis.remove()
        ordered = sorted(pairs.items(), key=_by_depth)
        for axis, (network, pair) in zip(axes.flat, ordered, strict=False):
            for members, label in zip(pair, ("without", "with gates"), strict=True):
                draw_curve(axis, members, _LOSS, label=label)
            axis.set_title(network, fontsize=9)
            axis.set_xlabel("step")
        for axis in axes[:, 0]:
            axis.set_ylabel("training loss, nats")
        axes[0, 0].legend(fontsize=8)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_ratios(runs) -> Figure:
    """Test error against r, for every network that was trained with several.

    Args:
        runs: as for `draw_training_curves`.
    """
    sweeps = {
        network: by_ratio
        for network, by_ratio in _by_network(runs).items()
        if len(by_ratio.keys() - {None}) > 1
    }
    if not sweeps:
        raise NothingToDraw("no network was trained with several reduction ratios")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(sweeps), figsize=(4.2 * len(sweeps), 3.2), squeeze=False
        )
        for axis, (network, by_ratio) in zip(axes.flat, sweeps.items(), strict=True):
            _draw_sweep(axis, by_ratio)
            axis.set_title(network, fontsize=9)
        axes[0, 0].set_ylabel("top-1 test error, percent")
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def _draw_sweep(axis, by_ratio: Mapping) -> None:
    ratios = sorted(by_ratio.keys() - {None})
    means, spreads = zip(
        *(mean_and_deviation(values_of(by_ratio[r], _ERROR)) for r in ratios),
        strict=True,
    )
    axis.errorbar(ratios, means, yerr=spreads, marker="o", ms=4, capsize=3)
    for ratio, mean in zip(ratios, means, strict=True):
        parameters = by_ratio[ratio][0].record.parameters["classifier"].trainable
        axis.annotate(
            f"{parameters / 1e3:,.0f}k", (ratio, mean), xytext=(4, 5),
            textcoords="offset points", fontsize=7,
        )  # fmt: skip
    if None in by_ratio:
        mean, spread = mean_and_deviation(values_of(by_ratio[None], _ERROR))
        axis.axhline(mean, color=WRONG, linestyle="--", linewidth=1, label="no gates")
        axis.axhspan(mean - spread, mean + spread, color=WRONG, alpha=0.12, linewidth=0)
        axis.legend(fontsize=8)
    axis.set_xscale("log", base=2)
    axis.set_xticks(ratios, [str(ratio) for ratio in ratios])
    axis.set_xlabel("reduction ratio r")


def _by_network(runs: Iterable) -> dict[str, dict[int | None, list]]:
    """Trained runs by network, then by the gates' ratio; None is without gates."""
    found: dict = defaultdict(lambda: defaultdict(list))
    for run in runs:
        recipe = run.config()["recipe"]
        gates = recipe["model"]["excitation"]
        # Another recipe, or gates in some stages only, is another experiment.
        if not run.record.steps_done or run.record.variant.endswith(_OTHER_RECIPES):
            continue
        network = recipe["model"]["network"].removesuffix("_wide")
        found[network][gates["ratio"] if gates else None].append(run)
    return found


_OTHER_RECIPES = ("_released", "_early")


def _by_depth(item) -> tuple[str, int]:
    """A key that puts resnet56 before resnet110."""
    name = item[0].rstrip("0123456789")
    return name, int(item[0][len(name) :] or 0)


def _near_16(ratio: int) -> int:
    return abs(ratio - 16)


def _frame(axis, colour: str) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(True)
        spine.set_color(colour)
        spine.set_linewidth(2.0)


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"training_curves": draw_training_curves, "ratios": draw_ratios}
