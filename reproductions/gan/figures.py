"""Figures over runs: distances before and after, and what two players share."""

from functools import partial

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cai_keras.reporting.adversarial_figures import (
    draw_distance_curves,
    draw_player_losses,
)
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.progress_pictures import draw_film_strips
from cai_keras.reporting.run_groups import by_variant, data_title, values_of
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

# Name -> colour and label, from the worst to the best that there can be.
_DISTANCES = {
    "test/log10_frechet_untrained": (MUTED, "untrained"),
    "test/log10_frechet": (COLOURS[0], "trained"),
    "test/log10_frechet_of_real": (COLOURS[2], "real pictures"),
}


def draw_frechet(runs) -> Figure:
    """Frechet distances of each variant: untrained, trained, and of real pictures.

    Args:
        runs: list of `FinishedRun` of one scale and data set.
    """
    groups = by_variant(runs, lambda run: bool(values_of([run], "test/log10_frechet")))
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


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "losses": draw_player_losses,
    "frechet": draw_frechet,
    "distances": draw_distance_curves,
    "training": partial(draw_film_strips, name="made"),
}
