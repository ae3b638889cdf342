"""Figures of one run: pictures, paths between them, points, and densities."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.neighbors import NearestNeighbors

from cai_keras.data.latents import LatentSpace
from cai_keras.data.picture_files import as_bytes
from cai_keras.generation.grids import picture_grid
from cai_keras.generation.picture_evaluation import PictureEvaluation
from cai_keras.generation.picture_judge import open_judge
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

from .evaluate import DensityEvaluation, RingEvaluation

_ROWS, _COLUMNS = 6, 9  # of generated pictures; one more column of real ones
_SEED = 1  # of figures' latent vectors
_CANDIDATES = 2000  # pictures among which a judge looks for those of a class
_MOVE = 0.25  # as Radford et al. 2016


def samples(evaluation: PictureEvaluation) -> Figure:
    """Generated pictures; last in each row, what training has nearest to its last."""
    made = evaluation.sampler.sample(_ROWS * _COLUMNS, _SEED)
    rows = made.reshape(_ROWS, _COLUMNS, *made.shape[1:])
    train = evaluation.pictures.train
    near = nearest(rows[:, -1], train.head(min(train.count, 10_000)))
    whole = np.concatenate([rows, near[:, None]], axis=1)
    grid = picture_grid(whole.reshape(-1, *made.shape[1:]), _COLUMNS + 1)
    edge = grid.shape[1] * _COLUMNS / (_COLUMNS + 1)
    with figure_style():
        figure, axis = plt.subplots(figsize=(6, 6 * grid.shape[0] / grid.shape[1]))
        _show(axis, grid)
        axis.axvline(edge - 0.5, color="#F0E442", lw=1.5)
    return figure


def nearest(made: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Of each generated picture the training picture at the least distance.

    Args:
        made: float (n, height, width, channels) in [0, 1].
        train: uint8 (m, ...).
    Returns:
        float32 (n, ...) in [0, 1].
    """
    flat = train.reshape(len(train), -1).astype(np.float32)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat)
    wanted = as_bytes(made).reshape(len(made), -1).astype(np.float32)
    places = search.kneighbors(wanted, return_distance=False)[:, 0]
    return train[places].astype(np.float32) / 255


def interpolation(evaluation: PictureEvaluation, space: LatentSpace) -> Figure:
    """Pictures on straight lines between pairs of latent vectors."""
    first, last = np.split(space.draw(2 * _ROWS, _SEED), 2)
    shares = np.linspace(0, 1, _COLUMNS + 1, dtype=np.float32)[None, :, None]
    paths = first[:, None] * (1 - shares) + last[:, None] * shares
    made = evaluation.sampler.pictures(paths.reshape(-1, space.size))
    grid = picture_grid(made, _COLUMNS + 1)
    with figure_style():
        figure, axis = plt.subplots(figsize=(6, 6 * grid.shape[0] / grid.shape[1]))
        _show(axis, grid)
    return figure


def arithmetic(evaluation: PictureEvaluation) -> Figure:
    """A - B + C of latent vectors: Radford et al. 2016, Section 6.3.2.

    Each class's vector is the mean of a few whose pictures a judge is surest of: one
    vector alone is unstable, as they write. Around the result lie pictures of vectors
    that are moved by up to 0.25 in every direction.
    """
    asked, train = evaluation.settings.arithmetic, evaluation.pictures.train
    if train.labels is None:
        raise NothingToDraw("these pictures have no classes")
    count = min(asked.judge_pictures, train.count)
    judge = open_judge(asked.judge, evaluation.extractor)(
        train.head(count), train.labels[:count]
    )
    sampler = evaluation.sampler
    latents = sampler.space.draw(_CANDIDATES, _SEED)
    certainty = judge.certainty(sampler.pictures(latents))
    rows, result = sum_of_classes(latents, certainty, asked.classes, asked.exemplars)
    moves = np.random.default_rng(_SEED).uniform(-_MOVE, _MOVE, (9, len(result)))
    moves[4] = 0
    around = (result + moves).astype(np.float32)
    parts = picture_grid(sampler.pictures(rows), asked.exemplars + 1)
    sums = picture_grid(sampler.pictures(around), 3)
    with figure_style():
        figure, axes = plt.subplots(
            1, 2, figsize=(6, 2.6), width_ratios=[asked.exemplars + 1, 3]
        )
        for axis, grid in zip(axes, (parts, sums), strict=True):
            axis.imshow(grid, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            for spine in axis.spines.values():
                spine.set_visible(False)
        height = parts.shape[0] / 3
        signs = zip(("", "- ", "+ "), asked.classes, strict=True)
        axes[0].set_yticks(
            height * (np.arange(3) + 0.5) - 0.5,
            [f"{sign}class {number}" for sign, number in signs],
        )
        axes[0].tick_params(length=0)
        axes[0].set_title("pictures, and that of their mean vector", fontsize=8)
        axes[1].set_title("their sum, and around it", fontsize=8)
    return figure


def sum_of_classes(
    latents: np.ndarray, certainty: np.ndarray, classes, exemplars: int
) -> tuple[np.ndarray, np.ndarray]:
    """Latent vectors of three classes, their means, and A - B + C of the means.

    Args:
        latents: (n, size), of pictures that a judge has seen.
        certainty: (n, classes): those where it is largest are the exemplars.
        classes: A, B and C.
        exemplars: of each class.
    Returns:
        (3 * (exemplars + 1), size): of each class the exemplars, the surest first, and
        their mean; and (size,).
    """
    rows, means = [], []
    for number in classes:
        best = latents[np.argsort(-certainty[:, number])[:exemplars]]
        means.append(best.mean(axis=0))
        rows += [*best, means[-1]]
    return np.stack(rows), means[0] - means[1] + means[2]


def points(evaluation: RingEvaluation) -> Figure:
    """Generated points beside real ones, before and after training."""
    with evaluation.initial.swapped_in():
        before = evaluation.points()
    with figure_style():
        figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.4), sharex=True, sharey=True)
        real = evaluation.ring.draw(len(before), _SEED)
        for axis, made, title in zip(
            axes, (before, evaluation.points()), ("before", "after"), strict=True
        ):
            axis.plot(*real.T, ".", color=MUTED, ms=1, label="real")
            axis.plot(*made.T, ".", color=COLOURS[1], ms=1, label="generated")
            axis.set_title(f"{title} training", fontsize=9)
            axis.set_aspect("equal")
        reach = 1.5 * evaluation.ring.radius
        axes[0].set(xlim=(-reach, reach), ylim=(-reach, reach))
        axes[1].legend(fontsize=8, markerscale=8, loc="center")
    return figure


def densities(evaluation: DensityEvaluation) -> Figure:
    """p, q, the discriminator, and the best one: Figure 1 of the paper."""
    pair = evaluation.densities
    x = np.linspace(-4, 5, 500)
    with figure_style():
        figure, axis = plt.subplots(figsize=(5, 3.2))
        axis.plot(x, pair.p(x), ":", color="black", label="p, data")
        axis.plot(x, pair.q(x), color=COLOURS[2], label="q, generated")
        axis.plot(x, pair.optimal(x), color=MUTED, lw=3, label="p / (p + q)")
        axis.plot(x, evaluation.curve(x), "--", color=COLOURS[0], label="D")
        axis.set_xlabel("x")
        axis.legend(fontsize=8)
    return figure


def _show(axis, picture: np.ndarray) -> None:
    axis.imshow(picture, interpolation="nearest")
    axis.set_axis_off()
