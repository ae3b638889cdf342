"""The paper's networks, and plain ones: the same layers without shortcuts."""

import sys

import keras

from cai_keras.errors import UsageError, choose
from cai_keras.networks.residual_blocks import BasicBlock, Bottleneck, Convolutions
from cai_keras.networks.resnet import (
    IMAGENET_STAGES,
    apply_cifar_stem,
    apply_classifier,
    apply_imagenet_stem,
    apply_stages,
)


def build_network(model, image_shape: tuple[int, int, int]) -> keras.Model:
    """The network of a recipe's `model` section.

    Args:
        image_shape: (height, width, channels).
    Returns:
        Keras model: float images give float32 logits (batch, num_classes).
    """
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    block = choose("model.block", model.block, BLOCKS)(make, model)
    # Keras walks a graph recursively, also when it saves or copies it: with 1,202
    # layers Python's limit of 1,000 calls is too low.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 40 * model.depth))
    inputs = keras.Input(image_shape, name="image")
    x = choose("model.network", model.network, TRUNKS)(inputs, make, model, block)
    return keras.Model(inputs, apply_classifier(x, model.num_classes))


def _basic(make: Convolutions, model) -> BasicBlock:
    return BasicBlock(make, model.shortcut)


def _bottleneck(make: Convolutions, model) -> Bottleneck:
    if model.shortcut != "project":
        raise UsageError(
            "model.shortcut: bottleneck blocks have project, as in the paper's "
            f"Table 4; found {model.shortcut!r}"
        )
    return Bottleneck(make, stride_at=model.stride_at)


BLOCKS = {"basic": _basic, "bottleneck": _bottleneck}


def _cifar(x, make: Convolutions, model, block):
    """6 n + 2 layers: Section 4.2."""
    count, rest = divmod(model.depth - 2, 6)
    if count < 1 or rest:
        raise UsageError(f"model.depth: expected 6 n + 2, found {model.depth}")
    x = apply_cifar_stem(x, make, model.filters[0])
    return apply_stages(x, (count,) * len(model.filters), model.filters, block)


def _imagenet(x, make: Convolutions, model, block):
    """Table 1; `filters` are those of the blocks' outputs."""
    stages = choose("model.depth", str(model.depth), IMAGENET_DEPTHS)
    stem = model.filters[0] // (4 if model.block == "bottleneck" else 1)
    x = apply_imagenet_stem(x, make, stem)
    blocks = [max(1, round(count / model.blocks_divisor)) for count in stages]
    return apply_stages(x, blocks, model.filters, block)


IMAGENET_DEPTHS = {str(depth): stages for depth, stages in IMAGENET_STAGES.items()}
TRUNKS = {"cifar": _cifar, "imagenet": _imagenet}
