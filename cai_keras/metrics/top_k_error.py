"""Top-k error: how often the right class is not among the k with the highest scores."""

from keras import ops


def top_k_errors(scores, labels, k: int):
    """Whether each example's right class is missing from its k best.

    Russakovsky et al. 2015 (arXiv:1409.0575), Section 4.1; k is 1 and 5 for ImageNet.
    A class with the score of the right one counts as better: scores that are all
    alike, or NaN, are errors and no accident of their order.

    Args:
        scores: float (n, classes), larger is more probable; logits will do.
        labels: int (n,), the right classes.
        k: 1 or more, below the number of classes.
    Returns:
        bool (n,), true for an error.
    Raises:
        ValueError: the shapes do not fit, or there is no choice among k classes.
    """
    scores, labels = ops.convert_to_tensor(scores), ops.convert_to_tensor(labels)
    if len(scores.shape) != 2 or tuple(labels.shape) != tuple(scores.shape[:1]):
        raise ValueError(
            f"expected scores (n, classes) and labels (n,), received "
            f"{tuple(scores.shape)} and {tuple(labels.shape)}"
        )
    if not 0 < k < scores.shape[1]:
        raise ValueError(
            f"k: expected 1 to {scores.shape[1] - 1} of {scores.shape[1]} classes, "
            f"received {k}"
        )
    right = ops.take_along_axis(scores, ops.cast(labels, "int32")[:, None], axis=1)
    # Counting the better ones instead would call NaN, which is never better, right.
    worse = ops.sum(ops.cast(scores < right, "int32"), axis=1)
    return worse < scores.shape[1] - k


def top_k_error_percent(scores, labels, k: int) -> float:
    """Percent of `top_k_errors`, in [0, 100].

    Raises:
        ValueError: also where there is no example.
    """
    errors = top_k_errors(scores, labels, k)
    if errors.shape[0] == 0:
        raise ValueError("no example to measure")
    return 100.0 * int(ops.count_nonzero(errors)) / errors.shape[0]
