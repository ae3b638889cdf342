"""Local response normalisation, of networks before batch normalisation."""

import keras
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
        reach = self.size // 2
        channels = inputs.shape[-1]
        # float16 overflows where a value is above 255.
        x = ops.cast(inputs, "float32")
        around = [(0, 0)] * (len(inputs.shape) - 1) + [(reach, reach)]
        padded = ops.pad(ops.square(x), around)
        total = sum(padded[..., i : i + channels] for i in range(self.size))
        strength = self.bias + self.alpha / self.size * total
        return ops.cast(x / ops.power(strength, self.beta), self.compute_dtype)

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
