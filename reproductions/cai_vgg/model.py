"""VGG for small images: blocks of convolutions with batch normalisation."""

from functools import partial

import keras
from keras import layers

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.networks.vgg import apply_vgg_blocks


def build_network(model, image_shape: tuple[int, int, int]) -> keras.Model:
    """The network of a recipe's `model` section.

    Args:
        image_shape: (height, width, channels).
    Returns:
        Keras model: float images give float32 logits (batch, num_classes).
    """
    norm = partial(
        BatchNormalization, model.batch_norm.momentum, model.batch_norm.epsilon
    )
    inputs = keras.Input(image_shape, name="image")
    x = apply_vgg_blocks(
        inputs, model.blocks, model.filters, kernel_size=model.kernel_size, norm=norm
    )
    x = layers.GlobalAveragePooling2D()(x)
    # float32 also in mixed precision: a softmax follows.
    logits = layers.Dense(model.num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits)
