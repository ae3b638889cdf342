"""Where a non-local block looks: arrows to the top keys, and maps of all weights."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from cai_keras.reporting.style import WRONG, figure_style

_NUM_EXAMPLES = 4
_NUM_KEYS = 20  # Figure 3 of the paper


@dataclass(frozen=True)
class Looks:
    """Some examples, a query position in each, and its weights.

    Attributes:
        frames: uint8 (n, frames of the map, side, side, 3); one frame of a picture.
        queries: int (n, 3), frame, row and column on the block's map.
        weights: float (n, frames of the map, rows, columns), of the keys; sub-sampled
            keys have fewer rows and columns than the map.
        map_shape: frames, rows and columns of the map.
        title: what is shown.
    """

    frames: np.ndarray
    queries: np.ndarray
    weights: np.ndarray
    map_shape: tuple[int, int, int]
    title: str


def look(recipe, network, loaded) -> Looks:
    """Weights of the last non-local block in the first test examples.

    The query is where an example differs most from its own median colour.
    """
    import keras  # not on top: these drawings are tested without it

    from cai_keras.layers.non_local import NonLocal

    block = [layer for layer in network.layers if isinstance(layer, NonLocal)][-1]
    clips = _first_examples(loaded.test, recipe.data.side)
    before = keras.Model(network.input, block.input)
    rows = keras.ops.convert_to_numpy(block.attention_weights(before(clips)))
    over = recipe.model.non_local.over if clips.ndim == 5 else "spacetime"
    grid = _map_shape(block.input.shape, over, len(rows) // len(clips))
    frames = loaded.to_pixels(clips if clips.ndim == 5 else clips[:, None])
    # Frames in the middle of those that a frame of the map has seen.
    chosen = ((np.arange(grid[0]) + 0.5) * frames.shape[1] / grid[0]).astype(int)
    frames = frames[:, chosen]
    queries = np.array([striking_position(video, grid) for video in frames])
    weights = [
        weights_of(rows, over, grid, n, query) for n, query in enumerate(queries)
    ]
    settings = recipe.model.non_local
    title = f"{loaded.info.name}: {settings.pairwise}"
    title += f", {over}" if clips.ndim == 5 else ""
    return Looks(frames, queries, np.stack(weights), grid, title)


def weights_of(rows, over: str, grid, example: int, query) -> np.ndarray:
    """A query's weights of all keys, (frames, rows, columns); 0 where it cannot look.

    Args:
        rows: float (batch, queries, keys) as the block has it: a batch of examples
            (spacetime), of frames of examples (space), of positions (time).
        over: spacetime, space or time.
        grid: frames, rows and columns of the map.
    """
    frames, height, width = grid
    t, y, x = query
    if over == "time":
        found = np.zeros((frames, height, width))
        found[:, y, x] = rows[(example * height + y) * width + x, t]
        return found
    if over == "space":
        row = rows[example * frames + t, y * width + x]
        found = np.zeros((frames, *_key_shape(len(row), height, width)))
        found[t] = row.reshape(found.shape[1:])
        return found
    row = rows[example, (t * height + y) * width + x]
    return row.reshape(frames, *_key_shape(len(row) // frames, height, width))


def draw_arrows(looks: Looks) -> Figure:
    """Arrows from each query to the 20 keys with the largest weights."""
    with figure_style():
        figure, axes = _strips(looks)
        for n, query in enumerate(looks.queries):
            start = _centre(query, looks, looks.map_shape[1])
            for key, strength in _top_keys(looks.weights[n]):
                end = _centre(key, looks, looks.weights.shape[2])
                arrow = ConnectionPatch(
                    start, end, "data", "data",
                    axesA=axes[n, query[0]], axesB=axes[n, key[0]],
                    arrowstyle="-|>", color="#56B4E9", lw=0.8 + strength,
                    alpha=0.15 + 0.85 * strength, mutation_scale=6,
                )  # fmt: skip
                arrow.set_in_layout(False)
                figure.add_artist(arrow)
            _mark(axes[n, query[0]], start)
    return figure


def draw_overlay(looks: Looks) -> Figure:
    """All weights of each query over the frames."""
    with figure_style():
        figure, axes = _strips(looks, grey=True)
        # An odd last row has no key.
        rows = looks.weights.shape[2]
        edge = 2 * _centre((0, rows / 2 - 0.5, 0), looks, rows)[1] + 0.5
        for n, query in enumerate(looks.queries):
            low, high = looks.weights[n].min(), looks.weights[n].max()
            for t, axis in enumerate(axes[n]):
                shade = axis.imshow(
                    looks.weights[n, t], cmap="viridis", alpha=0.55, vmin=low,
                    vmax=high, extent=(-0.5, edge, edge, -0.5),
                )  # fmt: skip
            figure.colorbar(
                shade, ax=axes[n], shrink=0.9 if len(axes[n]) > 1 else 0.55, pad=0.01
            )
            _mark(axes[n, query[0]], _centre(query, looks, looks.map_shape[1]))
    return figure


def striking_position(frames: np.ndarray, grid) -> np.ndarray:
    """Frame, row and column on a map where a video differs most from its median.

    Args:
        frames: uint8 (frames, side, side, 3).
        grid: frames, rows and columns of the map.
    """
    median = np.median(frames, axis=(0, 1, 2))
    difference = np.abs(frames - median).sum(axis=-1)
    count, height, width = grid
    rows, columns = difference.shape[1] // height, difference.shape[2] // width
    cut = difference[:, : rows * height, : columns * width]
    cells = cut.reshape(count, height, rows, width, columns).mean(axis=(2, 4))
    return np.array(np.unravel_index(np.argmax(cells), cells.shape))


def _map_shape(shape, over: str, parts: int) -> tuple[int, int, int]:
    """Frames, rows and columns of the map that a block works on.

    Args:
        shape: of the block's input.
        parts: examples of the block's batch for one of the network's.
    """
    if over == "time":  # a sequence for each position of a square map
        side = int(np.sqrt(parts))
        return shape[1], side, side
    if over == "space" or len(shape) == 4:
        return parts, shape[1], shape[2]
    return tuple(shape[1:4])


def _key_shape(count: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of a frame's keys, which may be sub-sampled."""
    return (height, width) if count == height * width else (height // 2, width // 2)


def _first_examples(views, side: int) -> np.ndarray:
    """The middle of the first view of the first examples."""
    found = {}
    for batch in views:
        for clip, owner in zip(batch["clip"], batch["owner"].tolist(), strict=True):
            found.setdefault(owner, clip)
            if len(found) == min(_NUM_EXAMPLES, views.count):
                clips = np.stack(list(found.values()))
                edge = (clips.shape[-2] - side) // 2
                return clips[..., edge : edge + side, edge : edge + side, :]
    raise ValueError("no example to look at")


def _top_keys(weights: np.ndarray) -> list[tuple[tuple[int, int, int], float]]:
    """Positions of the 20 largest weights, and each weight's share of the largest."""
    order = np.argsort(-weights, axis=None, kind="stable")[:_NUM_KEYS]
    largest = weights.max()
    return [
        (key, float(weights[key] / largest))
        for key in zip(*np.unravel_index(order, weights.shape), strict=True)
        if weights[key] > 0
    ]


def _centre(position, looks: Looks, rows: int) -> tuple[float, float]:
    """Pixel column and row of a position on a map of `rows` rows."""
    cell = looks.frames.shape[2] / looks.map_shape[1] * (looks.map_shape[1] // rows)
    return (position[2] + 0.5) * cell - 0.5, (position[1] + 0.5) * cell - 0.5


def _strips(looks: Looks, grey: bool = False):
    """Axes (examples, frames) with the frames in them; pictures stand in one row."""
    count, frames = looks.frames.shape[:2]
    rows, columns = (count, frames) if frames > 1 else (1, count)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.25 * columns + 0.6, 1.3 * rows + 0.5), squeeze=False
    )
    axes = axes.reshape(count, frames)
    for picture, axis in zip(
        looks.frames.reshape(-1, *looks.frames.shape[2:]), axes.flat, strict=True
    ):
        axis.imshow(
            picture.mean(axis=-1) if grey else picture, cmap="gray", vmin=0, vmax=255
        )
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
    figure.suptitle(looks.title, fontsize=8)
    return figure, axes


def _mark(axis, place) -> None:
    axis.plot(*place, "o", mfc="none", mec=WRONG, ms=9, mew=1.5)
