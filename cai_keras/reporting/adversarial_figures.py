"""Figures over runs of two players: their losses, and distances while they learn."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import (
    by_variant,
    curve_names,
    data_title,
    draw_curve,
)
from cai_keras.reporting.style import COLOURS, figure_style, line_styles

_LOSSES = {
    "train/discriminator/total": "discriminator",
    "train/generator/adversarial": "generator",
}
_DISTANCE = "validation/fid_"


def draw_player_losses(runs) -> Figure:
    """What both players minimise against the step, a column for each variant.

    Args:
        runs: list of `FinishedRun` of one scale and data set.
    """
    groups = by_variant(runs, lambda run: set(_LOSSES) <= curve_names(run))
    if not groups:
        raise NothingToDraw("no two players were trained")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(groups), figsize=(3.2 * len(groups) + 0.6, 3), squeeze=False
        )
        for axis, (variant, members) in zip(axes[0], groups.items(), strict=True):
            for (metric, label), colour in zip(_LOSSES.items(), COLOURS, strict=False):
                draw_curve(axis, members, metric, color=colour, label=label)
            axis.set_title(variant, fontsize=8)
            axis.set_xlabel("step")
        axes[0, 0].set_ylabel("loss, nats")
        axes[0, 0].legend(fontsize=8)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_distance_curves(runs) -> Figure:
    """The Frechet distance while training, a line for each variant.

    Args:
        runs: as for `draw_player_losses`.
    """
    metrics = {metric for run in runs for metric in curve_names(run)}
    names = sorted(name for name in metrics if name.startswith(_DISTANCE))
    if not names:
        raise NothingToDraw("no distance was measured while training")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(names), figsize=(6.4 * len(names), 3.8), squeeze=False
        )
        for axis, name in zip(axes[0], names, strict=True):
            groups = by_variant(runs, lambda run, name=name: name in curve_names(run))
            for variant, style in line_styles(groups).items():
                draw_curve(
                    axis, groups[variant], name, label=variant, marker=".", **style
                )
            axis.set_yscale("log")
            axis.set_xlabel("step")
            axis.set_ylabel(_title(name))
            axis.legend(fontsize=7)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def _title(name: str) -> str:
    extractor, _, count = name.removeprefix(_DISTANCE).rpartition("_")
    return f"Frechet distance: {extractor}, {count} pictures"
