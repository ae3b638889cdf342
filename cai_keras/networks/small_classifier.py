"""A small classifier whose opinion of generated pictures is asked: the judge.

Four 3x3 convolutions with batch normalisation and ReLU (32, 64, 128, 128 filters), a
maximum that halves after the first, the second and the fourth; then a dense layer of
64 with ReLU, the features; then the logits. 28 x 28 pixels end as 3 x 3, 32 x 32 as
4 x 4. It has 64 features because a Frechet distance of few examples is biased by about
the square of the width: 2,000 examples are enough for 64, not for 2,048.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
from keras import layers

from cai_keras.errors import DataError
from cai_keras.networks.folding import folded_batch_norm
from cai_keras.networks.vgg import apply_vgg_blocks
from cai_keras.networks.weight_file import digest, read_weight_file, weight_bytes

FEATURES = 64
# Convolutions of each block, and their filters.
_BLOCKS = (1, 1, 2)
_FILTERS = (32, 64, 128)
# A network of a few minutes' training: averages over 0.99 would lag behind.
_NORM = partial(layers.BatchNormalization, momentum=0.9)


def build_small_classifier(
    image_shape: tuple[int, int, int], classes: int, dropout: float = 0.0
) -> keras.Model:
    """A classifier to be trained: float images in [0, 1] -> logits (batch, classes).

    Args:
        image_shape: (height, width, channels), such as (28, 28, 1) or (32, 32, 3); 8
            pixels or more on a side.
        dropout: rate before the layer of features, named `features`.
    Raises:
        ValueError: smaller images.
    """
    return _build(image_shape, classes, _NORM, dropout)


def save_small_classifier(
    network: keras.Model,
    path: Path,
    about: Mapping[str, Any],
    precision: str = "half",
) -> str:
    """Writes weights to `path` (.npz) and what they are to the .json beside it.

    Normalisations go into the convolutions: the file is of the network in testing.

    Args:
        network: of `build_small_classifier`, trained.
        about: what else the JSON file says: data, test error, how it was trained.
        precision: half or single.
    Returns:
        the SHA-256 of the weights, 64 hexadecimal digits.
    Raises:
        ValueError: another suffix or precision, or a weight is beyond half precision.
    """
    if path.suffix != ".npz":
        raise ValueError(f"path: expected a name with .npz, received {path.name}")
    content = weight_bytes(folded_batch_norm(network), precision)
    found = digest(content)
    classes = network.output_shape[-1]
    described = {
        **about,
        "sha256": found,
        "network": {
            "kind": "small_classifier",
            "image_shape": list(network.input_shape[1:]),
            "classes": classes,
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    text = json.dumps(described, indent=1) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")
    return found


def load_small_classifier(path: Path) -> tuple[keras.Model, dict[str, Any]]:
    """The frozen network of a file, without normalisations, and its JSON.

    Returns:
        images -> {"features": (batch, 64), "logits": (batch, classes)}, and `about`
        with the keys `sha256` and `network` added.
    Raises:
        DataError: files are missing or damaged, or not of this network.
    """
    weights, about = read_weight_file(path)
    try:
        described = about["network"]
        if described["kind"] != "small_classifier":
            raise ValueError(f"a network of the kind {described['kind']!r}")
        image_shape, classes = tuple(described["image_shape"]), described["classes"]
        network = _build(image_shape, classes, None, 0.0)
        for layer in network.layers:
            if layer.weights:
                layer.set_weights(weights[layer.name])
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: not a small classifier: {reason}") from error
    outputs = {name: network.get_layer(name).output for name in ("features", "logits")}
    network = keras.Model(network.input, outputs)
    network.trainable = False
    return network, about


def _build(image_shape, classes: int, norm, dropout: float) -> keras.Model:
    if min(image_shape[:2]) < 2 ** len(_BLOCKS):
        raise ValueError(
            f"image_shape: expected {2 ** len(_BLOCKS)} pixels or more on a side, "
            f"received {image_shape}"
        )
    images = keras.Input(image_shape, name="images")
    x = layers.Flatten()(apply_vgg_blocks(images, _BLOCKS, _FILTERS, norm=norm))
    x = layers.Dropout(dropout)(x) if dropout else x
    features = layers.Dense(FEATURES, activation="relu", name="features")(x)
    # Logits in float32 also in mixed precision: a softmax over them follows.
    logits = layers.Dense(classes, dtype="float32", name="logits")(features)
    return keras.Model(images, logits)
