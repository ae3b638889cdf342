"""A layer forward, and forward and backward, as calls to be timed, on any backend."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

Call = Callable[[], list[np.ndarray]]


def make_call(
    layer: keras.layers.Layer,
    inputs: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    factors: np.ndarray | None,
) -> Call:
    """A call that brings the outputs to the host; with `factors`, the gradients too.

    It is compiled where the backend compiles, at its first use. A layer that knows of
    training is called as in training.

    Args:
        layer: built.
        inputs: one array, or those of a list of inputs. Real ones are differentiated.
        labels: further arguments.
        factors: what the outputs are multiplied by before the sum that is
            differentiated, by inputs and trainable weights; None for the forward pass.
    Returns:
        () -> [outputs, gradients by inputs..., gradients by weights...].
    """
    known = "training" in inspect.signature(layer.call).parameters
    training = {"training": True} if known else {}
    maker = _MAKERS[keras.backend.backend()]
    return maker(layer, inputs, labels, training, factors)


def _one_or_all(arrays: Sequence[Any]):
    return arrays[0] if len(arrays) == 1 else list(arrays)


def _tensorflow(layer, inputs, labels, training, factors) -> Call:
    import tensorflow as tf

    # Constants would be folded into the graph.
    given = [tf.Variable(array) for array in inputs]
    labels = [tf.constant(array) for array in labels]
    watched = [value for value in given if value.dtype.is_floating]

    def compute():
        weights = [weight.value for weight in layer.trainable_weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            if factors is not None:
                tape.watch([*watched, *weights])
            values = [tf.convert_to_tensor(value) for value in given]
            outputs = layer(_one_or_all(values), *labels, **training)
            if factors is None:
                return [outputs]
            total = tf.reduce_sum(factors * outputs)
        gradients = tape.gradient(total, [*watched, *weights])
        # A gather's gradient comes in slices.
        return [outputs, *(tf.convert_to_tensor(gradient) for gradient in gradients)]

    compiled = tf.function(compute, autograph=False)
    return lambda: [array.numpy() for array in compiled()]


def _jax(layer, inputs, labels, training, factors) -> Call:
    import jax

    trainable = [weight.value for weight in layer.trainable_variables]
    rest = [variable.value for variable in layer.non_trainable_variables]
    real = [array.dtype.kind == "f" for array in inputs]
    whole = [array for array, is_real in zip(inputs, real, strict=True) if not is_real]
    watched = [array for array, is_real in zip(inputs, real, strict=True) if is_real]

    def forward(watched, trainable):
        parts = iter(watched), iter(whole)
        given = [next(parts[0] if is_real else parts[1]) for is_real in real]
        outputs, state = layer.stateless_call(
            trainable, rest, _one_or_all(given), *labels, **training
        )
        if factors is None:
            return outputs, state
        return (factors * outputs).sum(), (outputs, state)

    if factors is None:
        compiled = jax.jit(forward)
        return lambda: [np.asarray(compiled(watched, trainable)[0])]
    compiled = jax.jit(jax.value_and_grad(forward, argnums=(0, 1), has_aux=True))

    def call():
        (_, (outputs, _)), gradients = compiled(watched, trainable)
        return [np.asarray(array) for array in (outputs, *gradients[0], *gradients[1])]

    return call


def _torch(layer, inputs, labels, training, factors) -> Call:
    import torch

    given = [keras.ops.convert_to_tensor(array) for array in inputs]
    labels = [keras.ops.convert_to_tensor(array) for array in labels]
    watched = [value for value in given if value.is_floating_point()]
    if factors is not None:
        factors = keras.ops.convert_to_tensor(factors)

    def to_host(tensor):
        return tensor.detach().cpu().numpy()

    def call():
        if factors is None:
            with torch.no_grad():
                return [to_host(layer(_one_or_all(given), *labels, **training))]
        for value in watched:
            value.requires_grad_(True)
        weights = [weight.value for weight in layer.trainable_weights]
        outputs = layer(_one_or_all(given), *labels, **training)
        total = (factors * outputs).sum()
        gradients = torch.autograd.grad(total, [*watched, *weights])
        return [to_host(tensor) for tensor in (outputs, *gradients)]

    return call


_MAKERS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
