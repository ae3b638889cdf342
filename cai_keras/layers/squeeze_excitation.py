"""Squeeze and excitation: channels weighed by what the whole map holds."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class SqueezeExcitation(keras.layers.Layer):
    """Squeeze-and-excitation block.

    Hu, Shen and Sun 2018 (arXiv:1709.01507), equations 2 to 4:
        z_c = mean of channel c over all positions
        s = sigmoid(W_2 relu(W_1 z)),    x~_c = s_c x_c
    with C / ratio units between W_1 and W_2.

    In a residual block it stands after the last batch normalisation, before the sum
    (Section 3.3).

    Args:
        ratio: reduction r; the paper's nets have 16.
        min_units: least number of units between; the paper's nets never need it.
        use_bias: of both layers, as in the released models (the paper's equations have
            none).
        kernel_initializer, kernel_regularizer: of W_1 and W_2.

    Call:
        inputs: float (batch, positions..., channels), one to three axes of positions.
        Returns: float, the shape of the inputs; each channel times a number in (0, 1).
    Raises:
        ValueError: ratio or min_units below 1, or an unknown number of channels.
    """

    def __init__(
        self,
        ratio=16,
        min_units=1,
        use_bias=True,
        kernel_initializer="he_normal",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (("ratio", ratio), ("min_units", min_units)):
            if value < 1:
                raise ValueError(
                    f"SqueezeExcitation: {name} must be at least 1; received {value}"
                )
        self.ratio = ratio
        self.min_units = min_units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        channels = input_shape[-1]
        if len(input_shape) < 3 or channels is None:
            raise ValueError(
                "SqueezeExcitation needs (batch, positions..., channels) with known "
                f"channels; received {tuple(input_shape)}"
            )
        units = max(self.min_units, int(channels / self.ratio))
        self._reduce = self._dense("reduce", units, channels)
        self._expand = self._dense("expand", channels, units)

    def call(self, inputs):
        return inputs * self.excitations(inputs)

    def excitations(self, inputs):
        """s of every example and channel, float (batch, 1..., channels) in (0, 1)."""
        axes = tuple(range(1, len(inputs.shape) - 1))
        squeezed = ops.mean(inputs, axis=axes, keepdims=True)
        return ops.sigmoid(self._expand(ops.relu(self._reduce(squeezed))))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "min_units": self.min_units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }

    def _dense(self, name: str, units: int, num_inputs: int):
        layer = keras.layers.Dense(
            units,
            use_bias=self.use_bias,
            # One initializer object gives equal numbers each time.
            kernel_initializer=self.kernel_initializer.clone(),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build((None, num_inputs))
        return layer
