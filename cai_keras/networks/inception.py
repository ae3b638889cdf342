"""GoogLeNet: filters of several sizes beside each other."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import keras
from keras import layers, ops

from cai_keras.layers.local_response_normalization import LocalResponseNormalization


@dataclass(frozen=True)
class InceptionWidths:
    """Filters of the branches of a module, in the order of the paper's Table 1.

    Attributes:
        one: of the 1x1 branch.
        reduce_three, three: of the 1x1 before the 3x3, and of the 3x3.
        reduce_five, five: of the 1x1 before the 5x5, and of the 5x5.
        pool: of the 1x1 after the 3x3 maximum.
    """

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int

    def divided(self, divisor: int) -> "InceptionWidths":
        """A narrower module, whose branches have at least one filter."""
        widths = [getattr(self, field.name) for field in fields(self)]
        return InceptionWidths(*(max(1, width // divisor) for width in widths))


# Szegedy et al. 2015 (arXiv:1409.4842), Table 1.
GOOGLENET = {
    "3a": InceptionWidths(64, 96, 128, 16, 32, 32),
    "3b": InceptionWidths(128, 128, 192, 32, 96, 64),
    "4a": InceptionWidths(192, 96, 208, 16, 48, 64),
    "4b": InceptionWidths(160, 112, 224, 24, 64, 64),
    "4c": InceptionWidths(128, 128, 256, 24, 64, 64),
    "4d": InceptionWidths(112, 144, 288, 32, 64, 64),
    "4e": InceptionWidths(256, 160, 320, 32, 128, 128),
    "5a": InceptionWidths(256, 160, 320, 32, 128, 128),
    "5b": InceptionWidths(384, 192, 384, 48, 128, 128),
}
_AUXILIARY_AFTER = ("4a", "4d")
_POOLED_BEFORE = ("4a", "5a")


def apply_inception(x, widths: InceptionWidths, name: str):
    """1x1, 3x3 and 5x5 convolutions and a maximum of the same map, joined: Fig. 2(b).

    1x1 convolutions before the larger ones, and after the maximum, keep it cheap.
    """
    three = apply_convolution(x, widths.reduce_three, 1, f"{name}_reduce3")
    five = apply_convolution(x, widths.reduce_five, 1, f"{name}_reduce5")
    pooled = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    return ops.concatenate(
        [
            apply_convolution(x, widths.one, 1, f"{name}_conv1"),
            apply_convolution(three, widths.three, 3, f"{name}_conv3"),
            apply_convolution(five, widths.five, 5, f"{name}_conv5"),
            apply_convolution(pooled, widths.pool, 1, f"{name}_project"),
        ],
        axis=-1,
    )


def apply_naive_inception(x, widths: InceptionWidths, name: str):
    """The module without 1x1 convolutions before or after: Fig. 2(a)."""
    pooled = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    return ops.concatenate(
        [
            apply_convolution(x, widths.one, 1, f"{name}_conv1"),
            apply_convolution(x, widths.three, 3, f"{name}_conv3"),
            apply_convolution(x, widths.five, 5, f"{name}_conv5"),
            pooled,
        ],
        axis=-1,
    )


def apply_googlenet_stem(x, width_divisor: int = 1):
    """What comes before module 3a: 224 pixels become 28, with 192 channels."""
    x = layers.ZeroPadding2D(3)(x)
    x = apply_convolution(
        x, 64 // width_divisor, 7, "stem_conv1", stride=2, padding="valid"
    )
    # "same" pads below and on the right, where Caffe's windows reach over the border.
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = LocalResponseNormalization(name="stem_norm1")(x)
    x = apply_convolution(x, 64 // width_divisor, 1, "stem_conv2")
    x = apply_convolution(x, 192 // width_divisor, 3, "stem_conv3")
    x = LocalResponseNormalization(name="stem_norm2")(x)
    return layers.MaxPooling2D(3, 2, padding="same")(x)


def apply_small_stem(x, width_divisor: int = 1):
    """One 3x3 convolution at full size: our stem for images of 16 to 64 pixels."""
    return apply_convolution(x, 192 // width_divisor, 3, "stem_conv")


def build_googlenet(
    image_size: int = 224,
    num_classes: int = 1000,
    auxiliary: bool = False,
    dropout: float = 0.4,
    auxiliary_dropout: float = 0.7,
    channels: int = 3,
    apply_stem: Callable = apply_googlenet_stem,
    width_divisor: int = 1,
) -> keras.Model:
    """GoogLeNet; its convolutions have biases and no batch normalisation.

    Args:
        auxiliary: with the two classifiers half way, which are for training only.
            Their losses count 0.3. They need a map of 5x5 or more after module 4a.
        channels: of the images.
        apply_stem: function (images, width_divisor) -> map, what comes before the
            modules; `apply_small_stem` for small images.
        width_divisor: of all widths, for a smaller network.
    Returns:
        image -> logits, or -> [logits, logits after 4a, logits after 4d].
    """
    inputs = keras.Input((image_size, image_size, channels))
    x = apply_stem(inputs, width_divisor)
    half_way = []
    for name, widths in GOOGLENET.items():
        if name in _POOLED_BEFORE:
            x = layers.MaxPooling2D(3, 2, padding="same")(x)
        x = apply_inception(x, widths.divided(width_divisor), f"inception{name}")
        if auxiliary and name in _AUXILIARY_AFTER:
            head = _auxiliary(
                x, num_classes, auxiliary_dropout, width_divisor, f"auxiliary{name}"
            )
            half_way.append(head)
    x = layers.Dropout(dropout)(ops.mean(x, axis=(1, 2)))
    logits = _logits(x, num_classes, "logits")
    return keras.Model(inputs, [logits, *half_way] if auxiliary else logits)


def _auxiliary(x, num_classes: int, dropout: float, width_divisor: int, name: str):
    """The classifier half way of Section 5."""
    x = layers.AveragePooling2D(5, 3)(x)
    x = apply_convolution(x, 128 // width_divisor, 1, f"{name}_conv")
    x = layers.Flatten()(x)
    hidden = 1024 // width_divisor
    x = layers.Dense(hidden, activation="relu", name=f"{name}_hidden", **_FILLERS)(x)
    x = layers.Dropout(dropout)(x)
    return _logits(x, num_classes, f"{name}_logits")


def apply_convolution(x, filters: int, size: int, name: str, stride=1, padding="same"):
    """A convolution and ReLU, whose first weights are those of bvlc_googlenet."""
    return layers.Conv2D(
        filters, size, stride, padding, activation="relu", name=name, **_FILLERS
    )(x)


def _logits(x, num_classes: int, name: str):
    # float32 also in mixed precision: a softmax over them follows.
    return layers.Dense(
        num_classes, dtype="float32", kernel_initializer="lecun_uniform", name=name
    )(x)


# Caffe's "xavier" counts inputs only: even within sqrt(3 / inputs). Positive biases
# keep a signal through 22 layers without normalisation.
_FILLERS = {
    "kernel_initializer": "lecun_uniform",
    "bias_initializer": keras.initializers.Constant(0.2),
}
