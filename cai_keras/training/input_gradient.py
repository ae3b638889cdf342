"""The gradient of a network with respect to its input, inside a loss."""

from collections.abc import Callable
from typing import Any

import keras

from cai_keras.training.updates import backend_step


def input_gradients(function: Callable[[Any], Any], inputs):
    """d(sum of the outputs) / d(inputs): each example's own gradient.

    An example's output depends on its own input alone (no batch statistics in
    `function`), so the sum's gradient holds every example's. It can be differentiated
    again, as the penalties of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, Eq. 3)
    and R1 (Mescheder et al. 2018, arXiv:1801.04406, Eq. 9) need.

    Args:
        function: (batch, ...) -> scores of any shape.
        inputs: (batch, ...), float.
    Returns:
        the shape and type of `inputs`.

    Example:
        slopes = input_gradients(lambda x: critic(x, training=True), mixed)
        norm = ops.sqrt(ops.sum(ops.square(slopes), axis=(1, 2, 3)))
        return {"penalty": ops.square(norm - 1.0)}
    """
    if keras.backend.backend() == "torch":
        import torch

        inputs = inputs if inputs.requires_grad else inputs.detach().requires_grad_()
        total = function(inputs).float().sum()
        return torch.autograd.grad(total, inputs, create_graph=True)[0]
    return backend_step().input_gradients(function, inputs)


def value_and_input_gradient(function: Callable[[Any], tuple[Any, Any]], inputs):
    """What a function says of its input, and the gradient of its first result.

    For inputs that are minimised themselves; `function` may change no variable.

    Args:
        function: inputs -> (scalar to differentiate, anything else).
        inputs: float, any shape.
    Returns:
        (anything else, gradient in the shape and type of `inputs`).
    """
    return backend_step().value_and_input_gradient(function, inputs)
