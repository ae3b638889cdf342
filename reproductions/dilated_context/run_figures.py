"""Figures of one run: what a layer sees, and segmentations of test images."""

import colorsys
from collections.abc import Iterator, Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cai_keras.metrics.mean_iou import IGNORED
from cai_keras.networks.dilated_context import build_context
from cai_keras.networks.receptive_field import receptive_fields
from cai_keras.reporting.style import figure_style
from cai_keras.training.seen_pixels import count_paths

from .evaluate import predictions

_EXAMPLES = 5
_FRAME = 7  # pixels shown around the largest field


def draw_fields(dilations: Sequence[int]) -> Figure:
    """What one output of every layer sees, with dilation and without.

    Args:
        dilations: of the 3x3 layers of the module.
    """
    rows = {"dilated": tuple(dilations), "undilated": (1,) * len(dilations)}
    side = 2 * (sum(dilations) + _FRAME) + 1
    columns = len(dilations) + 1
    with figure_style():
        figure, axes = plt.subplots(2, columns, figsize=(1.45 * columns, 3.9))
        for line, (name, used) in zip(axes, rows.items(), strict=True):
            kernels = [f"3x3, dilation {dilation}" for dilation in used]
            for number, (axis, kernel, (paths, size)) in enumerate(
                zip(line, [*kernels, "1x1"], fields_of(used, side), strict=True), 1
            ):
                _draw_field(axis, paths, size)
                seen = int((paths > 0).any(axis=0).sum())
                axis.set_title(
                    f"{number}: {kernel}\ngradient {seen}, formula {size}", fontsize=6
                )
            line[0].set_ylabel(name)
        figure.suptitle(
            "Input pixels that reach one output, by the gradient (brighter: more "
            "paths); frame: closed formula",
            fontsize=9,
        )
    return figure


def fields_of(dilations: Sequence[int], side: int) -> Iterator[tuple[np.ndarray, int]]:
    """Of each layer: paths from every pixel (side, side), and the formula's size."""
    network = build_context(1, dilations, image_size=side)
    for name, field in receptive_fields(network).items():
        part = keras.Model(network.inputs[0], network.get_layer(name).output)
        yield count_paths(part, (side, side, 1)), field.size


def _draw_field(axis, paths: np.ndarray, size: int) -> None:
    shown = np.where(paths > 0, 0.25 + np.log1p(paths) / np.log1p(paths.max()), 0)
    axis.imshow(shown, cmap="magma", vmin=0, vmax=1.25)
    corner = (len(paths) - size) / 2 - 0.5
    axis.add_patch(
        Rectangle((corner, corner), size, size, fill=False, edgecolor="#56B4E9", lw=0.9)
    )
    _plain(axis)


def draw_examples(both_logits: keras.Model, tiles, networks) -> Figure:
    """Image, labels, the front end's prediction and that with the context module."""
    count = min(_EXAMPLES, tiles.images.count)
    found = list(predictions(both_logits, tiles, count, count))
    titles = ["image", "labels", "front end"]
    if networks.context is not None:
        titles.append("with context")
    colours = palette(found[0].whole.shape[-1])
    with figure_style():
        figure, axes = plt.subplots(
            count, len(titles), figsize=(1.7 * len(titles), 1.75 * count), squeeze=False
        )
        for line, one in zip(axes, found, strict=True):
            guesses = [one.front_end.argmax(axis=-1), one.whole.argmax(axis=-1)]
            pictures = [one.image, colours[one.label], *(colours[g] for g in guesses)]
            for axis, picture in zip(line, pictures, strict=False):
                axis.imshow(picture)
                _plain(axis)
            right = [_percent_right(guess, one.label) for guess in guesses]
            for axis, percent in zip(line[2:], right, strict=False):
                axis.set_xlabel(f"{percent:.0f} % right", fontsize=7)
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title, fontsize=9)
    return figure


def palette(num_classes: int) -> np.ndarray:
    """RGB of every label: class 0 grey, the others by hue, 255 black; (256, 3).

    Where there are many, every second one is darker.
    """
    colours = np.zeros((256, 3), np.uint8)
    colours[0] = 215
    others = num_classes - 1
    for number in range(others):
        is_darker = others > 8 and number % 2 == 1
        value = 0.6 if is_darker else 0.9
        rgb = colorsys.hsv_to_rgb(number / others, 0.85, value)
        colours[number + 1] = np.round(255 * np.array(rgb))
    return colours


def _percent_right(guess: np.ndarray, label: np.ndarray) -> float:
    known = label != IGNORED
    return 100 * (guess == label)[known].mean() if known.any() else np.nan


def _plain(axis) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
