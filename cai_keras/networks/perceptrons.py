"""Small perceptrons for points, with or without a class: generators and discriminators.

Hidden layers are dense with leaky ReLU, weights start as He et al. 2015
(arXiv:1502.01852) propose for ReLU. A class enters as a one-hot vector beside the input
(Mirza and Osindero 2014, arXiv:1411.1784).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

_START = "he_normal"


@dataclass(frozen=True)
class PerceptronSettings:
    """What both players have in common.

    Attributes:
        units: of the hidden layers.
        slope: of the leaky ReLU; 0 is ReLU.
        classes: of labels; None: the network takes none.
    """

    units: Sequence[int]
    slope: float
    classes: int | None = None


def build_point_generator(
    settings: PerceptronSettings, latent_size: int, outputs: int
) -> keras.Model:
    """latent (batch, latent_size), or [latent, label] -> points (batch, outputs)."""
    inputs, x = _with_label(keras.Input((latent_size,), name="latent"), settings)
    x = _hidden(x, settings)
    x = layers.Dense(outputs, kernel_initializer=_START, dtype="float32", name="point")(
        x
    )
    return keras.Model(inputs, x)


def build_point_discriminator(
    settings: PerceptronSettings, inputs_size: int
) -> keras.Model:
    """points (batch, inputs_size), or [points, label] -> unbounded scores (batch,)."""
    inputs, x = _with_label(keras.Input((inputs_size,), name="point"), settings)
    x = _hidden(x, settings)
    x = layers.Dense(1, kernel_initializer=_START, name="score")(x)
    return keras.Model(inputs, layers.Reshape((), dtype="float32")(x))


def _with_label(x, settings: PerceptronSettings):
    """The network's inputs, and its first tensor."""
    if settings.classes is None:
        return x, x
    label = keras.Input((), dtype="int32", name="label")
    one_hot = ops.cast(ops.one_hot(label, settings.classes), x.dtype)
    return [x, label], layers.Concatenate()([x, one_hot])


def _hidden(x, settings: PerceptronSettings):
    for number, units in enumerate(settings.units, start=1):
        x = layers.Dense(units, kernel_initializer=_START, name=f"hidden{number}")(x)
        x = ops.leaky_relu(x, settings.slope)
    return x
