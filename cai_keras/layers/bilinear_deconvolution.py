"""Bilinear enlargement as a transposed convolution whose weights stay as they are."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class BilinearDeconvolution(keras.layers.Layer):
    """Enlarges every channel by a whole factor, bilinearly.

    Caffe's deconvolution with the filler `bilinear`, as many groups as channels and
    learning rate 0: Long et al. 2015 (arXiv:1411.4038), Section 3.3, and the released
    network for Cityscapes of Yu and Koltun 2016. The kernel has k = 2 f - f mod 2
    pixels to a side and is 1 - |x / g - c| in each direction, with g = ceil(k / 2) and
    c = (k - 1) / (2 g). What lies outside the map counts as 0: the outer f / 2 pixels
    are darker.

    Args:
        factor: f, 2 or more.

    Call:
        inputs: float (batch, height, width, channels).
        Returns: float (batch, f height, f width, channels).
    Raises:
        ValueError: the factor is below 2.
    """

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        if factor < 2:
            raise ValueError(
                f"BilinearDeconvolution: factor must be at least 2; received {factor}"
            )
        self.factor = factor

    def build(self, input_shape):
        line = bilinear_line(2 * self.factor - self.factor % 2)
        channels = input_shape[-1]
        square = np.repeat(np.outer(line, line)[..., None], channels, axis=-1)
        self.kernel = self.add_weight(
            name="kernel",
            shape=square.shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(square, dtype),
            trainable=False,
        )

    def call(self, inputs):
        channels = inputs.shape[-1]
        # Keras has no groups here: a channel's kernel stands on the diagonal.
        kernel = self.kernel[..., None] * ops.eye(channels, dtype=self.kernel.dtype)
        kernel = ops.cast(kernel, inputs.dtype)
        return ops.conv_transpose(inputs, kernel, self.factor, padding="same")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        larger = [None if side is None else self.factor * side for side in sides]
        return (batch, *larger, channels)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def bilinear_line(size: int) -> np.ndarray:
    """Weights of the kernel along one axis, float32 (size,)."""
    half = -(-size // 2)
    centre = (size - 1) / (2 * half)
    return (1 - np.abs(np.arange(size) / half - centre)).astype(np.float32)
