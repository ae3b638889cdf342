"""Where a transformed image takes its pixels from.

All points are (x, y), from -1 to +1 over the centres of the border pixels.
"""

import math

import numpy as np
from keras import ops


def regular_grid(height: int, width: int) -> np.ndarray:
    """The centres of an image's pixels, float32 (height, width, 2)."""

    def line(size):
        return np.linspace(-1.0, 1.0, size) if size > 1 else np.zeros(1)

    x, y = np.meshgrid(line(width), line(height))
    return np.stack([x, y], axis=-1).astype("float32")


def affine_grid(theta, height: int, width: int):
    """(x_s, y_s) = A (x_t, y_t, 1).

    Jaderberg et al. 2015, equation 1.

    Args:
        theta: float (batch, 6), the rows of the 2 x 3 matrix A.
    Returns:
        float (batch, height, width, 2).
    """
    return _as_grid(_homogeneous(height, width), _rows(theta, 2), height, width)


def attention_grid(theta, height: int, width: int):
    """(x_s, y_s) = s (x_t, y_t) + (t_x, t_y): a window without rotation.

    Jaderberg et al. 2015, equation 2.

    Args:
        theta: float (batch, 3): s, t_x, t_y.
    Returns:
        float (batch, height, width, 2).
    """
    scale, shift = theta[:, None, None, :1], theta[:, None, None, 1:]
    # PyTorch multiplies no array by a tensor that has a gradient.
    return scale * ops.convert_to_tensor(regular_grid(height, width)) + shift


def projective_grid(theta, height: int, width: int):
    """(x_s, y_s) = (p, q) / w with (p, q, w) = H (x_t, y_t, 1) and H_33 = 1.

    Points on or behind the horizon (w <= 0) are no points of the image: w is taken
    as 0.001 there, which puts them far outside.

    Args:
        theta: float (batch, 8), the rows of H without its last number.
    Returns:
        float (batch, height, width, 2).
    """
    ones = ops.ones_like(theta[:, :1])
    full = _rows(ops.concatenate([theta, ones], axis=1), 3)
    points = _as_grid(_homogeneous(height, width), full, height, width)
    depth = ops.maximum(points[..., 2:], 1e-3)
    return points[..., :2] / depth


def thin_plate_spline_grid(theta, height: int, width: int):
    """The smoothest map that takes a square of control points to `theta`.

    Bookstein 1989: T(p) = A (p, 1) + sum_k w_k U(|p - c_k|), U(r) = r^2 log r^2, with
    sum_k w_k = sum_k w_k c_k = 0 and T(c_k) = theta_k. It is linear in theta: the
    matrix is computed once, in float64.

    Args:
        theta: float (batch, 2 k^2): x and y of every point that a control point is
            taken to, row by row; the control points are `regular_grid(k, k)`.
    Returns:
        float (batch, height, width, 2).
    """
    side = math.isqrt(theta.shape[-1] // 2)
    matrix = thin_plate_spline_matrix(side, height, width)
    return _as_grid(matrix, ops.reshape(theta, (-1, side**2, 2)), height, width)


def thin_plate_spline_matrix(side: int, height: int, width: int) -> np.ndarray:
    """float32 (height width, side^2): grid points from the control points' images."""
    control = regular_grid(side, side).reshape(-1, 2).astype("float64")
    count = len(control)
    affine = np.concatenate([np.ones((count, 1)), control], axis=1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _radial(control, control)
    system[:count, count:] = affine
    system[count:, :count] = affine.T
    points = regular_grid(height, width).reshape(-1, 2).astype("float64")
    basis = np.concatenate(
        [_radial(points, control), np.ones((len(points), 1)), points], axis=1
    )
    # basis @ inverse(system) without the inverse; the side conditions' zeros drop out.
    return np.linalg.solve(system.T, basis.T).T[:, :count].astype("float32")


def _radial(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    squared = ((points[:, None] - centres[None]) ** 2).sum(-1)
    return squared * np.log(np.where(squared > 0, squared, 1.0))


def _homogeneous(height: int, width: int) -> np.ndarray:
    points = regular_grid(height, width).reshape(-1, 2)
    return np.concatenate([points, np.ones((len(points), 1), "float32")], axis=1)


def _rows(theta, count: int):
    """A matrix's transpose, (batch, 3, count), from its rows one after the other."""
    return ops.transpose(ops.reshape(theta, (-1, count, 3)), (0, 2, 1))


def _as_grid(matrix: np.ndarray, coefficients, height: int, width: int):
    points = ops.matmul(ops.convert_to_tensor(matrix, "float32"), coefficients)
    return ops.reshape(points, (-1, height, width, coefficients.shape[-1]))
