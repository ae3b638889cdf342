"""The one place that knows about replicas: strategies, and how losses are reduced."""

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from cai_keras.errors import choose

# Strategies over several devices will stand here, beside the one that exists.
STRATEGIES: dict[str, Callable[[], tf.distribute.Strategy]] = {
    "one": tf.distribute.get_strategy,
}


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The strategy `name`; raises UsageError with the names that exist."""
    return choose("--strategy", name, STRATEGIES)()


def global_mean(per_example, global_batch: int):
    """This replica's share of the mean over the global batch.

    Gradients are *summed* over replicas, so each replica must divide by the number of
    examples of all replicas: then one replica and N replicas take the same step.

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
