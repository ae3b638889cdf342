"""Figures over runs: objectives, speed, and what sharper pictures cost."""

from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import data_title, values_of
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_CURVE = "log10_objective_of_optimisation"
# Variants with one objective each, the first of them drawn: its curve and its lines.
_OBJECTIVES = {
    "trained features": ("style_instance", "style_batch", "style_instance_half"),
    "random features": ("style_random",),
}
_NAMES = {
    "style_instance": "instance norm",
    "style_batch": "batch norm",
    "style_instance_half": "instance norm, half the filters",
    "style_random": "instance norm",
}
_FACTORS = {"sr4": "4 times", "sr8": "8 times"}
_LOSSES = {
    "pixel": "pixel loss",
    "feature": "feature loss",
    "feature_random": "feature loss, random features",
}


def draw_objective(runs) -> Figure:
    """The objective against evaluations of L-BFGS; lines: one pass of a network.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    by_variant = _by_variant(runs)
    drawn = {
        title: [name for name in names if name in by_variant]
        for title, names in _OBJECTIVES.items()
        if by_variant.keys() & set(names)
    }
    if not drawn:
        raise NothingToDraw("no style network was trained")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(drawn), figsize=(4.4 * len(drawn), 3.4), squeeze=False
        )
        for axis, (title, names) in zip(axes[0], drawn.items(), strict=True):
            curves = np.array([r.record.series[_CURVE] for r in by_variant[names[0]]])
            _draw_curves(axis, curves)
            for name, colour in zip(names, COLOURS[1:], strict=False):
                _draw_level(axis, by_variant[name], _NAMES[name], colour)
            content = values_of(
                by_variant[names[0]], "test/log10_objective_of_content_picture"
            )
            axis.axhline(10 ** np.mean(content), color=MUTED, ls=":", label="content")
            axis.set(xscale="log", yscale="log", title=title)
            axis.set_xlabel("evaluations of L-BFGS")
            axis.legend(fontsize=7)
        axes[0, 0].set_ylabel("objective of test pictures")
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def _draw_curves(axis, curves: np.ndarray) -> None:
    """Seeds, and their mean, of curves (seeds, evaluations) of logarithms."""
    evaluations = np.arange(1, curves.shape[1] + 1)
    for curve in curves:
        axis.plot(evaluations, 10**curve, color=COLOURS[0], alpha=0.25, lw=0.8)
    mean = 10 ** curves.mean(axis=0)
    axis.plot(evaluations, mean, color=COLOURS[0], label="L-BFGS from noise")


def _draw_level(axis, runs, name: str, colour: str) -> None:
    values = 10 ** np.array(values_of(runs, "test/log10_objective"))
    for value in values:
        axis.axhline(value, color=colour, alpha=0.25, lw=0.8)
    mean = 10 ** np.mean(np.log10(values))
    axis.axhline(mean, color=colour, ls="--", label=f"one pass, {name}")


def draw_speed(runs) -> Figure:
    """How many times faster one pass is than iterations of L-BFGS."""
    by_variant = _by_variant(runs)
    names = [name for name in _NAMES if name in by_variant]
    if not names:
        raise NothingToDraw("no style network was trained")
    prefix = "test/log10_seconds_"
    with figure_style():
        figure, axis = plt.subplots(figsize=(5.2, 3.4))
        chosen = by_variant[names[0]]
        metrics = chosen[0].record.metrics
        sides = [int(n.rpartition("_")[2]) for n in metrics if "forward_" in n]
        counts = sorted(
            {int(n.removeprefix(prefix).split("_")[0]) for n in metrics
             if n.startswith(prefix) and "iterations" in n}
        )  # fmt: skip
        for count, colour in zip(counts, COLOURS, strict=False):
            ratios = [
                np.array(values_of(chosen, f"{prefix}{count}_iterations_{side}"))
                - values_of(chosen, f"{prefix}forward_{side}")
                for side in sides
            ]
            means = [10 ** ratio.mean() for ratio in ratios]
            axis.plot(sides, means, "-", color=colour, label=f"{count} iterations")
            for side, ratio in zip(sides, ratios, strict=True):
                axis.plot([side] * len(ratio), 10**ratio, "o", color=colour, ms=4)
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(sides, [f"{side} x {side}" for side in sides])
        axis.minorticks_off()
        axis.set_xlabel("pixels")
        axis.set_ylabel("times as fast as L-BFGS")
        axis.legend(fontsize=8)
        on = metrics[f"{prefix}forward_{sides[0]}"].passport["timed_on"]
        axis.set_title(f"{data_title(runs[0].record)}\n{on}", fontsize=8)
    return figure


def draw_sharpness(runs) -> Figure:
    """PSNR against sharpness of enlarged pictures: a point for each seed."""
    by_variant = _by_variant(runs)
    factors = [f for f in _FACTORS if any(v.startswith(f) for v in by_variant)]
    if not factors:
        raise NothingToDraw("no super-resolution network was trained")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(factors), figsize=(4.2 * len(factors), 3.4), squeeze=False
        )
        for axis, factor in zip(axes[0], factors, strict=True):
            anyone = next(v for v in by_variant if v.startswith(factor))
            _draw_points(axis, by_variant[anyone], "_bicubic", "bicubic", MUTED)
            for (loss, name), colour in zip(_LOSSES.items(), COLOURS, strict=False):
                members = by_variant.get(f"{factor}_{loss}", [])
                _draw_points(axis, members, "", name, colour)
            axis.axvline(1.0, color=MUTED, ls=":", lw=0.8)
            axis.set_xlabel("sharpness, of the original's")
            axis.set_title(f"enlarged {_FACTORS[factor]}")
        axes[0, 0].set_ylabel("PSNR of Y, dB")
        axes[0, 0].legend(fontsize=7)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def _draw_points(axis, runs, suffix: str, name: str, colour: str) -> None:
    sharpness = values_of(runs, f"test/sharpness{suffix}")
    psnr = values_of(runs, f"test/psnr_y{suffix}")
    if sharpness:
        axis.plot(sharpness, psnr, "o", color=colour, ms=4)
        axis.plot(
            np.mean(sharpness), np.mean(psnr), "D", color=colour, ms=8, mfc="none",
            label=name,
        )  # fmt: skip


def _by_variant(runs) -> dict[str, list]:
    found = defaultdict(list)
    for run in runs:
        found[run.record.variant].append(run)
    return found


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "objective": draw_objective,
    "speed": draw_speed,
    "sharpness": draw_sharpness,
}
