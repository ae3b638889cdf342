"""Names of points in a plot, placed so that none lies on another or on a point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from cai_keras.reporting.style import MUTED

# From a point to its name, in points of 1/72 inch, the nearest first, and how many
# directions are tried at each distance, from the right on.
_DISTANCES = (2, 7, 13, 21, 31, 43, 57, 73, 91)
_DIRECTIONS = 16
_NEEDS_A_LINE = 12
_GAP = 1.0  # points between two names


def place_labels(
    axis: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    radii: Sequence[float],
    size: float = 6.0,
    avoid: Sequence[tuple[float, float]] = (),
) -> None:
    """Writes a name beside each point, joined to it by a line where it is far.

    Each name takes the first free place, the nearest ones before those further away; a
    name that finds none is written beside its point all the same. Limits and scales of
    the axis must be final.

    Args:
        points: in data coordinates.
        radii: of their marks, in points of 1/72 inch.
        size: of the letters, in points.
        avoid: more places, in data coordinates, that no name may cover, such as along
            a line.
    """
    figure = axis.figure
    figure.draw_without_rendering()  # the layout decides where the axis is
    renderer, pixels = figure.canvas.get_renderer(), figure.dpi / 72
    places = axis.transData.transform(np.asarray(points, float))
    frame = axis.get_window_extent(renderer)
    taken = [
        Bbox.from_extents(*(place - pixels * radius), *(place + pixels * radius))
        for place, radius in zip(places, radii, strict=True)
    ]
    taken += [
        Bbox.from_extents(*(place - pixels), *(place + pixels))
        for place in axis.transData.transform(np.asarray(avoid, float).reshape(-1, 2))
    ]
    for place, point, name, radius in zip(places, points, names, radii, strict=True):
        text = axis.annotate(
            name, point, xytext=(5, 0), textcoords="offset points", fontsize=size,
            ha="center", va="center",
        )  # fmt: skip
        extent = text.get_window_extent(renderer)
        shape = np.array([extent.width, extent.height]) / pixels
        offset = _free_offset(place, radius, shape, pixels, taken, frame)
        if offset is None:
            offset = np.array([radius + _DISTANCES[0] + shape[0] / 2, 0.0])
        text.set_position(offset)
        taken.append(_box(place, offset, shape, pixels))
        end = _nearest_to_origin(offset, shape)
        if np.hypot(*end) > radius + _NEEDS_A_LINE:
            axis.annotate(
                "", point, xytext=end, textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.4},
            )  # fmt: skip


def _free_offset(place, radius, shape, pixels, taken, frame):
    """From a point to the middle of its name, in points; None if nothing is free."""
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    for distance in _DISTANCES:
        for angle in angles:
            direction = np.array([np.cos(angle), np.sin(angle)])
            offset = direction * (radius + distance + shape / 2)
            box = _box(place, offset, shape, pixels)
            inside = (
                frame.x0 <= box.x0
                and box.x1 <= frame.x1
                and frame.y0 <= box.y0
                and box.y1 <= frame.y1
            )
            if inside and not any(box.overlaps(other) for other in taken):
                return offset
    return None


def _box(place, offset, shape, pixels) -> Bbox:
    """In pixels."""
    corner = place + pixels * (offset - shape / 2 - _GAP)
    return Bbox.from_bounds(*corner, *(pixels * (shape + 2 * _GAP)))


def _nearest_to_origin(offset, shape) -> np.ndarray:
    """The point of a name's box that is nearest to its own point."""
    return np.clip(0, offset - shape / 2, offset + shape / 2)
