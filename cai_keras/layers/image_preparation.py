"""Pictures as a trained network expects them."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class ImagePreparation(keras.layers.Layer):
    """(x - mean) / deviation of each channel, with the channels' order turned or not.

    A part of the network, so that whoever takes its features hands it pictures and
    needs to know nothing of what it was trained on.

    Args:
        mean, deviation: of the channels in the order in which the network has them.
        reverse_channels: from red, green, blue to blue, green, red, as networks that
            come from Caffe have them.

    Call:
        inputs: (..., channels), red first, in [0, 1].
        Returns: the same shape.
    Raises:
        ValueError: as many means as deviations, and a channel for each, are expected.
    """

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        reverse_channels: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(mean) != len(deviation):
            raise ValueError(
                f"ImagePreparation: {len(mean)} means and {len(deviation)} deviations"
            )
        self.mean = [float(value) for value in mean]
        self.deviation = [float(value) for value in deviation]
        self.reverse_channels = reverse_channels

    def build(self, input_shape):
        if input_shape[-1] != len(self.mean):
            raise ValueError(
                f"ImagePreparation: expected {len(self.mean)} channels, received "
                f"{tuple(input_shape)}"
            )

    def call(self, inputs):
        x = ops.flip(inputs, axis=-1) if self.reverse_channels else inputs
        # Plain arrays: a constant made by a backend belongs to the graph that made it.
        scale = 1.0 / np.asarray(self.deviation)
        shift = -np.asarray(self.mean) * scale
        return x * ops.cast(scale, x.dtype) + ops.cast(shift, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "mean": self.mean,
            "deviation": self.deviation,
            "reverse_channels": self.reverse_channels,
        }
