"""The networks of the comparison: ImageNet's at their own size, and small ones."""

from collections.abc import Callable
from functools import partial

import keras

from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from cai_keras.networks.alexnet import build_alexnet
from cai_keras.networks.densenet import (
    DenseLayer,
    build_cifar_densenet,
    build_imagenet_densenet,
)
from cai_keras.networks.inception import build_googlenet
from cai_keras.networks.pre_activation import PreActivationBottleneck
from cai_keras.networks.residual_attention import (
    AttentionModule,
    build_imagenet_attention,
    resnext_unit,
)
from cai_keras.networks.residual_blocks import BasicBlock, Bottleneck, Convolutions
from cai_keras.networks.resnet import (
    apply_deep_stem,
    build_cifar_resnet,
    build_imagenet_resnet,
)
from cai_keras.networks.resnext import ResNeXtBlock
from cai_keras.networks.vgg import build_vgg

Build = Callable[[Convolutions, int], keras.Model]


def _resnet(depth: int) -> Build:
    def build(make, side):
        if depth < 50:
            filters = (64, 128, 256, 512)
            return build_imagenet_resnet(
                depth, BasicBlock(make), make, side, filters=filters
            )
        return build_imagenet_resnet(depth, Bottleneck(make), make, side)

    return build


def _resnext(depth: int, cardinality: int, width: int) -> Build:
    return lambda make, side: build_imagenet_resnet(
        depth, ResNeXtBlock(make, cardinality, width), make, side
    )


def _densenet(depth: int) -> Build:
    return lambda make, side: build_imagenet_densenet(depth, make, side)


def _attention(depth: int, unit: Callable) -> Build:
    return lambda make, side: build_imagenet_attention(
        depth, AttentionModule(make, unit(make)), side
    )


def _se_resnet(depth: int, **block) -> Build:
    return lambda make, side: build_imagenet_resnet(
        depth, Bottleneck(make, branch_end=_gate, **block), make, side
    )


def _senet154(make: Convolutions, side: int) -> keras.Model:
    block = Bottleneck(
        make, width=1.0, groups=64, first_width=0.5, stride_at="middle",
        projection_size=3, branch_end=_gate,
    )  # fmt: skip
    return build_imagenet_resnet(
        152, block, make, side, apply_stem=apply_deep_stem, dropout=0.2
    )


def _gate(x, name: str, ratio: int = 16):
    return SqueezeExcitation(ratio, name=name)(x)


def _from_keras(name: str) -> Build:
    """A network that the suite does not have, from keras.applications."""
    return lambda make, side: getattr(keras.applications, name)(
        weights=None, input_shape=(side, side, 3), classifier_activation=None
    )


# The names are those of published.csv.
IMAGENET: dict[str, Build] = {
    "alexnet": lambda make, side: build_alexnet(side),
    "vgg16": lambda make, side: build_vgg(16, side),
    "vgg19": lambda make, side: build_vgg(19, side),
    "googlenet": lambda make, side: build_googlenet(side),
    "resnet18": _resnet(18),
    "resnet34": _resnet(34),
    "resnet50": _resnet(50),
    "resnet101": _resnet(101),
    "resnet152": _resnet(152),
    "resnext50_32x4d": _resnext(50, 32, 4),
    "resnext101_32x4d": _resnext(101, 32, 4),
    "resnext101_64x4d": _resnext(101, 64, 4),
    "densenet121": _densenet(121),
    "densenet169": _densenet(169),
    "densenet201": _densenet(201),
    "densenet161": _densenet(161),
    "densenet264": _densenet(264),
    "attention56": _attention(56, PreActivationBottleneck),
    "attentionnext56": _attention(56, resnext_unit),
    "attention92": _attention(92, PreActivationBottleneck),
    "se_resnet50": _se_resnet(50),
    "se_resnet101": _se_resnet(101),
    "se_resnet152": _se_resnet(152),
    "se_resnext50": _se_resnet(50, width=0.5, groups=32, stride_at="middle"),
    "se_resnext101": _se_resnet(101, width=0.5, groups=32, stride_at="middle"),
    "senet154": _senet154,
    "keras_inception_v3": _from_keras("InceptionV3"),
    "keras_xception": _from_keras("Xception"),
    "keras_inception_resnet_v2": _from_keras("InceptionResNetV2"),
    "keras_nasnet_large": _from_keras("NASNetLarge"),
    "keras_mobilenet": _from_keras("MobileNet"),
    "keras_mobilenet_v2": _from_keras("MobileNetV2"),
}


def _small_resnet(depth: int, shortcut: str = "pad", gate: bool = False) -> Callable:
    def build(make, image_shape, filters):
        # 8 channels have no sixteenth.
        block = BasicBlock(make, shortcut, partial(_gate, ratio=4) if gate else None)
        return build_cifar_resnet(depth, block, make, image_shape, filters=filters)

    return build


def _small_densenet(make, image_shape, filters):
    layer = DenseLayer(make, growth=filters[0])
    return build_cifar_densenet(22, layer, image_shape=image_shape)


# For small images and ten classes; with the filters of config.yaml they have about as
# many parameters.
SMALL: dict[str, Callable] = {
    "small_plain": _small_resnet(20, "none"),
    "small_resnet": _small_resnet(20),
    "small_se_resnet": _small_resnet(20, gate=True),
    "small_densenet": _small_densenet,
}
