"""What style transfer minimises: features of one picture, statistics of another.

Gatys, Ecker, Bethge 2016 minimise it over the pixels of a picture, Johnson, Alahi,
Fei-Fei 2016 over the weights of a network that makes the picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from cai_keras.errors import choose
from cai_keras.losses.style import (
    CONVENTIONS,
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)
from cai_keras.networks.feature_networks import FeatureNetwork

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYERS = ("conv4_2",)


@dataclass(frozen=True)
class LayerTerm:
    """One of the objective's two terms over layers.

    Attributes:
        weight: factor of the term; 0 leaves it out.
        layers: of the feature network, as `conv4_2`.
        convention: one of `cai_keras.losses.style.CONVENTIONS`.
    """

    weight: float
    layers: tuple[str, ...]
    convention: str

    def __post_init__(self):
        choose("convention", self.convention, dict.fromkeys(CONVENTIONS))


@dataclass(frozen=True)
class ObjectiveSettings:
    """The terms of an objective; total variation is of squares.

    Attributes:
        content, style: see `LayerTerm`.
        total_variation: weight of the sum of squared differences between neighbours.
    """

    content: LayerTerm
    style: LayerTerm
    total_variation: float = 0.0


@dataclass(frozen=True)
class Targets:
    """What pictures are to have.

    Attributes:
        content: layer -> features (n, height, width, channels).
        style: layer -> Gram matrices (n, channels, channels).
    """

    content: Mapping[str, Any]
    style: Mapping[str, Any]

    def of(self, index) -> "Targets":
        """Those with some numbers: index int (batch,)."""
        return Targets(
            {
                name: ops.take(maps, index, axis=0)
                for name, maps in self.content.items()
            },
            {name: ops.take(gram, index, axis=0) for name, gram in self.style.items()},
        )


class PerceptualObjective:
    """Content, style and total variation under a feature network, for each picture.

    Pictures are float (batch, height, width, 3) in [0, 1] or beyond, red first.

    Args:
        network: frozen.
        settings: terms whose weight is 0 are not computed.
    Raises:
        UsageError: the network has no such layer; names the nearest.
    """

    def __init__(self, network: FeatureNetwork, settings: ObjectiveSettings):
        self.network = network
        self.settings = settings
        self.content_layers = _used(settings.content)
        self.style_layers = _used(settings.style)
        # A network that is asked for nothing would have no output.
        layers = {*self.content_layers, *self.style_layers}
        self._extract = network.extractor(sorted(layers)) if layers else lambda _: {}

    @property
    def weights(self) -> dict[str, float]:
        """Factor of each term of `terms`."""
        weights = {
            "content": self.settings.content.weight,
            "style": self.settings.style.weight,
            "total_variation": self.settings.total_variation,
        }
        return {name: weight for name, weight in weights.items() if weight}

    def features(self, pictures) -> Mapping[str, Any]:
        """Layer -> maps (batch, height, width, channels), for all terms together."""
        return self._extract(ops.convert_to_tensor(pictures, "float32"))

    def content_targets(self, pictures) -> dict[str, Any]:
        """Layer -> features of pictures (batch, height, width, 3)."""
        found = self.features(pictures)
        return {name: found[name] for name in self.content_layers}

    def style_targets(self, pictures) -> dict[str, Any]:
        """Layer -> Gram matrices (batch, channels, channels)."""
        found = self.features(pictures)
        return {name: gram_matrix(found[name]) for name in self.style_layers}

    def targets(self, content: np.ndarray, style: np.ndarray) -> Targets:
        """Of photographs and styles; each (height, width, 3) or a batch of them."""
        return Targets(
            self.content_targets(_batch_of(content)),
            self.style_targets(_batch_of(style)),
        )

    def terms(self, pictures, targets: Targets) -> dict[str, Any]:
        """Named losses, unweighted, float32 (batch,) each.

        content sums `content_loss` over its layers. style sums `style_loss`, each layer
        multiplied by its convention's own weight: 1/L of L layers for gatys (Section
        2.2), 1000/N^2 of N channels for gatys_code, 1 for johnson.
        """
        found = self.features(pictures)
        terms = {}
        if self.content_layers:
            convention = self.settings.content.convention
            terms["content"] = sum(
                content_loss(found[name], targets.content[name], convention)
                for name in self.content_layers
            )
        if self.style_layers:
            terms["style"] = sum(
                self.style_of_layer(name, gram_matrix(found[name]), targets.style[name])
                for name in self.style_layers
            )
        if "total_variation" in self.weights:
            terms["total_variation"] = total_variation(pictures)
        return terms

    def style_of_layer(self, name: str, gram, target):
        """A layer's part of the style term, (batch,)."""
        convention = self.settings.style.convention
        loss = style_loss(gram, target, convention)
        return self._layer_weight(gram.shape[-1]) * loss

    def total(self, terms: Mapping[str, Any]):
        """The weighted sum of `terms`."""
        return sum(self.weights[name] * value for name, value in terms.items())

    def _layer_weight(self, channels: int) -> float:
        return {
            "gatys": 1.0 / len(self.style_layers),
            "gatys_code": 1e3 / channels**2,
            "johnson": 1.0,
        }[self.settings.style.convention]


def _used(term: LayerTerm) -> Sequence[str]:
    return tuple(term.layers) if term.weight else ()


def _batch_of(pictures: np.ndarray) -> np.ndarray:
    return pictures if len(pictures.shape) == 4 else pictures[None]
