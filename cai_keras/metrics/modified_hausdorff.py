"""Modified Hausdorff distance between two drawings."""

import numpy as np
from scipy.spatial import cKDTree


def ink_points(ink: np.ndarray) -> np.ndarray:
    """Coordinates of a drawing's ink about their mean, float (points, 2).

    Args:
        ink: bool (height, width), true for ink.
    Raises:
        ValueError: there is no ink, so that no distance is defined.
    """
    points = np.argwhere(ink).astype(np.float64)
    if len(points) == 0:
        raise ValueError("a drawing has no ink")
    return points - points.mean(axis=0)


def modified_hausdorff(first: np.ndarray, second: np.ndarray) -> float:
    """The larger of the two mean distances to the other set's nearest point.

    Dubuisson and Jain 1994, Eqs. 6 and 8 (f2 of d6):
        max( mean_a min_b ||a - b||,  mean_b min_a ||a - b|| )

    Args:
        first, second: float (points, 2), not empty; unit: pixels.
    Returns:
        float >= 0 in pixels; 0 only for equal sets of points.
    Raises:
        ValueError: a set is empty.
    """
    if len(first) == 0 or len(second) == 0:
        raise ValueError(
            f"expected points in both sets, received {len(first)} and {len(second)}"
        )
    forward, _ = cKDTree(second).query(first)
    backward, _ = cKDTree(first).query(second)
    return float(max(forward.mean(), backward.mean()))
