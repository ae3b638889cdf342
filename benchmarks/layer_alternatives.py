"""What each custom layer is compared with: Keras's own layer, or the formula.

An alternative takes the custom layer's own arguments.
"""

from collections.abc import Callable

import keras

from benchmarks.naive_layers import Formula
from cai_keras.layers.position_attention import sinusoidal_positions

FORMULA = "formula in keras.ops"


def formula(layer: type, function: Callable) -> Callable[..., keras.layers.Layer]:
    """The alternative of `layer` that computes `function`."""

    def make(*arguments, **named):
        return Formula(layer(*arguments, **named), function)

    return make


class AttentionOfKeras(keras.layers.Layer):
    """`keras.layers.MultiHeadAttention` with one head, over the positions of a map."""

    def __init__(
        self, position="learned", units=None, position_initializer="zeros", **kwargs
    ):
        super().__init__(**kwargs)
        self.position, self.units = position, units

    def build(self, input_shape):
        _, height, width, channels = input_shape
        if self.position == "learned":
            self.encoding = self.add_weight(shape=(height * width, channels))
        elif self.position == "sinusoidal":
            self.encoding = sinusoidal_positions(height, width, channels)
        self.attention = keras.layers.MultiHeadAttention(1, self.units or channels)
        rows = (None, height * width, channels)
        self.attention.build(rows, rows, rows)

    def call(self, inputs, training=None):
        rows = keras.ops.reshape(inputs, (-1, *self._rows(inputs.shape)))
        placed = rows
        if self.position != "none":
            placed = rows + keras.ops.convert_to_tensor(self.encoding)
        found = self.attention(placed, rows, placed, training=training)
        return keras.ops.reshape(found, keras.ops.shape(inputs))

    @staticmethod
    def _rows(shape):
        return shape[1] * shape[2], shape[3]


def image_preparation(mean, deviation, reverse_channels=False):
    variance = [value**2 for value in deviation]
    layers = [keras.layers.Normalization(mean=mean, variance=variance)]
    if reverse_channels:
        layers.insert(0, keras.layers.Lambda(lambda x: keras.ops.flip(x, axis=-1)))
    return keras.Sequential(layers)


def learned_pictures(count, height, width, channels=3):
    return keras.Sequential(
        [
            keras.layers.Embedding(count, height * width * channels),
            keras.layers.Reshape((height, width, channels)),
        ]
    )


def attention_mask(activation="mixed", epsilon=1e-6):
    if activation == "mixed":
        return keras.layers.Activation("sigmoid")
    if activation == "channel":
        return keras.layers.UnitNormalization(axis=-1)
    normalised = keras.layers.GroupNormalization(
        -1, epsilon=epsilon, center=False, scale=False
    )
    return keras.Sequential([normalised, keras.layers.Activation("sigmoid")])


class LocalResponseOfTensorFlow(keras.layers.Layer):
    """`tf.nn.local_response_normalization`, with Caffe's division of alpha."""

    def __init__(self, size=5, alpha=1e-4, beta=0.75, bias=1.0, **kwargs):
        super().__init__(**kwargs)
        self.numbers = (size // 2, bias, alpha / size, beta)

    def call(self, inputs):
        import tensorflow as tf

        return tf.nn.local_response_normalization(inputs, *self.numbers)


class ResizeOfTensorFlow(keras.layers.Layer):
    """TensorFlow's operation with aligned corners, which Keras does not offer."""

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        self.size = (height, width)

    def call(self, inputs):
        import tensorflow as tf

        return tf.raw_ops.ResizeBilinear(
            images=inputs, size=self.size, align_corners=True
        )
