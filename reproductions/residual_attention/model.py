"""The networks of this paper's variants, from a recipe's `model` section."""

import keras

from cai_keras.errors import choose
from cai_keras.networks.pre_activation import PreActivationBottleneck
from cai_keras.networks.residual_attention import (
    AttentionModule,
    Stage,
    build_cifar_network,
    build_imagenet_attention,
    cifar_stages,
    resnext_unit,
)
from cai_keras.networks.residual_blocks import Convolutions

UNITS = {"pre_activation": PreActivationBottleneck, "resnext": resnext_unit}


def build_network(model, image_shape: tuple[int, int, int]) -> keras.Model:
    """Images (height, width, channels) -> logits."""
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    module = AttentionModule(
        make,
        choose("model.unit", model.unit, UNITS)(make),
        p=model.p,
        t=model.t,
        r=model.r,
        activation=model.activation,
        gate=model.gate,
        mask_branch=model.mask_branch,
    )
    return choose("model.network", model.network, NETWORKS)(model, module, image_shape)


def _attention(model, module: AttentionModule, image_shape) -> keras.Model:
    stages = cifar_stages(
        model.modules, model.filters, model.num_pools, model.extra_units
    )
    return build_cifar_network(stages, module, image_shape, model.num_classes)


def _resnet(model, module: AttentionModule, image_shape) -> keras.Model:
    stages = [
        Stage(filters, extra_units=units - 1)
        for filters, units in zip(model.filters, model.resnet_units, strict=True)
    ]
    return build_cifar_network(stages, module, image_shape, model.num_classes)


def _imagenet_attention(model, module: AttentionModule, image_shape) -> keras.Model:
    return build_imagenet_attention(
        model.imagenet_depth, module, image_shape[0], model.num_classes
    )


NETWORKS = {
    "attention": _attention,
    "resnet": _resnet,
    "imagenet_attention": _imagenet_attention,
}
