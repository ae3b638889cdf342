"""Minibatch statistics: what a discriminator sees of its batch as a whole."""

import keras
from keras import ops

_EPSILON = 1e-8  # under the root, as in the authors' code


@keras.saving.register_keras_serializable(package="cai_keras")
class MinibatchDeviation(keras.layers.Layer):
    """A further channel: how much the examples of a group differ.

    Karras, Aila, Laine and Lehtinen 2018 (arXiv:1710.10196), Section 3: the standard
    deviation of each feature at each position over the examples, its mean over all
    features and positions, one number that is put beside every map. Samples that are
    all alike give themselves away by it.

    Args:
        group_size: examples that are compared; the whole batch if None. It must divide
            the batch. Example i is in group i modulo (batch / group_size), as in the
            authors' code.

    Call:
        inputs: float (batch, height, width, channels).
        Returns: float (batch, height, width, channels + 1).
    Raises:
        ValueError: another rank, or a group of less than two.
    """

    def __init__(self, group_size=None, **kwargs):
        super().__init__(**kwargs)
        if group_size is not None and group_size < 2:
            raise ValueError(
                f"MinibatchDeviation: group_size must be 2 or more; got {group_size}"
            )
        self.group_size = group_size

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "MinibatchDeviation needs (batch, height, width, channels); received "
                f"{tuple(input_shape)}"
            )

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        size = self.group_size or batch
        # A mean of squares of half-precision numbers loses what is small.
        x = ops.reshape(
            ops.cast(inputs, "float32"), (size, -1, height, width, channels)
        )
        variance = ops.mean(ops.square(x - ops.mean(x, axis=0)), axis=0)
        deviation = ops.mean(ops.sqrt(variance + _EPSILON), axis=(1, 2, 3))
        ones = ops.ones((size, 1, height, width, 1))
        plane = ops.reshape(
            ones * deviation[:, None, None, None], (-1, height, width, 1)
        )
        return ops.concatenate([inputs, ops.cast(plane, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group_size": self.group_size}
