"""How far a network sees, measured by its gradient."""

import keras
import numpy as np
from keras import ops

from cai_keras.training.input_gradient import input_gradients


def seen_pixels(network: keras.Model, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Which input pixels the middle output position depends on, by the gradient.

    Args:
        network: image -> map, without normalisation.
        image_shape: (height, width, channels).
    Returns:
        bool (height, width).
    """
    return count_paths(network, image_shape) > 0


def count_paths(network: keras.Model, image_shape: tuple[int, int, int]) -> np.ndarray:
    """On how many paths each input pixel reaches the middle output position.

    The gradient of one output with respect to an image of ones, where every kernel is
    made of ones and every bias of zeros: all paths add up and none cancel. The
    network's weights come back unchanged.

    Args:
        network: image -> map, without normalisation.
        image_shape: (height, width, channels).
    Returns:
        float (height, width), summed over the channels on both sides.
    """

    def middle(image):
        outputs = network(image, training=False)
        return outputs[:, outputs.shape[1] // 2, outputs.shape[2] // 2]

    weights = network.get_weights()
    try:
        for weight in network.weights:
            weight.assign(np.full(weight.shape, float(len(weight.shape) > 1)))
        gradient = input_gradients(middle, ops.ones((1, *image_shape)))
    finally:
        network.set_weights(weights)
    return np.abs(ops.convert_to_numpy(gradient)[0]).sum(axis=-1)
