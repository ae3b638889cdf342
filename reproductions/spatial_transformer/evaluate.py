"""Errors, the angle that a transformer found, and boxes around digits."""

import numpy as np

from cai_keras.metrics.classification import accuracy_percent
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

from .data import TestSet


def errors(logits, test: TestSet, batch_size: int) -> dict[str, Metric]:
    """`error_percent`, and `log_error`, whose differences are logarithms of ratios."""
    predicted = predict_in_batches(logits, test.images, batch_size).argmax(axis=1)
    count = len(test.labels)
    error = 100 - accuracy_percent(predicted, test.labels)
    wrong = round(error * count / 100)
    return {
        "error_percent": Metric.of(error, count),
        "log_error": Metric.of(log_error(wrong, count), count),
    }


def log_error(wrong: int, count: int) -> float:
    """log((wrong + 1/2) / (count + 1)): finite for a network that makes no error."""
    return float(np.log((wrong + 0.5) / (count + 1)))


def rotation_angles(theta: np.ndarray) -> np.ndarray:
    """Of affine parameters (n, 6), the rotation nearest to the matrix, in radians.

    atan2(A_21 - A_12, A_11 + A_22) is the polar decomposition's angle in the plane. A
    grid turned clockwise undoes a digit that was turned clockwise.
    """
    a, b, _, c, d, _ = theta.T
    return np.arctan2(c - b, a + d)


def angle_correlation(theta: np.ndarray, angles: np.ndarray) -> float:
    """Pearson's r of the angles found with the true ones; 0 for a constant.

    A constant, such as an untrained transformer's identity, explains nothing.
    """
    found = rotation_angles(np.asarray(theta, np.float64))
    if np.ptp(found) == 0:
        return 0.0
    return float(np.corrcoef(found, angles)[0, 1])


def overlap_percent(theta: np.ndarray, test: TestSet, digit_side: int) -> float:
    """Percent of images whose crop and digit share more than half of their union.

    Args:
        theta: float (n, 3), attention: scale, x, y.
        digit_side: of the square that a digit came in, in pixels.
    """
    half = (digit_side - 1) / (test.images.shape[1] - 1)
    digits = boxes(test.centres, np.full(len(theta), half))
    found = boxes(theta[:, 1:], np.abs(theta[:, 0]))
    return 100 * float(np.mean(intersection_over_union(found, digits) > 0.5))


def boxes(centres: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Squares as (n, 4): left, top, right, bottom."""
    return np.concatenate([centres - halves[:, None], centres + halves[:, None]], 1)


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of each pair of boxes (n, 4), float (n,) in [0, 1]."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, 2:], second[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = [(box[:, 2:] - box[:, :2]).prod(axis=1) for box in (first, second)]
    return shared / (sum(areas) - shared)
