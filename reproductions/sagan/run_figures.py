"""Figures of one run: pictures of each class, and where positions look."""

from dataclasses import dataclass

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.generation.grids import picture_grid
from cai_keras.generation.sampler import Sampler
from cai_keras.reporting.style import COLOURS, figure_style

from .data import Pictures

_MOST_ROWS, _COLUMNS, _SEED = 10, 8, 0
_SHOWN = 4  # pictures whose attention is drawn
# Rows and columns of query points, in parts of the picture: the middle and four
# around it; in the two-squares task those four are in the corners' squares.
_AROUND = ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))
_CORNERS = ((0.5, 0.5), (0.13, 0.13), (0.13, 0.87), (0.87, 0.13), (0.87, 0.87))


@dataclass(frozen=True)
class Looks:
    """Where five positions of some pictures look.

    Attributes:
        pictures: float (n, side, side, 1 or 3) in [0, 1].
        queries: (5, 2), rows and columns of the points in pixels.
        weights: float (n, 5, rows, columns) of the keys, which sum to 1.
    """

    pictures: np.ndarray
    queries: np.ndarray
    weights: np.ndarray


def rows_of_classes(makes: Sampler) -> tuple[np.ndarray, int]:
    """Pictures of some classes, all if there are ten, and how many of each.

    The latent vectors of every class are the same, and the same in every run.
    """
    classes = len(makes.class_names)
    rows = min(_MOST_ROWS, classes)
    chosen = np.linspace(0, classes - 1, rows).round().astype(np.int32)
    latents = np.tile(makes.space.draw(_COLUMNS, _SEED), (rows, 1))
    return makes.pictures(latents, np.repeat(chosen, _COLUMNS)), _COLUMNS


def draw_samples(makes: Sampler) -> Figure:
    """A row for each class; pictures of a column have the same latent vector."""
    pictures, columns = rows_of_classes(makes)
    with figure_style():
        figure, axis = plt.subplots(figsize=(6, 6 * len(pictures) / columns**2))
        axis.imshow(picture_grid(pictures, columns), interpolation="nearest")
        axis.axis("off")
    return figure


def draw_generated_attention(makes: Sampler) -> Figure:
    """Of the generator's attention, in pictures of the first classes."""
    latents = makes.space.draw(_SHOWN, _SEED)
    labels = makes.balanced_labels(_SHOWN)
    pictures = makes.pictures(latents, labels)
    return draw(look(makes.generator, [latents, labels], pictures, _AROUND))


def draw_seen_attention(network: keras.Model, pictures: Pictures) -> Figure:
    """Of a classifier's attention, in the first test pictures."""
    shown = pictures.test(_SHOWN).pixels
    return draw(look(network, 2 * shown - 1, shown, _CORNERS))


def look(network: keras.Model, inputs, pictures: np.ndarray, places) -> Looks:
    """The weights of the network's layer of attention, of some of its positions.

    Args:
        places: rows and columns in parts of the picture's height and width.
    """
    layer = network.get_layer("attention")
    before = keras.Model(network.input, layer.input)
    weights = layer.attention_weights(before(inputs))
    weights = keras.ops.convert_to_numpy(weights)
    height, width = layer.input.shape[1:3]
    shares = np.asarray(places)
    cells = (shares * (height, width)).astype(int)
    chosen = weights[:, cells[:, 0] * width + cells[:, 1]]
    pooled = 2 if layer.pool_keys else 1
    maps = chosen.reshape(*chosen.shape[:2], height // pooled, width // pooled)
    # The middle of the cell: what is drawn is where the weights are of.
    points = (cells + 0.5) * pictures.shape[1] / height - 0.5
    return Looks(pictures, points, maps)


def draw(looks: Looks) -> Figure:
    """A picture with five points, and for each of them where it looks."""
    count, queries = looks.weights.shape[:2]
    edge = looks.pictures.shape[1] - 0.5
    with figure_style():
        size = (1.3 * (1 + queries), 1.3 * count)
        figure, axes = plt.subplots(count, 1 + queries, figsize=size, squeeze=False)
        for row, picture, maps in zip(axes, looks.pictures, looks.weights, strict=True):
            for axis in row:
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
            row[0].imshow(picture, cmap="gray", vmin=0, vmax=1)
            for axis, point, shown, colour in zip(
                row[1:], looks.queries, maps, COLOURS, strict=False
            ):
                axis.imshow(picture.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
                axis.imshow(
                    shown, cmap="viridis", alpha=0.65, interpolation="bilinear",
                    extent=(-0.5, edge, edge, -0.5), vmin=0,
                )  # fmt: skip
                for place in (row[0], axis):
                    place.plot(*point[::-1], "o", color=colour, mec="white", ms=5)
                axis.set_xlabel(f"up to {100 * shown.max():.0f} %", fontsize=6)
    return figure
