"""Figures over runs: labels obeyed, and what two players share."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.adversarial_figures import (
    draw_distance_curves,
    draw_player_losses,
)
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.progress_pictures import draw_film_strips
from cai_keras.reporting.run_groups import by_variant, data_title, values_of
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_ACCURACY = "test/label_accuracy_percent"
_JUDGE = "test/judge_accuracy_percent"
_ENTROPY = "test/class_entropy_nats"


def draw_obedience(runs) -> Figure:
    """Labels obeyed and the entropy of classes found, a row for each variant.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    groups = by_variant(runs, lambda run: bool(values_of([run], _ACCURACY)))
    if not groups:
        raise NothingToDraw("no generator of pictures was trained")
    members = [run for group in groups.values() for run in group]
    with figure_style():
        figure, axes = plt.subplots(
            1, 2, figsize=(8, 0.5 * len(groups) + 1.4), sharey=True
        )
        for axis, metric in zip(axes, (_ACCURACY, _ENTROPY), strict=True):
            for row, group in enumerate(groups.values()):
                values = values_of(group, metric)
                axis.plot(values, [row] * len(values), "o", color=COLOURS[0])
        ceiling = float(np.mean(values_of(members, _JUDGE)))
        axes[0].axvline(ceiling, color=MUTED, ls=":", label="real pictures")
        axes[1].axvline(
            float(np.mean(values_of(members, f"{_ENTROPY}_of_real"))),
            color=MUTED, ls=":",
        )  # fmt: skip
        axes[0].set_yticks(range(len(groups)), list(groups))
        axes[0].invert_yaxis()
        axes[0].set_xlim(0, 100)
        axes[0].set_xlabel("read as the class asked for, percent")
        axes[1].set_xlabel("entropy of the classes found, nats")
        axes[0].legend(fontsize=8)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "obedience": draw_obedience,
    "losses": draw_player_losses,
    "distances": draw_distance_curves,
    "training": partial(draw_film_strips, name="made"),
}
