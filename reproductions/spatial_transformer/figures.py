"""The paper's figures: what transformers look at, mean images, errors by distortion."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_ERROR = "test/error_percent"
_GRID_LINES = 4
_GAP = 2  # pixels between images side by side
_EDGE = COLOURS[1]
_GRIDS = (COLOURS[4], COLOURS[2])  # one for each transformer
_TITLES = {
    "r": "R",
    "rts": "RTS",
    "p": "P",
    "e": "E",
    "tc": "TC",
    "addition": "addition",
}
# Table 1 (left), Section 4.1 and, from memory, Table 4 (left): error in percent.
PUBLISHED = {
    "fcn": {"r": 2.1, "rts": 5.2, "p": 3.1, "e": 3.2, "tc": 13.2, "addition": 47.7},
    "cnn": {"r": 1.2, "rts": 0.8, "p": 1.5, "e": 1.4, "tc": 3.5, "addition": 14.7},
    "st_fcn_affine": {
        "r": 1.2, "rts": 0.8, "p": 1.5, "e": 2.7, "tc": 2.0, "addition": 22.6,
    },
    "st_fcn_projective": {"r": 1.3, "rts": 0.9, "p": 1.4, "e": 2.6},
    "st_fcn_tps": {"r": 1.1, "rts": 0.8, "p": 1.4, "e": 2.4},
    "st_cnn_affine": {"r": 0.7, "rts": 0.5, "p": 0.8, "e": 1.2, "tc": 1.7},
    "st_cnn_projective": {"r": 0.8, "rts": 0.6, "p": 0.8, "e": 1.3},
    "st_cnn_tps": {"r": 0.7, "rts": 0.5, "p": 0.8, "e": 1.1},
    "two_st_fcn_affine": {"addition": 9.0},
    "two_st_fcn_projective": {"addition": 5.9},
    "two_st_fcn_tps": {"addition": 5.8},
}  # fmt: skip


def ten_images(labels: np.ndarray) -> np.ndarray:
    """Indices: the first image of each label, then the first others, ten at most."""
    _, first = np.unique(labels, return_index=True)
    others = np.setdiff1d(np.arange(len(labels)), first)
    return np.concatenate([first, others])[:10]


def draw_transformations(images, grids, views) -> Figure:
    """Rows: the input; where each transformer looks in it; what each one hands on.

    Args:
        images: float (n, side, side, channels) in [0, 1].
        grids: for each transformer (n, rows, columns, 2): x and y from -1 to +1.
        views: for each transformer (n, rows, columns, channels).
    """
    side = images.shape[1]
    margin = side // 4  # grids may reach out of the image
    rows = {"input": (images, 0), "grid": (images, margin)}
    for number, view in enumerate(views, start=1):
        rows["output" + (f" {number}" if len(views) > 1 else "")] = (view, 0)
    with figure_style():
        figure, axes = plt.subplots(
            len(rows), 1, figsize=(0.9 * len(images), 0.98 * len(rows) + 0.3)
        )
        for axis, (title, (pictures, around)) in zip(axes, rows.items(), strict=True):
            _draw_strip(axis, pictures, title, around)
        for grid, colour in zip(grids, _GRIDS, strict=False):
            for number, points in enumerate(grid):
                _draw_grid(axes[1], points, side, margin, number, colour)
        if len(views) > 1:
            for axis, colour in zip(axes[2:], _GRIDS, strict=False):
                axis.yaxis.label.set_color(colour)
        figure.suptitle(
            "The grid is where the output's pixels come from; orange: its upper edge",
            fontsize=8,
        )
    return figure


def draw_mean_images(before, after, labels) -> Figure:
    """Mean images of each label, as they come in and as the transformer hands them on.

    Args:
        before, after: float (n, side, side, 1) in [0, 1].
        labels: int (n,).
    """
    known = np.unique(labels)
    with figure_style():
        figure, axes = plt.subplots(2, 1, figsize=(max(0.9 * len(known), 3.5), 2.3))
        rows = zip(axes, ("before", "after"), (before, after), strict=True)
        for axis, title, images in rows:
            means = np.stack([images[labels == label].mean(axis=0) for label in known])
            brightest = means.max(axis=(1, 2, 3), keepdims=True)
            _draw_strip(axis, means / np.where(brightest > 0, brightest, 1), title)
        step = before.shape[2] + _GAP
        middles = np.arange(len(known)) * step + (before.shape[2] - 1) / 2
        axes[0].set_xticks(middles, known, fontsize=8)
        axes[0].xaxis.tick_top()
        axes[0].tick_params(length=0)
        figure.suptitle(
            f"Mean of {len(labels):,} images, each scaled to its brightest pixel",
            fontsize=8,
        )
    return figure


def draw_errors(runs) -> Figure:
    """Errors of every network by distortion, beside the paper's.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    measured = _errors_by_cell(runs)
    if not measured:
        raise NothingToDraw(f"no run of a distorted set has measured {_ERROR}")
    tasks = [task for task in _TITLES if any(cell[0] == task for cell in measured)]
    record = runs[0].record
    stand_in = " (stand-in)" if record.dataset.stand_in else ""
    counts = [sum(cell[0] == task for cell in measured) for task in tasks]
    with figure_style():
        figure, axes = plt.subplots(
            len(tasks), 1, figsize=(7, 0.42 * sum(counts) + 0.7 * len(tasks) + 0.5),
            height_ratios=[count + 0.6 for count in counts], squeeze=False,
        )  # fmt: skip
        for axis, task in zip(axes[:, 0], tasks, strict=True):
            _draw_task(axis, task, measured)
        axes[-1, 0].set_xlabel("test error, percent (ours: mean ± sd over seeds)")
        figure.suptitle(
            f"The paper's on MNIST (grey) and ours on {record.dataset.name}{stand_in}, "
            f"{record.scale} scale (blue)",
            fontsize=9,
        )
    return figure


def _errors_by_cell(runs) -> dict[tuple[str, str], list[float]]:
    """Errors by (task, network), those of the paper's table only."""
    found: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        task, _, network = run.record.variant.partition("_")
        metric = run.record.metrics.get(_ERROR)
        if metric is None or metric.value is None:
            continue
        if task in PUBLISHED.get(network, {}):
            found.setdefault((task, network), []).append(metric.value)
    return found


def _draw_task(axis, task: str, measured) -> None:
    """One distortion: for each network the paper's bar above ours."""
    networks = [network for network in PUBLISHED if (task, network) in measured]
    for position, network in enumerate(networks):
        values = measured[task, network]
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        rows = [
            (-0.2, PUBLISHED[network][task], 0.0, MUTED),
            (0.2, float(np.mean(values)), spread, COLOURS[0]),
        ]
        for offset, mean, error, colour in rows:
            axis.barh(position + offset, mean, 0.36, xerr=error or None, color=colour)
            axis.annotate(
                f"{mean:.1f}", (mean + error, position + offset), (3, 0),
                textcoords="offset points", va="center", size=7,
            )  # fmt: skip
    axis.set_yticks(range(len(networks)), [n.replace("_", " ") for n in networks])
    axis.invert_yaxis()
    axis.margins(x=0.08)
    axis.grid(axis="y", visible=False)
    axis.set_title(_TITLES[task], fontsize=9, loc="left")


def _draw_strip(axis, images, title: str, margin: int = 0) -> None:
    """Images side by side, each with a margin of grey around it."""
    colours = _in_colour(np.asarray(images, np.float32))
    around = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
    colours = np.pad(colours, around, constant_values=0.27)
    gaps = [(0, 0), (0, 0), (0, _GAP), (0, 0)]
    colours = np.pad(colours, gaps, constant_values=1.0)
    strip = np.concatenate(colours, axis=1)[:, :-_GAP]
    axis.imshow(strip, vmin=0, vmax=1, interpolation="nearest")
    axis.set_ylabel(title, fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    axis.spines[:].set_visible(False)


def _in_colour(images) -> np.ndarray:
    """(n, height, width, 3): grey for one channel, blue and orange for two."""
    if images.shape[-1] == 1:
        return np.repeat(np.clip(images, 0, 1), 3, axis=-1)
    tints = np.array([[0.34, 0.71, 0.91], [0.90, 0.62, 0.0]], np.float32)
    return np.clip(images @ tints, 0, 1)


def _draw_grid(axis, grid, side: int, margin: int, number: int, colour) -> None:
    """Some lines of a grid over the image `number` of a strip.

    The upper edge is orange: it tells how the grid is turned.
    """
    width = side + 2 * margin
    left = number * (width + _GAP)
    pixels = (grid + 1) * (side - 1) / 2 + margin + [left, 0]
    rows, columns = (
        np.linspace(0, size - 1, _GRID_LINES).round().astype(int)
        for size in pixels.shape[:2]
    )
    lines = [pixels[row] for row in rows] + [pixels[:, column] for column in columns]
    inner = [0.4] * (_GRID_LINES - 2)
    widths = [1.4, *inner, 1.2, 1.2, *inner, 1.2]
    # The upper edge is drawn last, over the others.
    collection = LineCollection(
        lines[::-1],
        linewidths=widths[::-1],
        colors=[colour] * (len(lines) - 1) + [_EDGE],
    )
    axis.add_collection(collection, autolim=False)
    tile = Rectangle((left - 0.5, -0.5), width, width, transform=axis.transData)
    collection.set_clip_path(tile)


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {"errors": draw_errors}
