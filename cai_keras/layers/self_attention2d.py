"""Self-attention of SAGAN: a map plus what it reads from all of its positions."""

import keras
from keras import ops

from cai_keras.layers.pairwise_attention import MAX_ENTRIES, attend, softmax_weights
from cai_keras.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="cai_keras")
class SelfAttention2D(keras.layers.Layer):
    """Self-attention on images, as SAGAN has it.

    Zhang, Goodfellow, Metaxas and Odena 2019 (arXiv:1805.08318), equations 1 to 3, of
    every position i with all positions j:
        y_i = x_i + gamma W_v sum_j softmax_j(theta_i . phi_j) g_j
    theta and phi have channels / 8, g has channels / 2; all four are 1x1 convolutions
    without bias, and gamma is one number that starts at zero: a new layer is the
    identity. The released code takes the maximum of 2 x 2 neighbours of phi and of g,
    which the paper's equations leave out: a quarter of the positions j.

    With C channels, a multiple of 8, there are 1.25 C^2 + 1 weights.

    Args:
        pool_keys: the maximum of 2 x 2 neighbours, as released; an odd last row or
            column is left out.
        use_spectral_norm: of all four convolutions, as released.
        gamma_initializer: of gamma.
        kernel_initializer: of the convolutions.
        max_entries: pairs (i, j) per example held at once; see `attend`.

    Call:
        inputs: float (batch, height, width, channels).
        training: passed on to spectral normalisation.
        Returns: float, the shape of the inputs.
    Raises:
        ValueError: inputs of another rank, or with under 8 or unknown channels.
    """

    def __init__(
        self,
        pool_keys=True,
        use_spectral_norm=True,
        gamma_initializer="zeros",
        kernel_initializer="glorot_uniform",
        max_entries=MAX_ENTRIES,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.pool_keys = pool_keys
        self.use_spectral_norm = use_spectral_norm
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.max_entries = max_entries

    def build(self, input_shape):
        channels = input_shape[-1]
        if len(input_shape) != 4 or channels is None or channels < 8:
            raise ValueError(
                "SelfAttention2D needs (batch, height, width, channels) with 8 or more "
                f"channels; received {tuple(input_shape)}"
            )
        self._theta = self._convolution("theta", channels // 8, input_shape)
        self._phi = self._convolution("phi", channels // 8, input_shape)
        self._g = self._convolution("g", channels // 2, input_shape)
        read_shape = (*input_shape[:-1], channels // 2)
        self._out = self._convolution("out", channels, read_shape)
        self.gamma = self.add_weight(
            shape=(), initializer=self.gamma_initializer, name="gamma"
        )

    def call(self, inputs, training=None):
        queries, keys, values = self._project(inputs, training)
        read = attend(queries, keys, values, softmax_weights, self.max_entries)
        _, height, width, _ = ops.shape(inputs)
        read = ops.reshape(read, (-1, height, width, values.shape[-1]))
        outputs = self._apply(self._out, read, training)
        return inputs + ops.cast(self.gamma, outputs.dtype) * outputs

    def attention_weights(self, inputs):
        """How much position i reads from j, float (batch, positions i, positions j).

        Positions are counted row by row; j among the pooled ones. Rows sum to one.
        """
        queries, keys, _ = self._project(inputs, training=False)
        return softmax_weights(queries, keys)

    def _project(self, inputs, training):
        """theta, phi and g as (batch, positions, channels)."""
        maps = [
            self._apply(layer, inputs, training)
            for layer in (self._theta, self._phi, self._g)
        ]
        if self.pool_keys:
            # Strides are said: Keras 3.15 on JAX mistakes those that are not.
            maps[1:] = [ops.max_pool(values, 2, 2) for values in maps[1:]]
        return [_as_sequence(values) for values in maps]

    def _apply(self, layer, inputs, training):
        if self.use_spectral_norm:
            return layer(inputs, training=training)
        return layer(inputs)

    def _convolution(self, name, filters, input_shape):
        """A 1x1 convolution: one matrix for every position."""
        # One initializer object gives equal numbers each time: every layer has its own.
        layer = keras.layers.Dense(
            filters,
            use_bias=False,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )
        if self.use_spectral_norm:
            layer = SpectralNormalization(layer, dtype=self.dtype_policy, name=name)
        layer.build(input_shape)
        return layer

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_keys": self.pool_keys,
            "use_spectral_norm": self.use_spectral_norm,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "max_entries": self.max_entries,
        }


def _as_sequence(maps):
    batch, height, width, channels = ops.shape(maps)
    return ops.reshape(maps, (batch, height * width, channels))
