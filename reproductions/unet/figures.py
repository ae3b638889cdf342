"""The paper's figures: tiles, segmentations, and the number of training images."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.style import COLOURS, figure_style

_TESTED = {
    "test/foreground_iou_percent": "foreground IoU, percent",
    "test/object_iou_percent": "IoU of cells, percent",
}
_INPUT, _OUTPUT = "#56B4E9", "#F0E442"  # blue and yellow, as in the paper's Figure 2


@dataclass(frozen=True)
class Segmented:
    """A test image and what was found in it, all (height, width).

    Attributes:
        instances: annotated objects by number.
        found: connected parts of the prediction by number.
        merged: pairs of annotated objects.
    """

    image: np.ndarray
    instances: np.ndarray
    weights: np.ndarray
    found: np.ndarray
    merged: list[tuple[int, int]]


def draw_overlap_tile(
    image: np.ndarray, tiled: np.ndarray, difference: np.ndarray, side: int, margin: int
) -> Figure:
    """Where a tile looks, the result of all tiles, and where it differs.

    Args:
        image: (height, width).
        tiled, difference: probabilities tile by tile, and how far those at once are.
        side, margin: of an input tile, in pixels.
    """
    mirrored = np.pad(image, margin, mode="symmetric")
    height, width = image.shape
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(10, 3.6))
        # Pixel (0, 0) of the image stays at (0, 0).
        edges = (
            -margin - 0.5,
            width + margin - 0.5,
            height + margin - 0.5,
            -margin - 0.5,
        )
        axes[0].imshow(mirrored, cmap="gray", extent=edges)
        axes[0].add_patch(_frame(0, width, height, "white", 1.0))
        if margin:
            axes[0].add_patch(_frame(-margin, side, side, _INPUT, 3.0))
            title = "image (white), input (blue), output (yellow)"
        else:
            title = "a tile (yellow), without surroundings"
        output = side - 2 * margin
        axes[0].add_patch(_frame(0, output, output, _OUTPUT, 2.0))
        axes[0].set_title(title, fontsize=9)
        axes[1].imshow(tiled, cmap="gray", vmin=0, vmax=1)
        axes[1].set_title("probability, tile by tile", fontsize=9)
        shown = axes[2].imshow(
            np.maximum(difference, 1e-9), cmap="magma", norm=LogNorm(1e-9, 1)
        )
        title = f"difference from the whole at once: up to {difference.max():.1e}"
        axes[2].set_title(title, fontsize=9)
        figure.colorbar(shown, ax=axes[2], fraction=0.046)
        _hide(axes)
    return figure


def draw_segmentation(rows: list[Segmented]) -> Figure:
    """Image, annotation, weights and prediction, a row for each image."""
    with figure_style():
        figure, axes = plt.subplots(
            len(rows), 4, figsize=(9.6, 2.5 * len(rows) + 0.3), squeeze=False
        )
        for line, row in zip(axes, rows, strict=True):
            line[0].imshow(row.image, cmap="gray")
            line[1].imshow(_coloured(row.instances))
            weights = line[2].imshow(row.weights, cmap="inferno", vmin=0)
            figure.colorbar(weights, ax=line[2], fraction=0.046)
            line[3].imshow(_coloured(_renumbered(row.found, row.instances)))
            middles = {
                n: _middle(row.instances == n) for pair in row.merged for n in pair
            }
            for a, b in row.merged:
                (y, x), (v, u) = middles[a], middles[b]
                line[3].plot([x, u], [y, v], "-", color="red", linewidth=1.2)
        titles = (
            "image",
            "annotated cells",
            "weight in the loss",
            "found; merged in red",
        )
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title)
        _hide(axes.flat)
    return figure


def draw_training_tiles(tiles: list[dict], margin: int) -> Figure:
    """Input tiles with their outputs' frame, labels and weights.

    Args:
        tiles: {"image": (side, side, 1), "label", "weight": (output, output)}.
    """
    with figure_style():
        figure, axes = plt.subplots(
            3, len(tiles), figsize=(2.4 * len(tiles) + 0.6, 7), squeeze=False
        )
        highest = max(tile["weight"].max() for tile in tiles)
        for column, tile in zip(axes.T, tiles, strict=True):
            column[0].imshow(tile["image"][..., 0], cmap="gray")
            length = len(tile["label"])
            column[0].add_patch(_frame(margin, length, length, _OUTPUT, 1.5))
            column[1].imshow(tile["label"], cmap="gray", vmin=0, vmax=1)
            shown = column[2].imshow(
                tile["weight"], cmap="inferno", vmin=0, vmax=highest
            )
        figure.colorbar(shown, ax=axes[2], fraction=0.02)
        for axis, name in zip(axes[:, 0], ("tile", "labels", "weights"), strict=True):
            axis.set_ylabel(name)
        _hide(axes.flat)
    return figure


def draw_training_images(runs) -> Figure:
    """IoU against the number of training images, with and without deformation.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    curves: dict[bool, dict[int, list]] = {True: {}, False: {}}
    for run in runs:
        recipe = run.config()["recipe"]
        if _is_plain_unet(recipe):
            by_count = curves[recipe["data"]["augment"]]
            count = run.record.dataset.examples["train"]
            by_count.setdefault(count, []).append(run.record)
    if not any(len(by_count) > 1 for by_count in curves.values()):
        raise NothingToDraw("no U-Net was trained on different numbers of images")
    ticks = sorted({count for by_count in curves.values() for count in by_count})
    with figure_style():
        figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.4))
        for axis, (metric, label) in zip(axes, _TESTED.items(), strict=True):
            _draw_curves(axis, curves, metric)
            axis.set_xscale("log", base=2)
            axis.set_xticks(ticks, [str(count) for count in ticks])
            axis.minorticks_off()
            axis.set_xlabel("training images")
            axis.set_ylabel(label)
        axes[0].legend()
        figure.suptitle(_data_name(runs[0].record), fontsize=9)
    return figure


def _draw_curves(axis, curves, metric: str) -> None:
    """Means over seeds as lines, every seed as a point."""
    for is_deformed, colour in zip((True, False), COLOURS, strict=False):
        points = [
            (count, record.metrics[metric].value)
            for count, records in sorted(curves[is_deformed].items())
            for record in records
            if metric in record.metrics and record.metrics[metric].value is not None
        ]
        if not points:
            continue
        table = pd.DataFrame(points, columns=["count", "value"])
        means = table.groupby("count").value.mean()
        label = "deformed" if is_deformed else "as they are"
        axis.plot(means.index, means, color=colour, label=label)
        axis.plot(table["count"], table.value, "o", color=colour, ms=4)


def _is_plain_unet(recipe) -> bool:
    """Whether only images and deformation may differ from the paper's network."""
    model, border = recipe["model"], recipe["data"]["border_weights"]
    return model["skip"] and model["padding"] == "valid" and border["strength"] > 0


def _coloured(numbers: np.ndarray) -> np.ndarray:
    """float (height, width, 3): a colour for each number, black for 0."""
    # Neighbours often have neighbouring numbers: golden steps set their hues apart.
    hues = (np.arange(numbers.max() + 1) * 0.618034) % 1.0
    colours = plt.get_cmap("hsv")(hues)[:, :3] * 0.8 + 0.1
    colours[0] = 0
    return colours[numbers]


def _renumbered(found: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Found parts with the number of the object that they share most pixels with.

    Parts that share none have the number after the last object's.
    """
    numbers = np.zeros(found.max() + 1, int)
    for part in np.unique(found[found > 0]):
        shared = np.bincount(instances[found == part])
        shared[0] = 0
        numbers[part] = shared.argmax() if shared.any() else instances.max() + 1
    return numbers[found]


def _middle(mask: np.ndarray) -> tuple[float, float]:
    return ndimage.center_of_mass(mask)


def _frame(corner: float, width: float, height: float, colour: str, line: float):
    left = corner - 0.5
    return Rectangle((left, left), width, height, fill=False, edgecolor=colour, lw=line)


def _hide(axes) -> None:
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
        for spine in axis.spines.values():
            spine.set_visible(False)


def _data_name(record) -> str:
    stand_in = " (stand-in)" if record.dataset.stand_in else ""
    return f"{record.dataset.name}{stand_in}, {record.scale} scale"


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"training_images": draw_training_images}
