"""The feature network and the objective of a recipe's `model` section."""

from cai_keras.networks.feature_networks import FeatureNetwork, load_feature_network
from cai_keras.stylization.features import calibrated_features
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
)


def load_features(settings) -> FeatureNetwork:
    """The frozen network of a section `features`: spec, pooling, calibrated."""
    load = calibrated_features if settings.calibrated else load_feature_network
    return load(settings.spec, settings.pooling)


def make_objective(model) -> PerceptualObjective:
    """Of the sections `features` and `objective`: content, style, total_variation."""
    asked = model.objective
    settings = ObjectiveSettings(
        _term(asked.content), _term(asked.style), asked.total_variation
    )
    return PerceptualObjective(load_features(model.features), settings)


def _term(settings) -> LayerTerm:
    return LayerTerm(settings.weight, tuple(settings.layers), settings.convention)
