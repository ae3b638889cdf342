"""The networks that mirror, and the classifier whose filters are shown."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.position_attention import PositionAttention

ATTENTION = "attention"  # the name of the attention layer in every network


@keras.saving.register_keras_serializable(package="cai_keras")
class CoordinateChannels(layers.Layer):
    """Appends the coordinates of every pixel as two channels, x and y in [-1, 1].

    Liu et al. 2018 (arXiv:1807.03247), Figure 3.

    Call:
        inputs: float (batch, height, width, channels), height and width above 1.
        Returns: float (batch, height, width, channels + 2).
    """

    def build(self, input_shape):
        _, height, width, _ = input_shape
        x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        self._coordinates = np.stack([x, y], axis=-1)[None].astype("float32")

    def call(self, inputs):
        fixed = ops.cast(self._coordinates, inputs.dtype)
        shape = (ops.shape(inputs)[0], *fixed.shape[1:])
        return ops.concatenate([inputs, ops.broadcast_to(fixed, shape)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 2)


@keras.saving.register_keras_serializable(package="cai_keras")
class CircularPadding(layers.Layer):
    """Continues an image periodically, by `border` pixels on each side.

    Call:
        inputs: float (batch, height, width, channels), at least `border` high and wide.
        Returns: float (batch, height + 2 border, width + 2 border, channels).
    """

    def __init__(self, border, **kwargs):
        super().__init__(**kwargs)
        self.border = border

    def call(self, inputs):
        b = self.border
        x = ops.concatenate([inputs[:, -b:], inputs, inputs[:, :b]], axis=1)
        return ops.concatenate([x[:, :, -b:], x, x[:, :, :b]], axis=2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height + 2 * self.border, width + 2 * self.border, channels)

    def get_config(self):
        return {**super().get_config(), "border": self.border}


def build_convolutions(image_shape, model) -> keras.Model:
    """3 x 3 convolutions with ReLU, then a linear 1 x 1 convolution."""
    image = keras.Input(image_shape, name="image")
    x = CoordinateChannels(name="coordinates")(image) if model.coordinates else image
    for number, dilation in enumerate(model.dilations, start=1):
        padding = "same"
        if model.padding == "circular":
            x, padding = CircularPadding(dilation, name=f"wrap{number}")(x), "valid"
        x = layers.Conv2D(
            model.width, 3, padding=padding, dilation_rate=dilation,
            activation="relu", kernel_initializer="he_normal", name=f"conv{number}",
        )(x)  # fmt: skip
    return keras.Model(image, layers.Conv2D(image_shape[-1], 1, name="out")(x))


def build_attention(image_shape, model) -> keras.Model:
    """Embedding, attention between all pixels, and a linear 1 x 1 convolution."""
    image = keras.Input(image_shape, name="image")
    x = apply_attention(image, model)
    return keras.Model(image, layers.Conv2D(image_shape[-1], 1, name="out")(x))


def apply_attention(x, model):
    """Linear embedding in `width` channels, and attention."""
    x = layers.Conv2D(
        model.width, model.embedding_kernel, padding="same", name="embedding"
    )(x)
    deviation, gain = model.position_deviation, model.query_key_gain
    return PositionAttention(
        model.position,
        position_initializer=keras.initializers.RandomNormal(stddev=deviation),
        query_key_initializer=keras.initializers.VarianceScaling(
            gain**2, "fan_avg", "uniform"
        ),
        name=ATTENTION,
    )(x)


def build_unet(image_shape, model) -> keras.Model:
    """The notebook's U-Net: 4 x 4 convolutions with stride 2, down to the last filter.

    Down: convolution, LeakyReLU 0.2, batch normalisation; none in the first and in the
    innermost. Up: transposed convolution, batch normalisation, ReLU, and the map from
    the way down beside it. Only the last layer has a bias.

    With `position`, attention stands in the widest skip connection.
    """
    image = keras.Input(image_shape, name="image")
    x, skips, last = image, [], len(model.filters) - 1
    for level, filters in enumerate(model.filters):
        x = _halve(x, filters, f"down{level + 1}")
        x = layers.LeakyReLU(0.2)(x)
        if 0 < level < last:
            x = _normalise(x, model, f"down{level + 1}_norm")
        skips.append(x)
    if model.position is not None:
        attended = apply_attention(skips[0], model)
        skips[0] = layers.Conv2D(model.filters[0], 1, name="projection")(attended)
    for level in range(last - 1, -1, -1):
        x = _double(x, model.filters[level], f"up{level + 2}", use_bias=False)
        x = layers.ReLU()(_normalise(x, model, f"up{level + 2}_norm"))
        x = layers.Concatenate()([x, skips[level]])
    x = _double(x, image_shape[-1], "up1", use_bias=True)
    return keras.Model(image, OUTPUTS[model.output](x))


def build_classifier(image_shape, model) -> keras.Model:
    """The classifier of filter_visualization.ipynb; ten logits.

    Convolutions 9x9, 3x3 (stride 2), 9x9, 3x3 (stride 2), 3x3, 3x3 (stride 2), 4x4,
    each with ReLU and, but for the last, batch normalisation.
    """
    image = keras.Input(image_shape, name="image")
    x = image
    stages = zip(model.classifier.widths, _KERNELS, _STRIDES, strict=True)
    for number, (filters, kernel, stride) in enumerate(stages, start=1):
        is_last = number == len(_KERNELS)
        x = layers.Conv2D(
            filters, kernel, stride, padding="valid" if is_last else "same",
            name=f"conv{number}",
        )(x)  # fmt: skip
        # A layer of its own: what maximises a channel is sought before the ReLU, where
        # a silent channel has a slope.
        x = layers.ReLU()(x)
        if not is_last:
            x = _normalise(x, model, f"norm{number}")
    x = layers.Dropout(model.classifier.dropout)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(10, dtype="float32", name="logits")(x))


_KERNELS = (9, 3, 9, 3, 3, 3, 4)
_STRIDES = (1, 2, 1, 2, 1, 2, 1)
OUTPUTS = {
    "tanh": lambda x: layers.Activation("tanh", name="out")(x),
    "linear": lambda x: x,
}


def _normalise(x, model, name: str):
    settings = model.batch_norm
    return BatchNormalization(settings.momentum, settings.epsilon, name=name)(x)


def _halve(x, filters: int, name: str):
    return layers.Conv2D(filters, 4, 2, padding="same", use_bias=False, name=name)(x)


def _double(x, filters: int, name: str, use_bias: bool):
    return layers.Conv2DTranspose(
        filters, 4, 2, padding="same", use_bias=use_bias, name=name
    )(x)


BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "convolutions": build_convolutions,
    "attention": build_attention,
    "unet": build_unet,
    "classifier": build_classifier,
}
