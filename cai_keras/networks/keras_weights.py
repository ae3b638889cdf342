"""Weights of keras.applications in our networks, found by the names of the layers."""

import math
import re
from collections.abc import Callable

import keras

_FIXED = {"conv1_conv": "stem_conv", "conv1_bn": "stem_norm", "predictions": "logits"}
_KINDS = {"conv": "conv", "bn": "norm"}


def copy_keras_weights(
    source: keras.Model, target: keras.Model, name_of: Callable[[str], str]
) -> None:
    """Gives `target` the weights of a network of keras.applications.

    A convolution's bias that ours lacks goes into the moving mean of the normalisation
    after it: BN(x + b) with mean m is BN(x) with mean m - b.

    Args:
        source: with its classifier, as `keras.applications.ResNet50()`. Its inputs are
            prepared as its `preprocess_input` says; its outputs are probabilities.
        target: our network of the same kind; its outputs are logits.
        name_of: one of the functions below.
    Raises:
        ValueError: a layer is missing or has other shapes; nothing is changed then.
    """
    found = {
        name_of(layer.name): layer.get_weights()
        for layer in source.layers
        if layer.weights
    }
    wanted = {layer.name: layer for layer in target.layers if layer.weights}
    if found.keys() != wanted.keys():
        different = sorted(found.keys() ^ wanted.keys())
        raise ValueError(f"layers that only one network has: {', '.join(different)}")
    for name, layer in wanted.items():
        if len(found[name]) == len(layer.weights) + 1:  # a bias that ours lacks
            *found[name], bias = found[name]
            norm = found[_norm_after(name)]
            norm[2] = norm[2] - bias  # gamma, beta, moving mean, moving variance
    shapes = {
        name: ([x.shape for x in found[name]], [tuple(x.shape) for x in layer.weights])
        for name, layer in wanted.items()
    }
    unlike = [name for name, (theirs, ours) in shapes.items() if theirs != ours]
    if unlike:
        theirs, ours = shapes[unlike[0]]
        raise ValueError(f"layer {unlike[0]}: expected shapes {ours}, found {theirs}")
    for name, layer in wanted.items():
        layer.set_weights(found[name])


def copy_vgg_to_front_end(source: keras.Model, target: keras.Model) -> None:
    """Gives VGG's weights to the front end of a network for dense prediction.

    The two hidden dense layers become convolutions that compute the same numbers
    (Long et al. 2015, arXiv:1411.4038, Section 3.1): the first sees maps of 7x7. The
    classifier `logits` stays as it is.

    Args:
        source: keras.applications.VGG16 or VGG19, with its dense layers.
        target: `dilated_context.build_front_end`.
    Raises:
        ValueError: a layer is missing or has another number of weights; nothing is
            changed then.
    """
    found = {
        vgg_name(layer.name): layer.get_weights()
        for layer in source.layers
        if layer.weights
    }
    wanted = [x for x in target.layers if x.weights and x.name != "logits"]
    new = []
    for layer in wanted:
        theirs = [weight.size for weight in found.get(layer.name, ())]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        ours = [math.prod(shape) for shape in shapes]
        if theirs != ours:
            raise ValueError(
                f"layer {layer.name}: expected {ours} weights, found {theirs}"
            )
        pairs = zip(found[layer.name], shapes, strict=True)
        new.append([weight.reshape(shape) for weight, shape in pairs])
    for layer, weights in zip(wanted, new, strict=True):
        layer.set_weights(weights)


def resnet_name(name: str) -> str:
    """Of a layer of keras.applications.ResNet50, 101 or 152."""
    match = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not match:
        return _FIXED[name]
    block = f"stage{int(match[1]) - 1}_block{match[2]}"
    if match[3] == "0":
        return f"{block}_projection" + ("_norm" if match[4] == "bn" else "")
    return f"{block}_{_KINDS[match[4]]}{match[3]}"


def densenet_name(name: str) -> str:
    """Of a layer of keras.applications.DenseNet121, 169 or 201."""
    if name == "bn":
        return "last_norm"
    if match := re.fullmatch(r"pool(\d)_(conv|bn)", name):
        return f"transition{int(match[1]) - 1}_{_KINDS[match[2]]}"
    match = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not match:
        return _FIXED[name]
    kind = _KINDS[match[4]]
    # They count normalisations from 0 and convolutions from 1.
    number = int(match[3]) + (kind == "norm")
    return f"block{int(match[1]) - 1}_layer{match[2]}_{kind}{number}"


def vgg_name(name: str) -> str:
    """Of a layer of keras.applications.VGG16 or VGG19."""
    return _FIXED.get(name, name.replace("fc", "hidden"))


def _norm_after(convolution: str) -> str:
    if convolution.endswith("projection"):
        return f"{convolution}_norm"
    return convolution.replace("_conv", "_norm")
