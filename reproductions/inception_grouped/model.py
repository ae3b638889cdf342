"""The papers' networks, and one layer's worth of them for the task of paired lines."""

from collections.abc import Callable
from functools import partial

import keras

from cai_keras.errors import choose
from cai_keras.networks.inception import (
    InceptionWidths,
    apply_convolution,
    apply_googlenet_stem,
    apply_inception,
    apply_small_stem,
    build_googlenet,
)
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.networks.resnet import (
    apply_cifar_stem,
    apply_classifier,
    apply_imagenet_stem,
    apply_stages,
)
from cai_keras.networks.resnext import ResNeXtBlock, share_weights


def build_network(model, image_shape: tuple[int, int, int]) -> keras.Model:
    """The network of a recipe's `model` section.

    Args:
        image_shape: (height, width, channels).
    Returns:
        image -> float32 logits (batch, num_classes); GoogLeNet with auxiliary
        classifiers -> [logits, logits after 4a, logits after 4d].
    """
    return choose("model.network", model.network, NETWORKS)(model, image_shape)


def build_resnext(model, image_shape) -> keras.Model:
    """ResNeXt, in any form with the first weights of the grouped one."""
    grouped = build_resnext_in_form("grouped", model, image_shape)
    return grouped if model.form == "grouped" else in_form(model.form, grouped, model)


def build_resnext_in_form(form: str, model, image_shape) -> keras.Model:
    """Stem, stages of blocks in one of the forms (a) to (c) of Figure 3, classifier."""
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    block = ResNeXtBlock(make, model.cardinality, model.width, form)
    apply_stem = choose("model.stem", model.stem, RESNEXT_STEMS)
    inputs = keras.Input(image_shape)
    x = apply_stem(inputs, make, model.stem_filters)
    x = apply_stages(
        x, model.blocks, model.filters, block, first_stride=model.first_stride
    )
    return keras.Model(inputs, apply_classifier(x, model.num_classes))


def in_form(form: str, grouped: keras.Model, model) -> keras.Model:
    """A network that was trained in the grouped form, in another one."""
    network = build_resnext_in_form(form, model, grouped.input_shape[1:])
    share_weights(grouped, network)
    return network


def build_inception_network(model, image_shape) -> keras.Model:
    """GoogLeNet, or its nine modules behind a stem for small images."""
    settings = model.googlenet
    return build_googlenet(
        image_shape[0],
        model.num_classes,
        auxiliary=settings.auxiliary_weight is not None,
        dropout=settings.dropout,
        auxiliary_dropout=settings.auxiliary_dropout,
        channels=image_shape[-1],
        apply_stem=choose("model.googlenet.stem", settings.stem, GOOGLENET_STEMS),
        width_divisor=settings.width_divisor,
    )


def build_line_detector(model, image_shape) -> keras.Model:
    """A module or single size of filters, the mean over all positions, one dense layer.

    The mean forgets where: what the module does not see in one window, the network
    does not know.
    """
    apply_detector = choose("model.detector", model.detector, DETECTORS)
    inputs = keras.Input(image_shape)
    return keras.Model(
        inputs, apply_classifier(apply_detector(inputs), model.num_classes)
    )


def apply_single_size(x, size: int, reduce: int, filters: int):
    """1x1 and size x size convolutions: one branch of an Inception module, alone."""
    x = apply_convolution(x, reduce, 1, "reduce")
    return apply_convolution(x, filters, size, "convolve")


def main_network(network: keras.Model) -> keras.Model:
    """Image -> logits, without classifiers half way: what is tested."""
    if len(network.outputs) == 1:
        return network
    return keras.Model(network.input, network.outputs[0])


NETWORKS: dict[str, Callable] = {
    "resnext": build_resnext,
    "googlenet": build_inception_network,
    "line_detector": build_line_detector,
}
RESNEXT_STEMS = {"imagenet": apply_imagenet_stem, "cifar": apply_cifar_stem}
GOOGLENET_STEMS = {"imagenet": apply_googlenet_stem, "small": apply_small_stem}
# Of equal parameters within two percent: 2,278, 2,313 and 2,261.
DETECTORS = {
    "inception": partial(
        apply_inception, widths=InceptionWidths(8, 8, 16, 4, 8, 8), name="module"
    ),
    "three": partial(apply_single_size, size=3, reduce=8, filters=29),
    "five": partial(apply_single_size, size=5, reduce=4, filters=21),
}
