"""Many small pictures as one: rows of generated pictures, for files and figures."""

import math

import numpy as np

from cai_keras.data.picture_files import as_bytes

_WHITE = 255
# Beyond [0, 1] by less is rounding of floating point numbers.
_TOLERANCE = 1e-3


def picture_grid(
    pictures: np.ndarray, columns: int | None = None, gap: int = 2, scale: int = 1
) -> np.ndarray:
    """Pictures row by row on white; places that the last row has left stay white.

    Args:
        pictures: float (n, height, width, 1 or 3) in [0, 1], red first, or uint8.
        columns: pictures in a row. None: as many as make rows and columns most nearly
            equal, a row more rather than a column less.
        gap: pixels of the grid between neighbours; there are none around it.
        scale: pixels of the grid along the side of one of the pictures' pixels.
    Returns:
        uint8 (rows * height * scale + (rows - 1) * gap, likewise the width, 3).
    Raises:
        ValueError: no pictures, or pictures of another shape or range; a number of
            columns, a gap or a scale that is too small.
    """
    _check(pictures, columns, gap, scale)
    count = len(pictures)
    columns = columns or usual_columns(count)
    rows = -(-count // columns)
    # Repeated after rounding: bytes take a quarter of the memory.
    cells = pictures if pictures.dtype == np.uint8 else as_bytes(pictures)
    cells = cells.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = (side + gap for side in cells.shape[1:3])
    grid = np.full((rows * height - gap, columns * width - gap, 3), _WHITE, np.uint8)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        top, left = row * height, column * width
        grid[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return grid


def usual_columns(count: int) -> int:
    """The smallest number of columns whose square holds `count` pictures."""
    return math.isqrt(count - 1) + 1 if count > 0 else 1


def _check(pictures: np.ndarray, columns: int | None, gap: int, scale: int) -> None:
    shape = np.shape(pictures)
    if len(shape) != 4 or 0 in shape or shape[-1] not in (1, 3):
        raise ValueError(
            f"pictures: expected (n, height, width, 1 or 3), received {shape}"
        )
    for name, value, least in (
        ("columns", columns, 1), ("gap", gap, 0), ("scale", scale, 1),
    ):  # fmt: skip
        if value is not None and value < least:
            raise ValueError(f"{name}: expected at least {least}, received {value}")
    if pictures.dtype == np.uint8:
        return
    low, high = pictures.min(), pictures.max()
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # also NaN
        raise ValueError(
            f"pictures: expected values in [0, 1], received {low:.4g} to {high:.4g}"
        )
