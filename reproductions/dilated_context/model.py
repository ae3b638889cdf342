"""The front end, which sees a little, and the context module, which sees far."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from cai_keras.errors import UsageError, choose
from cai_keras.layers.bilinear_deconvolution import BilinearDeconvolution
from cai_keras.networks.dilated_context import (
    ContextIdentity,
    build_context,
    build_dense_prediction,
    build_front_end,
)


@dataclass(frozen=True)
class FrontEnd:
    """A network of unpadded convolutions from an image to maps of classes.

    Attributes:
        build: (the recipe's model section, number of classes) -> network.
        margin: pixels that it cuts off on each side.
        stride: pixels between neighbouring positions of its maps.
    """

    build: Callable[..., keras.Model]
    margin: int
    stride: int


@dataclass(frozen=True)
class Networks:
    """Both networks of a variant, and where their maps lie in the image.

    Attributes:
        context: None for the front end alone.
        upsampling: factor of the fixed deconvolution behind them; 1 is none.
        margin: pixels that an input has around what is predicted.
        stride: pixels between neighbouring predictions.
    """

    front_end: keras.Model
    context: keras.Model | None
    upsampling: int
    margin: int
    stride: int

    @property
    def by_name(self) -> dict[str, keras.Model]:
        parts = {"front_end": self.front_end, "context": self.context}
        return {name: part for name, part in parts.items() if part is not None}

    def logits(self, *names: str) -> keras.Model:
        """Some of the parts one behind the other, with what enlarges their maps."""
        parts = [self.by_name[name] for name in names]
        return build_dense_prediction(parts, self.upsampling)

    def both_logits(self) -> keras.Model:
        """Logits of the front end, and beside them those of the whole network: 2 C.

        Without a context module twice the same. The front end is computed once.
        """
        inputs = keras.Input(self.front_end.input_shape[1:])
        maps = self.front_end(inputs)
        found = [maps, maps if self.context is None else self.context(maps)]
        if self.upsampling > 1:
            enlarge = BilinearDeconvolution(self.upsampling, dtype="float32")
            found = [enlarge(x) for x in found]
        found = [ops.cast(x, "float32") for x in found]
        return keras.Model(inputs, ops.concatenate(found, axis=-1))


def build_networks(recipe) -> Networks:
    """The networks of a recipe, with random weights and the start of its context."""
    model, classes = recipe.model, recipe.data.num_classes
    kind = choose("model.front_end", model.front_end, FRONT_ENDS)
    front_end = kind.build(model, classes)
    context = None
    if model.context is not None:
        settings = model.context
        make = choose("model.context.initializer", settings.initializer, INITIALIZERS)
        context = build_context(
            classes,
            settings.dilations,
            settings.multiples,
            lambda: make(classes, settings.noise),
        )
    if model.upsampling not in (1, kind.stride):
        raise UsageError(
            f"model.upsampling: {model.upsampling}; expected 1, or the stride of "
            f"{model.front_end}, {kind.stride}"
        )
    stride = kind.stride // model.upsampling
    return Networks(front_end, context, model.upsampling, kind.margin, stride)


def _vgg16(model, classes: int) -> keras.Model:
    return build_front_end(classes)


def _three_convolutions(model, classes: int) -> keras.Model:
    """Ours for small images: it sees 7 x 7 pixels."""
    inputs = x = keras.Input((None, None, 3))
    for number, filters in enumerate(model.filters, start=1):
        x = layers.Conv2D(
            filters, 3, activation="relu", kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)  # fmt: skip
    logits = layers.Conv2D(classes, 3, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits)


FRONT_ENDS = {
    "vgg16": FrontEnd(_vgg16, margin=186, stride=8),
    "three_convolutions": FrontEnd(_three_convolutions, margin=3, stride=1),
}
# How a layer of the context module starts: (classes, noise) -> an initializer.
INITIALIZERS = {
    "identity": lambda classes, noise: ContextIdentity(classes, noise, relative=True),
    "glorot_uniform": lambda classes, noise: keras.initializers.GlorotUniform(),
    "he_normal": lambda classes, noise: keras.initializers.HeNormal(),
}
