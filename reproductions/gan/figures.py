"""Figures over runs: both players' losses, and distances before and after."""

from collections import defaultdict

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import data_title, draw_curve, values_of
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_LOSSES = {
    "train/discriminator/total": "discriminator",
    "train/generator/adversarial": "generator",
}
# Name -> colour and label, from the worst to the best that there can be.
_DISTANCES = {
    "test/log10_frechet_untrained": (MUTED, "untrained"),
    "test/log10_frechet": (COLOURS[0], "trained"),
    "test/log10_frechet_of_real": (COLOURS[2], "real pictures"),
}


def draw_losses(runs) -> Figure:
    """What both players minimise against the step, a column for each variant.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    groups = _by_variant(runs, _is_logged)
    if not groups:
        raise NothingToDraw("no two players were trained")
    with figure_style():
        figure, axes = plt.subplots(
            1, len(groups), figsize=(3.4 * len(groups) + 0.6, 3), squeeze=False
        )
        for axis, (variant, members) in zip(axes[0], groups.items(), strict=True):
            for (metric, label), colour in zip(_LOSSES.items(), COLOURS, strict=False):
                draw_curve(axis, members, metric, color=colour, label=label)
            axis.set_title(variant, fontsize=9)
            axis.set_xlabel("step")
        axes[0, 0].set_ylabel("loss, nats")
        axes[0, 0].legend(fontsize=8)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_frechet(runs) -> Figure:
    """Frechet distances of each variant: untrained, trained, and of real pictures.

    Args:
        runs: as for `draw_losses`.
    """
    groups = _by_variant(runs, lambda run: bool(values_of([run], "test/log10_frechet")))
    if not groups:
        raise NothingToDraw("no generator of pictures was trained")
    with figure_style():
        figure, axis = plt.subplots(figsize=(5.6, 0.5 * len(groups) + 1.4))
        for row, members in enumerate(groups.values()):
            for metric, (colour, label) in _DISTANCES.items():
                values = [10**value for value in values_of(members, metric)]
                axis.plot(
                    values, [row] * len(values), "o", color=colour,
                    label=None if row else label,
                )  # fmt: skip
        axis.set_yticks(range(len(groups)), list(groups))
        axis.invert_yaxis()
        axis.set_xscale("log")
        metric = _measured_with(next(iter(groups.values())))
        axis.set_xlabel(f"Frechet distance: {metric}")
        axis.legend(fontsize=8)
        axis.set_title(data_title(runs[0].record), fontsize=9)
    return figure


def _measured_with(members) -> str:
    """What the distances of runs were measured with, from the first one's passport."""
    passport = members[0].record.metrics["test/log10_frechet"].passport
    return f"{passport['features']}, {passport['pictures']:,} pictures"


def _is_logged(run) -> bool:
    return set(_LOSSES) <= set(run.metrics().metric)


def _by_variant(runs, is_shown) -> dict[str, list]:
    found = defaultdict(list)
    for run in runs:
        if run.record.steps_done and is_shown(run):
            found[run.record.variant].append(run)
    return found


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"losses": draw_losses, "frechet": draw_frechet}
