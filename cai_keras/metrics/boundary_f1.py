"""Boundary F1: how well the outlines of two masks lie on one another."""

import numpy as np
from scipy import ndimage


def boundary_f1(predicted: np.ndarray, truth: np.ndarray, tolerance: float) -> float:
    """F1 of the boundary pixels of two masks, each matched within some pixels.

    Csurka et al. 2013, "What is a good evaluation measure for semantic segmentation?":
        P = share of predicted boundary pixels that have a true one near them,
        R = share of true boundary pixels that have a predicted one near them,
        F1 = 2 P R / (P + R).
    A boundary pixel belongs to the mask and has a pixel outside the mask above, below,
    left or right of it; the border of the image is no boundary.

    Args:
        predicted, truth: bool (height, width).
        tolerance: largest distance of a match, in pixels.
    Returns:
        float in [0, 1]; 1 where neither mask has a boundary, 0 where one has none.
    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise ValueError(
            f"expected two masks of one shape, received {predicted.shape} and "
            f"{truth.shape}"
        )
    ours, theirs = _boundary(predicted), _boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = np.mean(_distances_to(theirs)[ours] <= tolerance)
    recall = np.mean(_distances_to(ours)[theirs] <= tolerance)
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))


def _boundary(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask, border_value=1)


def _distances_to(points: np.ndarray) -> np.ndarray:
    """Of every pixel to the nearest of these points."""
    return ndimage.distance_transform_edt(~points)
