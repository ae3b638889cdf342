"""The two players, and the classifier that shows what attention is for."""

import keras
from keras import layers, ops

from cai_keras.networks.gan_resnet import (
    GanLayers,
    Mixing,
    build_resnet_discriminator,
    build_resnet_generator,
)

# Of the classifier's last map, whose mean the logits are.
LOCAL_LOGITS = "local_logits"


def build_players(recipe, channels: int = 3) -> dict[str, keras.Model]:
    """Generator and discriminator of a variant.

    Args:
        recipe: its sections data and model.
        channels: of the pictures.
    """
    data, model = recipe.data, recipe.model
    generator, discriminator = model.generator, model.discriminator
    side = data.image_side
    return {
        "generator": build_resnet_generator(
            _layers(model, model.initializer, model.spectral_norm.generator),
            generator.filters,
            generator.first_filters,
            side // 2 ** len(generator.filters),
            model.latent_size,
            channels,
            data.classes,
            model.norm_momentum,
            model.norm_epsilon,
        ),
        "discriminator": build_resnet_discriminator(
            _layers(model, model.initializer, model.spectral_norm.discriminator),
            (side, side, channels),
            discriminator.filters,
            discriminator.flat_blocks,
            data.classes if model.projection else None,
        ),
    }


def build_classifier(recipe, channels: int = 3) -> keras.Model:
    """Two convolutions, attention or its control, and a vote of all positions.

    Each position has logits of its own, by 1x1 convolutions, and their mean counts.
    So what a position cannot see can only be added to what others have found: whether
    two things are equal is no such sum.

    Returns:
        model from pictures in [-1, 1] to logits (batch, classes).
    """
    data, model = recipe.data, recipe.model
    initializer = model.classifier.initializer
    make = _layers(model, initializer, use_spectral_norm=False)
    first, second = model.classifier.filters
    pictures = keras.Input((data.image_side, data.image_side, channels), name="picture")
    x = layers.Conv2D(
        first, 3, 2, padding="same", kernel_initializer=initializer, name="conv1"
    )(pictures)
    x = make.convolve(ops.relu(x), second, 3, "conv2")
    x = ops.relu(make.mix(ops.relu(x)))
    x = ops.relu(make.convolve(x, second, 1, "local"))
    x = make.convolve(x, data.classes, 1, LOCAL_LOGITS)
    logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return keras.Model(pictures, logits)


def _layers(model, initializer: str, use_spectral_norm: bool) -> GanLayers:
    mixing = Mixing(model.mixing.name, model.mixing.side)
    return GanLayers(use_spectral_norm, initializer, mixing)
