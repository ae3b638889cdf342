"""Mean intersection over union: how well regions of classes are found."""

import numpy as np

IGNORED = 255


def confusion_matrix(
    labels: np.ndarray,
    predictions: np.ndarray,
    num_classes: int,
    ignored: int = IGNORED,
) -> np.ndarray:
    """Pixels by their class (row) and by the class that was predicted (column).

    Matrices of parts add up to the matrix of the whole, whatever their sizes.

    Args:
        labels: int, any shape; `ignored` where no class is known.
        predictions: int, the shape of `labels`, in [0, num_classes).
        ignored: label of the pixels that are left out.
    Returns:
        int64 (num_classes, num_classes).
    Raises:
        ValueError: the shapes differ, or a class is out of range.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            f"labels and predictions differ in shape: {labels.shape} and "
            f"{predictions.shape}"
        )
    known = labels != ignored
    rows = labels[known].astype(np.int64)
    columns = predictions[known].astype(np.int64)
    for name, found in (("label", rows), ("prediction", columns)):
        if found.size and (found.min() < 0 or found.max() >= num_classes):
            outside = found[(found < 0) | (found >= num_classes)][0]
            raise ValueError(f"{name} {outside}: expected 0 to {num_classes - 1}")
    counts = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def intersection_over_union(confusion: np.ndarray) -> np.ndarray:
    """Of each class: |label and prediction| / |label or prediction|.

    Everingham et al. 2010 (the VOC challenge), Section 4: true positives divided by
    true positives, false positives and false negatives, over all pixels of all images.

    Args:
        confusion: of `confusion_matrix`, or a sum of such.
    Returns:
        float64 (num_classes,) in [0, 1]; NaN for a class that no pixel has and no
        prediction names.
    """
    both = np.diag(confusion).astype(np.float64)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    return np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)


def mean_iou_percent(confusion: np.ndarray) -> float:
    """Mean of `intersection_over_union` over the classes that have one, in [0, 100].

    Raises:
        ValueError: no pixel was counted.
    """
    if not confusion.any():
        raise ValueError("no labelled pixel to measure")
    return 100.0 * float(np.nanmean(intersection_over_union(confusion)))


def pixel_accuracy_percent(confusion: np.ndarray) -> float:
    """Percent of the pixels whose class was predicted.

    Raises:
        ValueError: no pixel was counted.
    """
    if not confusion.any():
        raise ValueError("no labelled pixel to measure")
    return 100.0 * float(np.trace(confusion) / confusion.sum())
