"""Figures of one run: mirrored images, attention, filters, maximised inputs."""

import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from cai_keras.reporting.style import COLOURS, figure_style

from . import evaluate
from .maximise import maximise_channels
from .model import ATTENTION
from .pictures import hide_axes, show

_NUM_IMAGES = 8
# Layers of the classifier whose channels are maximised.
_LAYERS = ("conv1", "conv3", "conv5", "conv7")


def draw_mirrored(mirror, data) -> Figure:
    """Rows: inputs, targets, outputs, squared errors of some test images."""
    images = data.test[:_NUM_IMAGES]
    targets, outputs = images[:, :, ::-1], mirror(images)
    errors = np.square(outputs - targets).mean(axis=-1)
    rows = {"input": images, "target": targets, "output": outputs}
    with figure_style():
        size = (0.9 * len(images) + 0.6, 0.95 * (len(rows) + 1))
        figure, axes = plt.subplots(len(rows) + 1, len(images), figsize=size)
        for line, (name, pictures) in zip(axes, rows.items(), strict=False):
            line[0].set_ylabel(name)
            for axis, picture in zip(line, pictures, strict=True):
                show(axis, picture, data.value_range)
        axes[-1, 0].set_ylabel("error²")
        highest = max(float(np.quantile(errors, 0.99)), 1e-6)
        for axis, error in zip(axes[-1], errors, strict=True):
            axis.imshow(error, cmap="magma", vmin=0, vmax=highest)
            hide_axes(axis)
        figure.suptitle(
            f"{data.info.name}; error from black (0) to light ({highest:.2g})",
            fontsize=9,
        )
    return figure


def draw_attention(network, images: np.ndarray) -> Figure:
    """The mean attention matrix, and the map of one query."""
    maps = evaluate.attention_maps(network, images).mean(axis=0)
    height, width = network.get_layer(ATTENTION).input.shape[1:3]
    row, column = height // 3, width // 4
    query = row * width + column
    with figure_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 4))
        # A power below 1 makes single bright positions among thousands visible.
        picture = left.imshow(np.sqrt(maps), cmap="magma", vmin=0, vmax=1)
        left.set_xlabel("key (row by row)")
        left.set_ylabel("query (row by row)")
        left.set_title(f"{len(maps)} x {len(maps)} weights", fontsize=9)
        right.imshow(
            np.sqrt(maps[query].reshape(height, width)), cmap="magma", vmin=0, vmax=1
        )
        right.plot(column, row, "s", ms=11, mfc="none", mec=COLOURS[4], label="query")
        right.plot(
            width - 1 - column, row, "o", ms=14, mfc="none", mec=COLOURS[2],
            label="its mirrored position",
        )  # fmt: skip
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2)
        right.set_title(f"Query at row {row}, column {column}", fontsize=9)
        for axis in (left, right):
            axis.grid(False)
        hide_axes(right)
        bar = figure.colorbar(picture, ax=(left, right), shrink=0.7)
        ticks = np.array([0, 0.01, 0.1, 0.25, 0.5, 1])
        bar.set_ticks(np.sqrt(ticks), labels=[f"{tick:g}" for tick in ticks])
        bar.set_label(f"weight, mean over {len(images)} images")
    return figure


def draw_filters(network) -> Figure:
    """Kernels of the first convolution as colours; grey is a weight of 0."""
    kernel = ops.convert_to_numpy(network.get_layer("conv1").kernel)
    filters = np.moveaxis(kernel, -1, 0)
    filters = filters / np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    columns = min(8, len(filters))
    size = kernel.shape[0]
    title = f"First layer: {len(filters)} filters of {size} x {size} x 3"
    return _panels({title: filters}, columns)


def draw_maximised_inputs(network, settings) -> Figure:
    """A row for each of some layers, an image for each of its first channels."""
    rows = {}
    for name in _LAYERS:
        layer = network.get_layer(name)
        channels = range(min(settings.channels, layer.filters))
        images, history = maximise_channels(
            network, name, channels, settings.steps, settings.step_size
        )
        title = f"{name}: mean before ReLU {history[0].mean():.2f} to "
        rows[f"{title}{history[-1].mean():.2f}"] = images
    return _panels(rows, max(map(len, rows.values())))


def _panels(groups: dict[str, np.ndarray], columns: int) -> Figure:
    """Images in [-1, 1], each group below its title."""
    heights = [-(-len(images) // columns) for images in groups.values()]
    with figure_style():
        size = (0.8 * columns, 0.85 * sum(heights) + 0.4 * len(groups))
        figure = plt.figure(figsize=size)
        parts = figure.subfigures(len(groups), 1, height_ratios=heights, squeeze=False)
        for part, height, (title, images) in zip(
            parts[:, 0], heights, groups.items(), strict=True
        ):
            part.suptitle(title, fontsize=8)
            axes = part.subplots(height, columns, squeeze=False)
            for axis in axes.flat:
                axis.axis("off")
            for axis, image in zip(axes.flat, images, strict=False):
                show(axis, image, 2.0)
    return figure
