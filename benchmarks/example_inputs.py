"""Inputs of a network, of the right shapes: for its speed, not for its answers."""

from math import prod
from typing import Any

import keras
import numpy as np

from cai_keras.errors import RunError

# Of networks that take any size, where the recipe names none.
_SIDE = 512
_SIDES = ("image_side", "tile_side", "side")


def example_inputs(network: keras.Model, data, batch_size: int) -> Any:
    """Arrays as the network is called with them.

    Pictures and vectors are uniform in [0, 1); whole numbers are 0, which is a label
    and a number of a picture everywhere.

    Args:
        data: the recipe's section, for the size of what has any size.
    Raises:
        RunError: the network does not tell what it takes.
    """
    rng = np.random.default_rng(0)

    def make(tensor):
        shape = [
            batch_size,
            *(side_of(data) if n is None else n for n in tensor.shape[1:]),
        ]
        if keras.backend.is_float_dtype(tensor.dtype):
            return rng.random(shape, np.float32)
        return np.zeros(shape, tensor.dtype)

    return keras.tree.map_structure(make, _structure(network))


def image_shape_of(arrays) -> tuple[int, ...]:
    """Of one example: the shape of the largest array that has rows and columns."""
    shapes = [tuple(one.shape[1:]) for one in keras.tree.flatten(arrays)]
    images = [shape for shape in shapes if len(shape) >= 3]  # with channels
    return max(images, key=prod, default=())


def side_of(data) -> int:
    """Pixels of a side, as a recipe's data section or its view says."""
    for section in (data, getattr(data, "view", None)):
        for name in _SIDES:
            if isinstance(side := getattr(section, name, None), int):
                return side
    return _SIDE


def _structure(network: keras.Model):
    """The symbolic inputs, as the network is called with them."""
    if hasattr(network, "encoder"):  # twins: a pair of what the encoder takes
        (image,) = network.encoder.inputs
        return (image, image)
    inputs = getattr(network, "inputs", None)
    if not inputs:
        raise RunError(f"network {network.name}: its inputs are not known")
    # A `Sequential` has one input, and no structure of it.
    return inputs[0] if isinstance(network, keras.Sequential) else network.input
