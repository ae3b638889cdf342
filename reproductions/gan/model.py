"""The paper's two perceptrons, DCGAN in its published forms, and nets for points."""

from dataclasses import replace

import keras
import numpy as np
from keras import layers

from cai_keras.errors import UsageError, choose
from cai_keras.networks.dcgan import (
    FORMS,
    DcganForm,
    build_dcgan_discriminator,
    build_dcgan_generator,
)
from cai_keras.networks.maxout import apply_maxout
from cai_keras.networks.perceptrons import (
    PerceptronSettings,
    build_point_discriminator,
    build_point_generator,
)


def build_networks(recipe) -> dict[str, keras.Model]:
    """{"generator", "discriminator"} of a recipe's section `model`."""
    return choose("model.network", recipe.model.network, _NETWORKS)(recipe)


def _maxout(recipe) -> dict[str, keras.Model]:
    model, data = recipe.model, recipe.data
    shape = (data.side, data.side, data.channels)
    return {
        "generator": build_mlp_generator(model.mlp, model.latent.size, shape),
        "discriminator": build_maxout_discriminator(model.maxout, shape),
    }


def build_mlp_generator(mlp, latent_size: int, shape: tuple) -> keras.Model:
    """Latent vectors -> pictures in [0, 1]: mnist.yaml of goodfeli/adversarial.

    Args:
        mlp: units of the hidden layers, with ReLU; weights start in +-`weight_range`.
    """
    latent = keras.Input((latent_size,), name="latent")
    x = latent
    for number, units in enumerate(mlp.units, start=1):
        x = layers.Dense(
            units, "relu", kernel_initializer=_within(mlp.weight_range),
            name=f"hidden{number}",
        )(x)  # fmt: skip
    x = layers.Dense(
        int(np.prod(shape)), kernel_initializer=_within(mlp.weight_range), name="pixels"
    )(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(latent, layers.Reshape(shape, dtype="float32")(x))


def set_pixel_marginals(
    generator: keras.Model, pictures: np.ndarray, least: float
) -> None:
    """The generator's last bias becomes the logit of each pixel's mean.

    Args:
        generator: of `build_mlp_generator`.
        pictures: uint8, of the training split.
        least: means are kept so far from 0 and 1, whose logits are infinite.
    """
    mean = pictures.mean(axis=0, dtype=np.float64).ravel() / 255
    mean = np.clip(mean, least, 1 - least)
    generator.get_layer("pixels").bias.assign(np.log(mean / (1 - mean)))


def build_maxout_discriminator(maxout, shape: tuple) -> keras.Model:
    """Pictures -> scores (batch,): two layers of maxout units, dropout before each.

    Args:
        maxout: units, pieces, weight_range, and the shares of pixels and of units
            that are dropped.
    """
    picture = keras.Input(shape, name="picture")
    x = layers.Flatten()(picture)
    x = layers.Dropout(maxout.input_dropout, name="pixel_dropout")(x)
    start = _within(maxout.weight_range)
    for number, units in enumerate(maxout.units, start=1):
        x = apply_maxout(x, units, maxout.pieces, f"maxout{number}", start)
        x = layers.Dropout(maxout.dropout, name=f"dropout{number}")(x)
    x = layers.Dense(1, kernel_initializer=start, name="score")(x)
    return keras.Model(picture, layers.Reshape((), dtype="float32")(x))


def _dcgan(recipe) -> dict[str, keras.Model]:
    model, data = recipe.model, recipe.data
    form = form_of(model.dcgan, data.channels)
    if form.side != data.side:
        raise UsageError(
            f"data.side: this form of DCGAN makes pictures of {form.side} x "
            f"{form.side}, expected that, found {data.side}"
        )
    moving = {"momentum": model.norm_momentum, "epsilon": model.norm_epsilon}
    return {
        "generator": build_dcgan_generator(form, model.latent.size, **moving),
        "discriminator": build_dcgan_discriminator(form, **moving),
    }


def form_of(dcgan, channels: int) -> DcganForm:
    """A published form, made smaller.

    Args:
        dcgan: its name, the divisor of its filters, how many of its convolutions are
            kept (the generator's last, the discriminator's first; null: all), and the
            side of its first map.
    """
    form = choose("model.dcgan.form", dcgan.form, FORMS)
    levels = dcgan.levels or len(form.filters)
    if not 1 <= levels <= len(form.filters):
        raise UsageError(
            f"model.dcgan.levels: expected 1 to {len(form.filters)}, found {levels}"
        )
    kept = min(levels, len(form.discriminator_filters))

    def narrow(filters):
        return tuple(max(1, count // dcgan.divisor) for count in filters)

    return replace(
        form,
        filters=narrow(form.filters[-levels:]),
        strides=form.strides[-levels:],
        first_side=dcgan.first_side,
        discriminator_filters=narrow(form.discriminator_filters[:kept]),
        discriminator_strides=form.discriminator_strides[:kept],
        channels=channels,
    )


def _points(recipe) -> dict[str, keras.Model]:
    settings = _settings(recipe.model.points)
    return {
        "generator": build_point_generator(settings, recipe.model.latent.size, 2),
        "discriminator": build_point_discriminator(settings, 2),
    }


def _density(recipe) -> dict[str, keras.Model]:
    """A generator that cannot learn: a normal number, moved and scaled."""
    normal = recipe.data.densities.generated
    latent = keras.Input((1,), name="latent")
    generated = layers.Rescaling(normal.deviation, normal.mean)(latent)
    return {
        "generator": keras.Model(latent, generated),
        "discriminator": build_point_discriminator(_settings(recipe.model.points), 1),
    }


def _settings(points) -> PerceptronSettings:
    return PerceptronSettings(tuple(points.units), points.slope)


def _within(bound: float):
    return keras.initializers.RandomUniform(-bound, bound)


_NETWORKS = {
    "maxout": _maxout,
    "dcgan": _dcgan,
    "points": _points,
    "density": _density,
}
