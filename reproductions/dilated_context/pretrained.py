"""What the front end starts from: VGG-16 as it was trained on ImageNet."""

import keras

from cai_keras.errors import UsageError, choose
from cai_keras.networks.keras_weights import copy_vgg_to_front_end


def start_from(front_end: keras.Model, model) -> None:
    """Sets the weights that a recipe starts from; ImageNet's are downloaded once.

    Args:
        model: the recipe's section; `start_from` is `imagenet` or `scratch`.
    Raises:
        UsageError: another start, or a front end that is no VGG-16.
    """
    start = choose("model.start_from", model.start_from, _STARTS)
    if start is not None and model.front_end != "vgg16":
        raise UsageError(
            f"model.start_from: {model.start_from} has no weights for "
            f"{model.front_end}; expected scratch"
        )
    if start is not None:
        copy_vgg_to_front_end(start(), front_end)


def _imagenet() -> keras.Model:
    return keras.applications.VGG16(weights="imagenet")


_STARTS = {"imagenet": _imagenet, "scratch": None}
