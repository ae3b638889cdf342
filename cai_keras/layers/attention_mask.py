"""Soft attention masks: what a mask branch's last map becomes."""

import keras
from keras import ops


def _mixed(x, epsilon):
    """f_1 = sigmoid(x): channels and positions in one."""
    return ops.sigmoid(x)


def _channel(x, epsilon):
    """f_2 = x_i / ||x_i||, the norm over the channels of position i."""
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon))


def _spatial(x, epsilon):
    """f_3 = sigmoid((x_c - mean_c) / std_c), both over the positions of channel c."""
    mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
    return ops.sigmoid((x - mean) * ops.rsqrt(ops.maximum(variance, epsilon)))


MASK_ACTIVATIONS = {"mixed": _mixed, "channel": _channel, "spatial": _spatial}


@keras.saving.register_keras_serializable(package="cai_keras")
class AttentionMask(keras.layers.Layer):
    """Mixed, channel or spatial attention.

    Wang et al. 2017 (arXiv:1704.06904), Section 3.2, equations 4 to 6; i is a position
    and c a channel:
        mixed    sigmoid(x_ic)
        channel  x_ic / ||x_i||
        spatial  sigmoid((x_ic - mean_c) / std_c)

    Args:
        activation: `mixed`, `channel` or `spatial`.
        epsilon: least squared norm or variance that is divided by: a map of zeros has
            the channel mask 0, a constant one the spatial mask 1/2.

    Call:
        inputs: float (batch, height, width, channels).
        Returns: float of the same shape: in (0, 1), or in [-1, 1] for `channel`.
    Raises:
        ValueError: an unknown activation.
    """

    def __init__(self, activation="mixed", epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        if activation not in MASK_ACTIVATIONS:
            raise ValueError(
                "AttentionMask: activation must be one of "
                f"{', '.join(MASK_ACTIVATIONS)}; received {activation!r}"
            )
        self.activation = activation
        self.epsilon = epsilon

    def call(self, inputs):
        # Sums of squares need more than float16's range.
        x = ops.cast(inputs, "float32")
        mask = MASK_ACTIVATIONS[self.activation](x, self.epsilon)
        return ops.cast(mask, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "activation": self.activation,
            "epsilon": self.epsilon,
        }
