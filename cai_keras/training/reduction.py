"""How losses are reduced: the one division by a number of examples."""

from keras import ops


def global_mean(per_example, global_batch):
    """This replica's share of the mean over the global batch.

    Gradients are *summed* over replicas and micro-batches, so each must divide by the
    number of examples of all of them: then one replica and N replicas take the same
    step.

    Args:
        per_example: (replica batch,).
        global_batch: examples in the global batch.
    Raises:
        ValueError: the loss is not one value per example.
    """
    if len(per_example.shape) != 1:
        raise ValueError(
            f"a loss has shape {tuple(per_example.shape)}; expected (batch,): one "
            "value per example"
        )
    # Sums of many small terms lose digits in float16.
    total = ops.sum(ops.cast(per_example, "float32"))
    return total / ops.cast(global_batch, "float32")
