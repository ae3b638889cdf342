"""Figures of one run: a row for each class, and points by their modes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.generation.grids import picture_grid
from cai_keras.generation.sampler import Sampler
from cai_keras.reporting.style import MUTED, figure_style

from .evaluate import LabelEvaluation, RingEvaluation

_COLUMNS = 10  # latent vectors
_SEED = 1  # of figures' draws


def classes(sampler: Sampler, evaluation: LabelEvaluation) -> Figure:
    """A row for each class, the same latent vectors in all of them.

    A generator without labels has one row.
    """
    rows = evaluation.classes if sampler.class_names is not None else 1
    latents = np.tile(sampler.space.draw(_COLUMNS, _SEED), (rows, 1))
    labels = None
    if sampler.class_names is not None:
        labels = np.repeat(np.arange(rows), _COLUMNS).astype(np.int32)
    grid = picture_grid(sampler.pictures(latents, labels), _COLUMNS)
    with figure_style():
        figure, axis = plt.subplots(figsize=(5, 5 * grid.shape[0] / grid.shape[1]))
        axis.imshow(grid, interpolation="nearest")
        axis.set_xticks([])
        axis.grid(False)
        for spine in axis.spines.values():
            spine.set_visible(False)
        height = grid.shape[0] / rows
        middles = height * (np.arange(rows) + 0.5) - 0.5
        axis.set_yticks(middles, sampler.class_names or [""])
        axis.tick_params(length=0)
    return figure


def points(evaluation: RingEvaluation) -> Figure:
    """Points in the colour of the mode that was asked for, before and after."""
    with evaluation.initial.swapped_in():
        before = evaluation.points()
    with figure_style():
        figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.4), sharex=True, sharey=True)
        real = evaluation.ring.draw(len(before), _SEED)
        is_asked = evaluation.is_labelled
        colours = plt.get_cmap("tab10")(evaluation.labels) if is_asked else "black"
        for axis, made, title in zip(
            axes, (before, evaluation.points()), ("before", "after"), strict=True
        ):
            axis.scatter(*real.T, color=MUTED, s=0.5)
            axis.scatter(*made.T, color=colours, s=0.5)
            axis.set_title(f"{title} training", fontsize=9)
            axis.set_aspect("equal")
        reach = 1.5 * evaluation.ring.radius
        axes[0].set(xlim=(-reach, reach), ylim=(-reach, reach))
    return figure
