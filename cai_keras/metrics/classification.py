"""Classification accuracy."""

from keras import ops


def accuracy_percent(predicted, labels) -> float:
    """Percent of predictions that are right.

    Args:
        predicted: int (n,), class indices.
        labels: int (n,), the right ones.
    Returns:
        float in [0, 100].
    Raises:
        ValueError: no example, or the shapes differ.
    """
    predicted, labels = ops.convert_to_tensor(predicted), ops.convert_to_tensor(labels)
    if predicted.shape != labels.shape or len(labels.shape) != 1:
        raise ValueError(
            f"expected two shapes (n,), received {tuple(predicted.shape)} and "
            f"{tuple(labels.shape)}"
        )
    if labels.shape[0] == 0:
        raise ValueError("no example to measure")
    right = ops.equal(ops.cast(predicted, "int64"), ops.cast(labels, "int64"))
    return 100.0 * int(ops.count_nonzero(right)) / labels.shape[0]
