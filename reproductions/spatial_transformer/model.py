"""Localisation networks, classifiers of a given size, and how they are connected."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import keras
from keras import layers

from cai_keras.errors import UsageError, choose
from cai_keras.layers.spatial_transformer import (
    SpatialTransformer,
    identity_parameters,
)

_WIDEST = 1 << 14


def build_networks(shape: tuple[int, int, int], num_classes: int, model) -> dict:
    """The networks of a recipe's `model` section, by name.

    A localisation network for each transformer (`localisation1`, ... where there are
    several), and `classifier`. Its width, if not given, is the largest with which all
    of them together have at most `model.parameters` for its kind.

    Args:
        shape: (height, width, channels) of the images.
    Raises:
        UsageError: no width is small enough.
    """
    found = {}
    for number, transform in enumerate(model.transforms, start=1):
        name = "localisation" + (str(number) if len(model.transforms) > 1 else "")
        found[name] = build_localisation(shape, transform, model, name)
    seen = (*shape[:2], shape[2] * max(len(model.transforms), 1))
    count, build = choose("model.classifier", model.classifier, CLASSIFIERS)
    width = model.width
    if width is None:
        budget = getattr(model.parameters, model.classifier)
        left = budget - sum(network.count_params() for network in found.values())

        def size(width):
            return count(width, seen, num_classes, model.kernels)

        width = bisect_right(range(1, _WIDEST), left, key=size)
        if width == 0:
            raise UsageError(
                f"model.parameters: {budget} are too few for images of shape {shape}"
            )
    return {**found, "classifier": build(width, seen, num_classes, model.kernels)}


def build_localisation(
    shape, transform: str, model, name="localisation"
) -> keras.Model:
    """image -> theta, the identity before training: float32 (batch, parameters)."""
    image = keras.Input(shape, name="image")
    apply = choose("model.localisation", model.localisation, LOCALISATIONS)
    identity = identity_parameters(transform)
    theta = layers.Dense(
        len(identity),
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(identity.tolist()),
        # float16 would move points by hundredths of pixels.
        dtype="float32",
        name="theta",
    )(apply(image, model))
    return keras.Model(image, theta, name=name)


def apply_dense_localisation(image, model):
    """Hidden layers of `localisation_units` on the pixels."""
    x = layers.Flatten(name="pixels")(image)
    for number, units in enumerate(model.localisation_units, start=1):
        x = layers.Dense(units, activation="relu", name=f"hidden{number}")(x)
    return x


def apply_convolutional_localisation(image, model):
    """pool - conv - pool - conv - dense, as in the demo of Torch's stnbhwd."""
    x = image
    for number, filters in enumerate(model.localisation_filters, start=1):
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
        x = layers.Conv2D(filters, 5, activation="relu", name=f"conv{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    return layers.Dense(
        model.localisation_features, activation="relu", name="features"
    )(x)


LOCALISATIONS = {
    "fcn": apply_dense_localisation,
    "cnn": apply_convolutional_localisation,
}


def count_fcn(width: int, shape, num_classes: int, kernels) -> int:
    """Parameters of `build_fcn`."""
    return (prod(shape) + 1) * width + (width + 1) * width + (width + 1) * num_classes


def build_fcn(width: int, shape, num_classes: int, kernels) -> keras.Model:
    """image -> logits: two hidden layers of `width` units."""
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="pixels")(image)
    x = layers.Dense(width, activation="relu", name="hidden1")(x)
    x = layers.Dense(width, activation="relu", name="hidden2")(x)
    return keras.Model(image, _logits(x, num_classes), name="classifier")


def count_cnn(filters: int, shape, num_classes: int, kernels) -> int:
    """Parameters of `build_cnn`."""
    height, width, channels = shape
    total = 0
    for kernel in kernels:
        total += (kernel * kernel * channels + 1) * filters
        height, width = (height - kernel + 1) // 2, (width - kernel + 1) // 2
        channels = filters
    return total + (height * width * filters + 1) * num_classes


def build_cnn(filters: int, shape, num_classes: int, kernels) -> keras.Model:
    """image -> logits: conv - relu - pool for each kernel, then one dense layer."""
    image = x = keras.Input(shape, name="image")
    for number, kernel in enumerate(kernels, start=1):
        x = layers.Conv2D(filters, kernel, activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(image, _logits(x, num_classes), name="classifier")


def _logits(x, num_classes: int):
    return layers.Dense(num_classes, dtype="float32", name="logits")(x)


CLASSIFIERS = {"fcn": (count_fcn, build_fcn), "cnn": (count_cnn, build_cnn)}


@dataclass(frozen=True)
class Transformer:
    """A localisation network with its grid and sampler, as models of the image alone.

    Attributes:
        theta: image -> parameters of the transformation.
        view: image -> what the transformer hands on.
        layer: grid and sampler.
    """

    theta: keras.Model
    view: keras.Model
    layer: SpatialTransformer


def connect_transformer(
    localisation: keras.Model, transform: str, side: int | None = None
) -> Transformer:
    """A spatial transformer on the image.

    Args:
        side: of the output; that of the image if None.
    """
    image = keras.Input(localisation.input_shape[1:], name="image")
    theta = localisation(image)
    size = None if side is None else (side, side)
    layer = SpatialTransformer(transform, output_size=size, name="transformer")
    view = layer((image, theta))
    return Transformer(keras.Model(image, theta), keras.Model(image, view), layer)


def connect(
    networks: Mapping[str, keras.Model], transforms: Sequence[str]
) -> tuple[keras.Model, tuple[Transformer, ...]]:
    """image -> logits, and the transformers: side by side, their outputs stacked.

    The models share the weights of `networks`, which are as `build_networks` gives
    them.
    """
    *localisations, classifier = networks.values()
    transformers = tuple(
        connect_transformer(localisation, transform)
        for localisation, transform in zip(localisations, transforms, strict=True)
    )
    if not transformers:
        return classifier, ()
    image = keras.Input(localisations[0].input_shape[1:], name="image")
    views = [transformer.view(image) for transformer in transformers]
    seen = views[0] if len(views) == 1 else keras.ops.concatenate(views, axis=-1)
    return keras.Model(image, classifier(seen)), transformers


def connect_features(classifier: keras.Model) -> keras.Model:
    """image -> the pooled layers of a convolutional classifier, side by side."""
    pooled = [
        layers.Flatten()(layer.output)
        for layer in classifier.layers
        if isinstance(layer, layers.MaxPooling2D)
    ]
    return keras.Model(classifier.input, keras.ops.concatenate(pooled, axis=-1))
