"""The paper's two perceptrons, Newmu's convolutional nets, and nets for points.

In every network the class may be left out, so that a control differs in this alone.
"""

from collections.abc import Collection

import keras
import numpy as np
from keras import layers, ops

from cai_keras.errors import UsageError, choose
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.networks.maxout import apply_maxout
from cai_keras.networks.perceptrons import (
    PerceptronSettings,
    build_point_discriminator,
    build_point_generator,
)

PLAYERS = ("generator", "discriminator")
_DEVIATION = 0.02  # of a convolutional network's weights at the start
_SLOPE = 0.2  # of its discriminator's leaky ReLU


def build_networks(recipe) -> dict[str, keras.Model]:
    """{"generator", "discriminator"} of a recipe's section `model`."""
    labelled = labelled_players(recipe.model)
    return choose("model.network", recipe.model.network, _NETWORKS)(recipe, labelled)


def labelled_players(model) -> frozenset[str]:
    """Names of the networks that are told the class.

    Raises:
        UsageError: there is no such network.
    """
    for name in model.labelled:
        choose("model.labelled", name, dict.fromkeys(PLAYERS))
    return frozenset(model.labelled)


def _maxout(recipe, labelled: Collection[str]) -> dict[str, keras.Model]:
    model, data = recipe.model, recipe.data
    shape = (data.side, data.side, data.channels)
    return {
        "generator": build_mlp_generator(
            model, shape, model.classes if "generator" in labelled else None
        ),
        "discriminator": build_maxout_discriminator(
            model.maxout, shape, model.classes if "discriminator" in labelled else None
        ),
    }


def build_mlp_generator(model, shape: tuple, classes: int | None) -> keras.Model:
    """latent, or [latent, label] -> pictures in [0, 1]: Section 4.1.

    Args:
        model: the recipe's section; `mlp` has the units of the branch of the latent
            vector, of the branch of the class and of the layer that joins them, and
            the share of units that is dropped.
    """
    mlp, start = model.mlp, _within(model.mlp.weight_range)
    latent = keras.Input((model.latent.size,), name="latent")
    inputs, x = latent, _dense(latent, mlp.latent_units, start, "latent_branch")
    if classes is not None:
        inputs, one_hot = _with_label(latent, classes)
        y = _dense(one_hot, mlp.label_units, start, "label_branch")
        x = layers.Concatenate()([x, y])
    x = layers.Dropout(mlp.dropout, name="branch_dropout")(x)
    x = _dense(x, mlp.joint_units, start, "joint")
    x = layers.Dropout(mlp.dropout, name="joint_dropout")(x)
    x = layers.Dense(int(np.prod(shape)), kernel_initializer=start, name="pixels")(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(inputs, layers.Reshape(shape, dtype="float32")(x))


def build_maxout_discriminator(
    maxout, shape: tuple, classes: int | None
) -> keras.Model:
    """pictures, or [pictures, label] -> scores (batch,): Section 4.1.

    Args:
        maxout: units and pieces of the branch of the picture, of the branch of the
            class and of the layer that joins them, and the share that is dropped.
    """
    picture, start = keras.Input(shape, name="picture"), _within(maxout.weight_range)
    inputs, x = picture, layers.Flatten()(picture)
    x = layers.Dropout(maxout.input_dropout, name="pixel_dropout")(x)
    x = apply_maxout(x, *maxout.picture, "picture_branch", start)
    if classes is not None:
        inputs, one_hot = _with_label(picture, classes)
        y = apply_maxout(one_hot, *maxout.label, "label_branch", start)
        x = layers.Concatenate()([x, y])
    x = layers.Dropout(maxout.dropout, name="branch_dropout")(x)
    x = apply_maxout(x, *maxout.joint, "joint", start)
    x = layers.Dropout(maxout.dropout, name="joint_dropout")(x)
    x = layers.Dense(1, kernel_initializer=start, name="score")(x)
    return keras.Model(inputs, layers.Reshape((), dtype="float32")(x))


def _convolutions(recipe, labelled: Collection[str]) -> dict[str, keras.Model]:
    data, model = recipe.data, recipe.model
    if data.side % 4:
        raise UsageError(f"data.side: expected a multiple of 4, found {data.side}")
    shape = (data.side, data.side, data.channels)
    return {
        "generator": build_conv_generator(
            model, shape, model.classes if "generator" in labelled else None
        ),
        "discriminator": build_conv_discriminator(
            model, shape, model.classes if "discriminator" in labelled else None
        ),
    }


def build_conv_generator(model, shape: tuple, classes: int | None) -> keras.Model:
    """latent, or [latent, label] -> pictures in [0, 1].

    Newmu/dcgan_code, mnist/train_cond_dcgan.py: the class is laid beside the input of
    every layer, a vector beside vectors, constant maps beside maps. No biases; batch
    normalisation without scale and shift.

    Args:
        model: the recipe's section; `conv` has the units of the dense layer and the
            filters of the two maps that follow, smallest map first.
    """
    conv, side = model.conv, shape[0] // 4
    first, second = conv.filters
    latent = keras.Input((model.latent.size,), name="latent")
    inputs, beside = _beside_everything(latent, classes)
    x = _bare_dense(beside(latent), conv.units, "dense1")
    x = ops.relu(_norm(x, model, "norm1"))
    x = _bare_dense(beside(x), side * side * first, "dense2")
    x = ops.relu(_norm(x, model, "norm2"))
    x = layers.Reshape((side, side, first))(x)
    x = ops.relu(_norm(_enlarge(beside(x), second, "up1"), model, "norm3"))
    x = _enlarge(beside(x), shape[-1], "up2")
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x))


def build_conv_discriminator(model, shape: tuple, classes: int | None) -> keras.Model:
    """pictures, or [pictures, label] -> scores (batch,); see the generator."""
    conv = model.conv
    first, second = conv.filters
    picture = keras.Input(shape, name="picture")
    inputs, beside = _beside_everything(picture, classes)
    x = ops.leaky_relu(_shrink(beside(picture), second, "down1"), _SLOPE)
    x = _norm(_shrink(beside(x), first, "down2"), model, "norm1")
    x = layers.Flatten()(ops.leaky_relu(x, _SLOPE))
    x = _norm(_bare_dense(beside(x), conv.units, "dense1"), model, "norm2")
    x = ops.leaky_relu(x, _SLOPE)
    x = _bare_dense(beside(x), 1, "score")
    return keras.Model(inputs, layers.Reshape((), dtype="float32")(x))


def _points(recipe, labelled: Collection[str]) -> dict[str, keras.Model]:
    model = recipe.model

    def settings(player):
        classes = model.classes if player in labelled else None
        return PerceptronSettings(
            tuple(model.points.units), model.points.slope, classes
        )

    return {
        "generator": build_point_generator(settings("generator"), model.latent.size, 2),
        "discriminator": build_point_discriminator(settings("discriminator"), 2),
    }


def _with_label(given, classes: int):
    """[given, label], and the label as a one-hot vector."""
    label = keras.Input((), dtype="int32", name="label")
    return [given, label], ops.cast(ops.one_hot(label, classes), given.dtype)


def _beside_everything(given, classes: int | None):
    """The network's inputs, and a function that lays the class beside a tensor."""
    if classes is None:
        return given, lambda x: x
    inputs, one_hot = _with_label(given, classes)

    def beside(x):
        y = ops.cast(one_hot, x.dtype)
        if len(x.shape) == 4:
            maps = layers.Reshape((1, 1, classes))(y)
            y = maps * ops.ones_like(x[..., :1])
        return layers.Concatenate()([x, y])

    return inputs, beside


def _dense(x, units: int, start, name: str):
    return layers.Dense(units, "relu", kernel_initializer=start, name=name)(x)


def _bare_dense(x, units: int, name: str):
    return layers.Dense(units, use_bias=False, kernel_initializer=_normal(), name=name)(
        x
    )


def _enlarge(x, filters: int, name: str):
    """Twice the size; both sides are padded alike, as Theano does it."""
    x = layers.Conv2DTranspose(
        filters, 5, 2, use_bias=False, kernel_initializer=_normal(), name=name
    )(x)
    return layers.Cropping2D(((2, 1), (2, 1)), name=f"{name}_crop")(x)


def _shrink(x, filters: int, name: str):
    """Half the size; both sides are padded alike."""
    x = layers.ZeroPadding2D(2, name=f"{name}_padding")(x)
    return layers.Conv2D(
        filters, 5, 2, use_bias=False, kernel_initializer=_normal(), name=name
    )(x)


def _norm(x, model, name: str):
    return BatchNormalization(
        model.norm_momentum, model.norm_epsilon, center=False, scale=False, name=name
    )(x)


def _normal():
    return keras.initializers.RandomNormal(0.0, _DEVIATION)


def _within(bound: float):
    return keras.initializers.RandomUniform(-bound, bound)


_NETWORKS = {"maxout": _maxout, "conv": _convolutions, "points": _points}
