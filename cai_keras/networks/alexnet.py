"""AlexNet: five convolutions, some of them in two groups, and three dense layers."""

import keras
from keras import layers

from cai_keras.layers.grouped_conv2d import GroupedConv2D
from cai_keras.layers.local_response_normalization import LocalResponseNormalization


def build_alexnet(
    image_size: int = 227,
    num_classes: int = 1000,
    groups: int = 2,
    dropout: float = 0.5,
    units: int = 4096,
) -> keras.Model:
    """AlexNet: Krizhevsky et al. 2012, as Caffe's bvlc_alexnet has it.

    The paper's input of 224 pixels does not give its maps of 55; 227 does.

    Args:
        image_size: at least 67.
        groups: of the second, fourth and fifth convolution, one for each of the
            authors' two GPUs; 1 joins them.
        dropout: rate after each of the two hidden dense layers.
        units: of these layers.
    """
    inputs = keras.Input((image_size, image_size, 3))
    x = _convolve(inputs, 96, 11, "conv1", stride=4, padding="valid")
    x = layers.MaxPooling2D(3, 2)(LocalResponseNormalization(name="norm1")(x))
    x = _convolve(x, 256, 5, "conv2", groups=groups)
    x = layers.MaxPooling2D(3, 2)(LocalResponseNormalization(name="norm2")(x))
    x = _convolve(x, 384, 3, "conv3")
    x = _convolve(x, 384, 3, "conv4", groups=groups)
    x = _convolve(x, 256, 3, "conv5", groups=groups)
    x = layers.Flatten()(layers.MaxPooling2D(3, 2)(x))
    for number in (1, 2):
        x = layers.Dense(units, activation="relu", name=f"hidden{number}")(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    # Logits in float32 also in mixed precision: a softmax over them follows.
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits)


def _convolve(x, filters, size, name, stride=1, padding="same", groups=1):
    layer = GroupedConv2D if groups > 1 else layers.Conv2D
    return layer(
        filters, size, stride, padding, groups=groups, activation="relu", name=name
    )(x)
