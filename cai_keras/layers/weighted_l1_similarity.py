"""Similarity of two embeddings from their weighted component-wise distance."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class WeightedL1Similarity(keras.layers.Layer):
    """Logit that two embeddings belong to the same class.

    Koch et al. 2015, Section 3.1: p = sigmoid(sum_j alpha_j |h1_j - h2_j|), a dense
    layer of one unit on the component-wise distance. Here the logit is returned, with
    the dense layer's bias: sum_j alpha_j |h1_j - h2_j| + b.

    Args:
        kernel_initializer: of alpha, shape (features, 1).
        bias_initializer: of b, shape (1,).
        kernel_regularizer: of alpha, or None.

    Call:
        inputs: pair (h1, h2), float (..., features); leading axes broadcast, so that
            (n, 1, d) against (1, m, d) gives all n x m logits.
        Returns: float (...), the broadcast leading axes; unbounded.
    Raises:
        ValueError: not two inputs, or their last axes differ.
    """

    def __init__(
        self,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        first, second = _check_pair(input_shape)
        if not isinstance(first, (list, tuple)):
            raise ValueError(
                "WeightedL1Similarity needs a pair of embeddings, received one of "
                f"shape {tuple(input_shape)}"
            )
        if first[-1] != second[-1]:
            raise ValueError(
                "WeightedL1Similarity needs embeddings of equal length, received "
                f"{first[-1]} and {second[-1]}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(first[-1], 1),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(1,), initializer=self.bias_initializer
        )

    def call(self, inputs):
        first, second = _check_pair(inputs)
        distance = ops.abs(first - second)
        return ops.squeeze(ops.matmul(distance, self.kernel), -1) + self.bias[0]

    def compute_output_shape(self, input_shape):
        first, second = _check_pair(input_shape)
        longest = max(len(first), len(second)) - 1
        axes = []
        for offset in range(-longest - 1, -1):
            sizes = [s[offset] if -offset <= len(s) else 1 for s in (first, second)]
            axes.append(None if None in sizes and 1 in sizes else _wider(*sizes))
        return tuple(axes)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def _wider(first, second):
    if first is None or second is None:
        return first if second is None else second
    return max(first, second)


def _check_pair(inputs):
    if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
        raise ValueError(
            "WeightedL1Similarity needs a pair of embeddings, received "
            f"{type(inputs).__name__}"
        )
    return inputs
