"""Self-attention over the positions of a map, which it knows by an encoding."""

import math

import keras
import numpy as np
from keras import ops

from cai_keras.layers.pairwise_attention import MAX_ENTRIES, attend, softmax_weights

POSITIONS = ("none", "learned", "sinusoidal")


@keras.saving.register_keras_serializable(package="cai_keras")
class PositionAttention(keras.layers.Layer):
    """Single-head attention between all positions of an image.

    Vaswani et al. 2017 (arXiv:1706.03762), equation 1, with the encoding of positions
    p added to what makes queries and keys, and not to the values:
        y = W_o softmax(q k^T / sqrt(d)) v,
        q = W_q (x + p),    k = W_k (x + p),    v = W_v x
    Without p it commutes with every permutation of the positions. There is no residual
    connection: add it outside where it is wanted.

    Args:
        position: none; learned: one vector a position; sinusoidal: Section 3.5 of the
            paper along rows in the first half of the channels and along columns in
            the second (no weights).
        units: d, of queries, keys and values; the input's channels if None.
        position_initializer: of learned positions.
        query_key_initializer: of W_q and W_k: large values start with sharp attention.
        kernel_initializer: of W_v and W_o. All four have biases.
        max_entries: pairs of positions per example held at once; see `attend`.

    Call:
        inputs: float (batch, height, width, channels), all but the batch known.
        Returns: float, the shape of the inputs.
    Raises:
        ValueError: an unknown kind of position, another rank, an unknown size, or
            channels that sinusoidal positions cannot divide by 4.
    """

    def __init__(
        self,
        position="learned",
        units=None,
        position_initializer="random_normal",
        query_key_initializer="glorot_uniform",
        kernel_initializer="glorot_uniform",
        max_entries=MAX_ENTRIES,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if position not in POSITIONS:
            raise ValueError(
                f"PositionAttention: position must be one of {', '.join(POSITIONS)}; "
                f"received {position!r}"
            )
        if units is not None and units < 1:
            raise ValueError(
                f"PositionAttention: units must be positive; received {units}"
            )
        self.position = position
        self.units = units
        self.position_initializer = keras.initializers.get(position_initializer)
        self.query_key_initializer = keras.initializers.get(query_key_initializer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.max_entries = max_entries

    def build(self, input_shape):
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "PositionAttention needs (batch, height, width, channels), all but "
                f"the batch known; received {tuple(input_shape)}"
            )
        height, width, channels = input_shape[1:]
        units = self.units or channels
        self._scale = 1 / math.sqrt(units)
        sharp, plain = self.query_key_initializer, self.kernel_initializer
        self._query = self._linear("query", units, channels, sharp)
        self._key = self._linear("key", units, channels, sharp)
        self._value = self._linear("value", units, channels, plain)
        self._out = self._linear("out", channels, units, plain)
        if self.position == "learned":
            self._encoding = self.add_weight(
                name="positions",
                shape=(height * width, channels),
                initializer=self.position_initializer,
            )
        elif self.position == "sinusoidal":
            self._encoding = sinusoidal_positions(height, width, channels)

    def call(self, inputs):
        queries, keys, values = self._project(inputs)
        summed = attend(queries, keys, values, self._weigh, self.max_entries)
        return ops.reshape(self._out(summed), ops.shape(inputs))

    def attention_weights(self, inputs):
        """softmax(q k^T / sqrt(d)), (batch, positions, positions), row by row."""
        queries, keys, _ = self._project(inputs)
        return self._weigh(queries, keys)

    def _project(self, inputs):
        height, width, channels = inputs.shape[1:]
        x = ops.reshape(inputs, (-1, height * width, channels))
        placed = x
        if self.position != "none":
            placed = x + ops.cast(self._encoding, x.dtype)
        return self._query(placed), self._key(placed), self._value(x)

    def _weigh(self, queries, keys):
        return softmax_weights(queries, keys, self._scale)

    def _linear(self, name, units, channels, initializer):
        layer = keras.layers.Dense(
            units,
            # One initializer object gives equal numbers each time.
            kernel_initializer=initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build((None, None, channels))
        return layer

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "position": self.position,
            "units": self.units,
            "position_initializer": serialize(self.position_initializer),
            "query_key_initializer": serialize(self.query_key_initializer),
            "kernel_initializer": serialize(self.kernel_initializer),
            "max_entries": self.max_entries,
        }


def sinusoidal_positions(height: int, width: int, channels: int) -> np.ndarray:
    """Sines and cosines of rows and of columns, float32 (height * width, channels).

    Vaswani et al. 2017, Section 3.5, with D = channels / 2 for each axis:
        p[2i] = sin(n / 10000^(2i / D)),    p[2i + 1] = cos(n / 10000^(2i / D))
    of the row n in the first D channels and the column n in the others.

    Raises:
        ValueError: channels is no multiple of 4.
    """
    if channels % 4:
        raise ValueError(
            "sinusoidal positions need channels that 4 divides (sine and cosine of "
            f"row and column); received {channels}"
        )
    half = channels // 2
    frequency = 10000.0 ** (-np.arange(0, half, 2) / half)

    def along(count):
        angle = np.arange(count)[:, None] * frequency
        return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(count, half)

    rows = np.repeat(along(height), width, axis=0)
    columns = np.tile(along(width), (height, 1))
    return np.concatenate([rows, columns], axis=1).astype("float32")
