"""The paper's networks, and those that it is compared with."""

from dataclasses import dataclass

import keras

from cai_keras.errors import UsageError, choose
from cai_keras.networks.densenet import (
    IMAGENET_BLOCKS,
    DenseLayer,
    apply_dense_blocks,
    build_cifar_densenet,
)
from cai_keras.networks.pre_activation import (
    PreActivationBlock,
    build_cifar_pre_activation_resnet,
)
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.networks.resnet import apply_classifier, apply_imagenet_stem


@dataclass(frozen=True)
class ChainLayer(DenseLayer):
    """x -> H(x): a dense layer that hands on nothing of what it reads.

    In its blocks every layer reads the one before it and no other; `growth` is the
    number of channels of each.
    """

    def __call__(self, x, name: str):
        """Extends the graph by one layer."""
        return self.new_features(x, name)


def build_network(model, image_shape: tuple[int, int, int]) -> keras.Model:
    """The network of a recipe's `model` section.

    Args:
        image_shape: (height, width, channels).
    Returns:
        Keras model: float images give float32 logits (batch, num_classes).
    """
    return choose("model.network", model.network, NETWORKS)(model, image_shape)


def _dense(model, image_shape, kind=DenseLayer) -> keras.Model:
    layer = _layer(model, kind)
    _check_depth(model.depth, 3 if layer.bottleneck is None else 6, 4)
    return build_cifar_densenet(
        model.depth,
        layer,
        model.compression,
        model.first_filters,
        image_shape,
        model.num_classes,
    )


def _chain(model, image_shape) -> keras.Model:
    return _dense(model, image_shape, ChainLayer)


def _dense_imagenet(model, image_shape) -> keras.Model:
    """Table 1."""
    layer, blocks = _layer(model), model.blocks
    if blocks is None:
        blocks = choose("model.depth", str(model.depth), IMAGENET_DEPTHS)
    inputs = keras.Input(image_shape)
    first = model.first_filters or 2 * model.growth
    x = apply_imagenet_stem(inputs, layer.convolutions, first)
    x = apply_dense_blocks(x, blocks, layer, model.compression)
    return keras.Model(inputs, apply_classifier(x, model.num_classes))


def _residual(model, image_shape) -> keras.Model:
    _check_depth(model.depth, 6, 2)
    return build_cifar_pre_activation_resnet(
        model.depth,
        PreActivationBlock(_convolutions(model)),
        image_shape,
        model.num_classes,
        tuple(model.filters),
    )


def _layer(model, kind=DenseLayer) -> DenseLayer:
    return kind(_convolutions(model), model.growth, model.bottleneck, model.dropout)


def _convolutions(model) -> Convolutions:
    return Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)


def _check_depth(depth: int, layers: int, others: int) -> None:
    if depth <= others or (depth - others) % layers:
        raise UsageError(f"model.depth: expected {layers} n + {others}, found {depth}")


IMAGENET_DEPTHS = {str(depth): blocks for depth, (blocks, _) in IMAGENET_BLOCKS.items()}
# Those whose layers read all earlier layers of their block.
DENSE_NETWORKS = {"dense": _dense, "dense_imagenet": _dense_imagenet}
NETWORKS = {**DENSE_NETWORKS, "chain": _chain, "residual": _residual}
