"""From a trained run to the file of weights that feature networks are loaded from."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from cai_keras.data.image_task import NORMALISATIONS, channel_moments, read_in_memory
from cai_keras.errors import UsageError
from cai_keras.networks.feature_networks import build_trunk
from cai_keras.networks.folding import folded_batch_norm, give_unit_mean_activations
from cai_keras.networks.weight_file import digest, weight_bytes
from cai_keras.training.classifier import count_errors

from .model import build_network

# Filters are scaled by what they do on so many training images.
CALIBRATION_IMAGES = 1000


@dataclass(frozen=True)
class Exported:
    """A network without normalisation, in half precision.

    Attributes:
        content: of the `.npz`.
        about: of the `.json` beside it.
        error_percent: top-1 on the test images, as computed from `content`.
    """

    content: bytes
    about: dict
    error_percent: float


def export_network(recipe, weights: Path) -> Exported:
    """Folds, scales, halves and tests a trained classifier.

    Batch normalisation goes into the convolutions, every filter gets a mean activation
    of 1 on training images, weights get half precision; then the network that the file
    holds is tested.

    Args:
        recipe: of the run.
        weights: `classifier.keras` of the run.
    Raises:
        UsageError: the run normalised its images in another way than by the channels'
            moments, which is what the file can say, or they have no three channels.
    """
    if recipe.data.in_memory.normalisation != "channel_moments":
        raise UsageError(
            "data.in_memory.normalisation: expected channel_moments, found "
            f"{recipe.data.in_memory.normalisation!r}"
        )
    found = read_in_memory(recipe.data)
    shape = found.train.images.shape[1:]
    if shape[-1] != 3:
        raise UsageError(f"expected images with 3 channels, found {shape[-1]}")
    normalise = NORMALISATIONS["channel_moments"](found.train)
    mean, deviation = channel_moments(found.train)
    classifier = build_network(recipe.model, shape)
    classifier.load_weights(weights)
    network = _without_norms(recipe.model)
    _assign(network, folded_batch_norm(classifier))
    sample = found.train.first(CALIBRATION_IMAGES)
    give_unit_mean_activations(network, normalise(sample.pixels))
    content = weight_bytes(
        {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    )
    _halve(network)
    test = [(normalise(found.test.pixels), found.test.labels)]
    counts = count_errors(network, test, recipe.evaluate.batch_size)
    error = counts.error_percent()
    about = {
        "sha256": digest(content),
        "network": {
            "blocks": list(recipe.model.blocks),
            "filters": list(recipe.model.filters),
            "kernel_size": recipe.model.kernel_size,
            "num_classes": recipe.model.num_classes,
            "parameters": network.count_params(),
        },
        "image": {
            "mean": [round(float(value), 6) for value in mean],
            "deviation": [round(float(value), 6) for value in deviation],
        },
        "data": {"name": found.info.name, "version": found.info.version},
        "test": {"top1_error_percent": error.value, "images": error.count},
    }
    return Exported(content, about, error.value)


def _without_norms(model) -> keras.Model:
    trunk = build_trunk(model.blocks, model.filters, kernel_size=model.kernel_size)
    x = layers.GlobalAveragePooling2D()(trunk.output)
    logits = layers.Dense(model.num_classes, name="logits")(x)
    return keras.Model(trunk.input, logits)


def _assign(network: keras.Model, weights) -> None:
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])


def _halve(network: keras.Model) -> None:
    for layer in network.layers:
        halves = [weight.astype(np.float16) for weight in layer.get_weights()]
        layer.set_weights([half.astype(np.float32) for half in halves])
