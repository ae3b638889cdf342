"""Figures over runs: distances, singular values of layers, accuracies, losses."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.adversarial_figures import draw_distance_curves
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.progress_pictures import draw_film_strips
from cai_keras.reporting.run_groups import (
    by_variant,
    curve_names,
    data_title,
    draw_curve,
    values_of,
)
from cai_keras.reporting.style import COLOURS, MUTED, figure_style, line_styles

_DISTANCE = "test/log10_frechet_distance"
_ACCURACY = "test/accuracy_percent"
_LOSS = "train/discriminator/total"
_PLAYERS = ("discriminator", "generator")
# Variant -> label, of those that Figure 3 is about: what keeps a game stable.
_STABILISED = {
    "attention32": "spectral norm in both, two rates",
    "equal_rates": "spectral norm in both, one rate",
    "sn_discriminator_only": "spectral norm in the discriminator",
    "no_sn": "no spectral norm",
}


def draw_distances(runs) -> Figure:
    """Frechet distance of every seed of every variant, with means.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    found = _points(runs, _DISTANCE)
    floor = 10 ** np.mean(values_of(runs, f"{_DISTANCE}_of_real"))
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 0.32 * len(found) + 1.3))
        _draw_points(axis, {name: 10**values for name, values in found.items()})
        axis.axvline(floor, color=MUTED, ls=":")
        axis.set_xscale("log")
        axis.set_xlabel(
            f"Frechet distance on {_features(runs)} (dotted: of real pictures)"
        )
        axis.set_title(data_title(runs[0].record))
    return figure


def draw_matching(runs) -> Figure:
    """Accuracy of the classifiers, with and without attention.

    Args:
        runs: as for `draw_distances`.
    """
    found = _points(runs, _ACCURACY)
    with figure_style():
        figure, axis = plt.subplots(figsize=(6, 0.4 * len(found) + 1.2))
        _draw_points(axis, found)
        classes = runs[0].config()["recipe"]["data"]["classes"]
        axis.axvline(100 / classes, color=MUTED, ls=":")
        axis.set_xlabel("test accuracy, percent (dotted: chance)")
        axis.set_title(data_title(runs[0].record))
    return figure


def draw_singular_values(runs) -> Figure:
    """The largest singular value of each layer, as the layer applies it.

    Args:
        runs: as for `draw_distances`.
    """
    variants = by_variant(runs)
    names = [name for name in _STABILISED if name in variants]
    if not names:
        raise NothingToDraw("no variant with or without spectral norm was trained")
    with figure_style():
        figure, axes = plt.subplots(2, 1, figsize=(7, 5))
        for axis, player in zip(axes, _PLAYERS, strict=True):
            for name, colour in zip(names, COLOURS, strict=False):
                series = f"{player}_singular_values"
                values = np.array([r.record.series[series] for r in variants[name]])
                places = np.arange(1, values.shape[1] + 1)
                axis.plot(
                    places, values.mean(axis=0), color=colour, marker=".",
                    label=_STABILISED[name],
                )  # fmt: skip
                axis.fill_between(
                    places, values.min(axis=0), values.max(axis=0),
                    color=colour, alpha=0.15, lw=0,
                )  # fmt: skip
            axis.axhspan(0.9, 1.1, color=MUTED, alpha=0.2, lw=0)
            axis.set_yscale("log")
            axis.set_ylabel(f"{player}: singular value")
        axes[1].set_xlabel("layer, in order (bands: seeds; grey: 0.9 to 1.1)")
        axes[0].legend(fontsize=7)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_losses(runs) -> Figure:
    """The discriminator's loss against steps, with and without what stabilises it.

    Args:
        runs: as for `draw_distances`.
    """
    variants = by_variant(runs)
    logged = {
        name: [run for run in members if (run.metrics().metric == _LOSS).any()]
        for name, members in variants.items()
        if name in _STABILISED
    }
    names = [name for name in _STABILISED if logged.get(name)]
    if not names:
        raise NothingToDraw("no variant with or without spectral norm was trained")
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 3.6))
        for name, colour in zip(names, COLOURS, strict=False):
            draw_curve(axis, logged[name], _LOSS, color=colour, label=_STABILISED[name])
        axis.axhline(2, color=MUTED, ls=":")  # of scores of 0
        axis.set_xlabel("step")
        axis.set_ylabel("discriminator's hinge loss")
        axis.legend(fontsize=7)
        axis.set_title(data_title(runs[0].record))
    return figure


def draw_training(runs) -> Figure:
    """The size of gamma, and the largest singular value of any layer, against steps.

    gamma's sign has no meaning, and differs from seed to seed.

    Args:
        runs: as for `draw_distances`.
    """
    rows = {
        "gamma": "{}: size of attention's gamma",
        "singular_value_largest": "{}: largest singular value",
    }
    with figure_style():
        figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), sharex=True)
        for line, (suffix, title) in zip(axes, rows.items(), strict=True):
            for axis, player in zip(line, _PLAYERS, strict=True):
                _draw_while_training(axis, runs, f"validation/{player}_{suffix}")
                axis.set_ylabel(title.format(player), fontsize=8)
            if suffix.startswith("singular"):
                for axis in line:
                    axis.set_yscale("log")
                    axis.set_xlabel("step")
        shown = {}
        for axis in axes.flat:
            for line, label in zip(*axis.get_legend_handles_labels(), strict=True):
                shown.setdefault(label, line)
        if not shown:
            plt.close(figure)
            raise NothingToDraw("nothing was measured while training")
        figure.legend(
            shown.values(), shown, fontsize=7, ncols=4, loc="outside lower center"
        )
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def _draw_while_training(axis, runs, metric: str) -> None:
    """Sizes: a line for each variant, in one colour whatever the metric."""
    styles = line_styles(by_variant(runs))
    groups = by_variant(runs, lambda run: metric in curve_names(run))
    for variant, members in groups.items():
        draw_curve(
            axis, members, metric, np.abs, label=variant, marker=".", **styles[variant]
        )


def _points(runs, metric: str) -> dict[str, np.ndarray]:
    """Values of every variant that has them, the largest mean first."""
    found = {
        variant: np.array(values)
        for variant, members in by_variant(runs).items()
        if (values := values_of(members, metric))
    }
    if not found:
        raise NothingToDraw(f"no run has measured {metric}")
    return dict(sorted(found.items(), key=lambda item: -item[1].mean()))


def _draw_points(axis, found: dict[str, np.ndarray]) -> None:
    for row, values in enumerate(found.values()):
        axis.plot(values, [row] * len(values), "o", color=COLOURS[0], ms=5, alpha=0.7)
        axis.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=COLOURS[1])
    axis.set_yticks(range(len(found)), list(found))


def _features(runs) -> str:
    metrics = (run.record.metrics.get(_DISTANCE) for run in runs)
    named = {metric.passport["features"] for metric in metrics if metric is not None}
    return " and ".join(sorted(named))


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "distances": draw_distances,
    "singular_values": draw_singular_values,
    "losses": draw_losses,
    "curves": draw_distance_curves,
    "stability": draw_training,
    "training": partial(draw_film_strips, name="samples"),
    "matching": draw_matching,
}
