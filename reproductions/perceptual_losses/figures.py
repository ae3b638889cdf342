"""Figures over runs: objectives, and what sharper pictures cost."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import by_variant, data_title, values_of
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

from .crop_figures import LOSSES, draw_crops
from .speed_figures import draw_speed, draw_speed_table

_CURVE = "log10_objective_of_optimisation"
# Variants with one objective each, the first of them drawn: its curve and its lines.
_OBJECTIVES = {
    "trained features": ("style_instance", "style_batch", "style_instance_half"),
    "trained longer": ("style_instance_longer",),
    "random features": ("style_random",),
}
_NAMES = {
    "style_instance": "instance norm",
    "style_batch": "batch norm",
    "style_instance_half": "instance norm, half the filters",
    "style_instance_longer": "instance norm",
    "style_random": "instance norm",
}
_FACTORS = {"sr4": "4 times", "sr8": "8 times"}


def draw_objective(runs) -> Figure:
    """The objective against evaluations of L-BFGS; lines: one pass of a network.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    found = by_variant(runs)
    drawn = {
        title: [name for name in names if name in found]
        for title, names in _OBJECTIVES.items()
        if found.keys() & set(names)
    }
    if not drawn:
        raise NothingToDraw("no style network was trained")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(drawn), figsize=(4.4 * len(drawn), 3.4), squeeze=False
        )
        for axis, (title, names) in zip(axes[0], drawn.items(), strict=True):
            curves = np.array([r.record.series[_CURVE] for r in found[names[0]]])
            _draw_curves(axis, curves)
            for name, colour in zip(names, COLOURS[1:], strict=False):
                _draw_level(axis, found[name], _NAMES[name], colour)
            content = values_of(
                found[names[0]], "test/log10_objective_of_content_picture"
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


def draw_sharpness(runs) -> Figure:
    """PSNR against sharpness of enlarged pictures: a point for each seed."""
    found = by_variant(runs)
    factors = [f for f in _FACTORS if any(v.startswith(f) for v in found)]
    if not factors:
        raise NothingToDraw("no super-resolution network was trained")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(factors), figsize=(4.2 * len(factors), 3.4), squeeze=False
        )
        for axis, factor in zip(axes[0], factors, strict=True):
            anyone = next(v for v in found if v.startswith(factor))
            _draw_points(axis, found[anyone], "_bicubic", "bicubic", MUTED)
            for (loss, name), colour in zip(LOSSES.items(), COLOURS, strict=False):
                members = found.get(f"{factor}_{loss}", [])
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


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "objective": draw_objective,
    "speed": draw_speed,
    "speed_table": draw_speed_table,
    "sharpness": draw_sharpness,
    "crops": draw_crops,
}
