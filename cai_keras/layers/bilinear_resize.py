"""Bilinear resizing whose corner pixels stay corner pixels."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class BilinearResize(keras.layers.Layer):
    """Bilinear resizing with aligned corners, Caffe's `Interp` layer.

    y = R x C^T for each channel, where row i of R has the weights of the two input
    rows around i (height - 1) / (new height - 1), and C likewise for columns. Wang et
    al. 2017 (arXiv:1704.06904), Section 3.1, up-sample with it.

    `keras.layers.UpSampling2D` and `keras.ops.image.resize` align the borders of
    pixels instead of their centres: other values at every pixel.

    Args:
        height, width: of the result.

    Call:
        inputs: float (batch, old height, old width, channels), both sizes known.
        Returns: float (batch, height, width, channels).
    Raises:
        ValueError: a size below 1, or inputs of unknown size.
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        if height < 1 or width < 1:
            raise ValueError(
                f"BilinearResize: sizes must be at least 1; received {height} x {width}"
            )
        self.height = height
        self.width = width

    def build(self, input_shape):
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "BilinearResize needs (batch, height, width, channels) of known sizes; "
                f"received {tuple(input_shape)}"
            )

    def call(self, inputs):
        _, old_height, old_width, channels = inputs.shape
        rows = ops.cast(interpolation_matrix(old_height, self.height), inputs.dtype)
        columns = ops.cast(interpolation_matrix(old_width, self.width), inputs.dtype)
        # Neither product moves an axis: a matrix times each image, then each row.
        x = ops.reshape(inputs, (-1, old_height, old_width * channels))
        x = ops.matmul(rows, x)
        x = ops.reshape(x, (-1, self.height, old_width, channels))
        return ops.matmul(columns, x)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


def interpolation_matrix(size: int, new_size: int) -> np.ndarray:
    """Weights of `size` samples in `new_size` evenly spaced ones between the same ends.

    Returns:
        float32 (new_size, size); every row sums to 1. A single new sample is the first
        old one, as in Caffe.
    """
    positions = np.linspace(0.0, size - 1.0, new_size)
    distance = np.abs(positions[:, None] - np.arange(size))
    return np.maximum(0.0, 1.0 - distance).astype(np.float32)
