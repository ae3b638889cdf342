"""A choice among groups of channels, kept as a weight."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class ChannelChoice(keras.layers.Layer):
    """Chosen groups of channels, one behind the other, in the order of the choice.

    The choice is a weight that no gradient reaches: it is assigned, saved and restored.
    At first the groups are taken in their order, again from the first if more are
    wanted than there are.

    Args:
        count: groups in the output.
        size: channels of a group.

    Call:
        inputs: (..., groups x size).
        Returns: (..., count x size).
    Raises:
        ValueError: the channels are no multiple of `size`.
    """

    def __init__(self, count: int, size: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.size = size

    def build(self, input_shape):
        if input_shape[-1] % self.size:
            raise ValueError(
                f"ChannelChoice: {input_shape[-1]} channels are no multiple of "
                f"size={self.size}"
            )
        groups = input_shape[-1] // self.size
        self.choice = self.add_weight(
            shape=(self.count,),
            dtype="int32",
            initializer=lambda shape, dtype: ops.cast(
                ops.arange(self.count) % groups, dtype
            ),
            trainable=False,
            name="choice",
        )

    def call(self, inputs):
        *leading, channels = inputs.shape
        leading = [-1 if length is None else length for length in leading]
        groups = ops.reshape(inputs, (*leading, channels // self.size, self.size))
        chosen = ops.take(groups, self.choice, axis=-2)
        return ops.reshape(chosen, (*leading, self.count * self.size))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.count * self.size)

    def get_config(self):
        return {**super().get_config(), "count": self.count, "size": self.size}
