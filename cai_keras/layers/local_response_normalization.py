"""Local response normalisation, of networks before batch normalisation."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class LocalResponseNormalization(keras.layers.Layer):
    """A channel divided by the strength of its neighbours, as Caffe computes it.

    Krizhevsky et al. 2012, Section 3.3, with Caffe's division of alpha by n:
        y_i = x_i / (k + alpha / n * sum over |j - i| <= n // 2 of x_j^2)^beta
    where channels beyond the first and the last count as 0.

    Args:
        size: n, the number of channels summed over, odd.
        alpha, beta, bias: alpha, beta and k. Caffe's, and GoogLeNet's, are the
            defaults; the paper's text has k = 2 and alpha = 5e-4 (1e-4 with n = 5 and
            no division).

    Call:
        inputs: float (..., channels).
        Returns: float of the same shape.
    Raises:
        ValueError: `size` is even or below 1.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, bias=1.0, **kwargs):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(
                f"LocalResponseNormalization: size must be odd; received {size}"
            )
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias

    def call(self, inputs):
        # float16 overflows where a value is above 255.
        x = ops.cast(inputs, "float32")
        # A product with a matrix of bands: shifted slices cost one pass each, and
        # several more in the gradient.
        total = ops.matmul(ops.square(x), _neighbours(inputs.shape[-1], self.size))
        strength = self.bias + self.alpha / self.size * total
        return ops.cast(x * _inverse_power(strength, self.beta), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
        }


def _neighbours(channels: int, size: int) -> np.ndarray:
    """(channels, channels): 1 where two channels are at most size // 2 apart."""
    place = np.arange(channels)
    return (abs(place[:, None] - place) <= size // 2).astype("float32")


def _inverse_power(x, exponent: float):
    """x^-exponent of positive numbers, by square roots where they are enough."""
    if exponent == 0.75:
        root = ops.rsqrt(x)
        return root * ops.sqrt(root)  # a fifth of the time of a general power
    return ops.power(x, -exponent)
