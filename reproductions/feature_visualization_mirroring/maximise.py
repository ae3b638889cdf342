"""Inputs that maximise a channel, by gradient ascent."""

import keras
import numpy as np
from keras import ops

from cai_keras.training.input_gradient import input_gradients


def maximise_channels(
    network, layer_name: str, channels, steps: int, step_size: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Images in [-1, 1] that raise the mean of one channel each.

    Erhan et al. 2009 (Visualizing higher-layer features of a deep network): gradient
    ascent on the input, here from noise of deviation 0.1, with steps along the gradient
    divided by its root mean square.

    Args:
        network: image -> anything, in inference mode.
        channels: int (n,) of the layer's output.
    Returns:
        float32 (n, height, width, channels) and the activations (steps + 1, n), from
        the first image to the last.
    """
    features = keras.Model(network.input, network.get_layer(layer_name).output)
    chosen = np.eye(features.output_shape[-1], dtype="float32")[list(channels)]

    def activation(images):
        means = ops.mean(features(images, training=False), axis=(1, 2))
        return ops.sum(means * chosen, axis=-1)

    rng = np.random.default_rng(seed)
    shape = (len(chosen), *network.input_shape[1:])
    images = ops.convert_to_tensor(rng.normal(0, 0.1, shape).astype("float32"))
    history = [activation(images)]
    for _ in range(steps):
        slope = input_gradients(activation, images)
        size = ops.sqrt(ops.mean(ops.square(slope), axis=(1, 2, 3), keepdims=True))
        # A channel that is silent everywhere has no slope: its image stays.
        images = images + step_size * slope / ops.maximum(size, 1e-12)
        images = ops.clip(images, -1.0, 1.0)
        history.append(activation(images))
    numpy = ops.convert_to_numpy
    return numpy(images), np.stack([numpy(values) for values in history])
