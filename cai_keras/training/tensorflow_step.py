"""One step under TensorFlow and `tf.distribute`: gradients, reduction, application.

With `jax_step.py` the only code that differentiates anything.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def num_replicas() -> int:
    """Replicas that take the same step at the same time."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def global_batch_size(local):
    """Examples of all replicas, whose batches may differ in size."""
    if num_replicas() == 1:
        return local
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.convert_to_tensor(local))


def gradients(
    objective: Callable[[], tuple[Any, dict]],
    variables: Sequence[keras.Variable],
    after: Sequence[Any] = (),
) -> tuple[dict, list]:
    """The objective's second result, and the gradients of its first one.

    Args:
        objective: () -> (scalar to differentiate, named scalars).
        variables: only these are watched: other players' activations need no
            gradients.
        after: tensors to wait for, so that micro-batches are not computed at the
            same time, which would take the memory of the whole batch.
    """
    values = [variable.value for variable in variables]
    waiting = [tensor for tensor in after if tensor is not None]
    with tf.control_dependencies(waiting):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            total, other = objective()
        found = tape.gradient(total, values)
    return other, found


def compiled(
    function: Callable, variables: Sequence[keras.Variable], any_size: bool = False
) -> Callable:
    """`function`, which may call `gradients`, as one graph; it reads `variables`.

    Args:
        any_size: arguments of new sizes soon share a graph, which is made for none.
    """
    return tf.function(function, autograph=False, reduce_retracing=any_size)


def sum_over_replicas(gradients: Sequence[Any]) -> list:
    """Every replica gets the sum; a missing gradient stays None."""
    if num_replicas() == 1:
        return list(gradients)
    present = [tf.convert_to_tensor(g) for g in gradients if g is not None]
    context = tf.distribute.get_replica_context()
    summed = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))
    return [None if gradient is None else next(summed) for gradient in gradients]


def apply(optimizer, gradients: Sequence[Any], variables) -> None:
    """Applies gradients that are summed over replicas already.

    Keras sums inside `apply`, but after clipping and after the loss scale has looked
    for infinities: replicas would clip by norms of their own. Here the sum comes
    first, so Keras's own must be left out.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(inner, "_all_reduce_sum_gradients"):
        raise RuntimeError(
            f"{type(inner).__name__} of Keras {keras.__version__} has no "
            "_all_reduce_sum_gradients: its gradients would be summed twice"
        )
    inner._all_reduce_sum_gradients = list
    optimizer.apply(gradients, variables)


def input_gradients(function: Callable[[Any], Any], inputs):
    """See `cai_keras.training.input_gradient.input_gradients`."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(tf.cast(function(inputs), tf.float32))
    return tape.gradient(total, inputs)


def value_and_input_gradient(function: Callable[[Any], tuple[Any, Any]], inputs):
    """See `cai_keras.training.input_gradient.value_and_input_gradient`."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        total, other = function(inputs)
    return other, tape.gradient(total, inputs)
