"""Residual attention networks: Wang et al. 2017 (arXiv:1704.06904).

Blocks are functions that extend a Keras graph, as in `residual_blocks`. What the paper
leaves open is as in the released prototxts of Attention-56 and AttentionNeXt-56.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

from cai_keras.layers.attention_mask import AttentionMask
from cai_keras.layers.bilinear_resize import BilinearResize
from cai_keras.layers.mask_gate import MaskGate
from cai_keras.networks.pre_activation import PreActivationBottleneck
from cai_keras.networks.residual_blocks import Bottleneck, Convolutions
from cai_keras.networks.resnet import apply_classifier

# Depth of the trunk -> modules in each of the three stages.
IMAGENET_MODULES = {56: (1, 1, 1), 92: (1, 2, 3)}
_LOCAL_MASK_UNITS = 3


@dataclass(frozen=True)
class AttentionModule:
    """A trunk of residual units and the mask over it: Section 3 and Figure 2.

        x = R^p(input),   T = R^t(x),   M = mask(x)
        R^p((1 + M) T)

    The mask branch sees x, not the input. Its `encoder_decoder` pools `num_pools` times
    (3x3 maxima, stride 2, no padding but for the last window, as Caffe does), with r
    units after each pooling and 2 r at the smallest size; on the way up each bilinear
    resizing but the last is followed by the sum with one unit of the map of that size
    on the way down, and r units. Two 1x1 convolutions and the activation end it. (The
    second input of the prototxts' `Interp` layers only gives the size: no sum there.)

    Attributes:
        convolutions: how the mask's two 1x1 convolutions are made.
        apply_unit: a residual unit; one that is not a `PreActivationBottleneck` ends in
            a ReLU, and the mask's first normalisation and ReLU are left out.
        p, t, r: units before and after the branches, of the trunk, and between
            neighbouring sizes of the mask branch.
        activation: of `AttentionMask`.
        gate: form of `MaskGate`.
        mask_branch: `encoder_decoder`, or `local`: three units at full size.
    """

    convolutions: Convolutions
    apply_unit: Callable
    p: int = 1
    t: int = 2
    r: int = 1
    activation: str = "mixed"
    gate: str = "attention_residual"
    mask_branch: str = "encoder_decoder"

    def __call__(self, x, num_pools: int, name: str):
        """Extends the graph; the map keeps its shape."""
        x = self._apply_units(x, self.p, f"{name}_before")
        trunk = self._apply_units(x, self.t, f"{name}_trunk")
        mask = self._apply_mask(x, num_pools, name)
        gated = MaskGate(self.gate, name=f"{name}_gate")([trunk, mask])
        return self._apply_units(gated, self.p, f"{name}_after")

    def _apply_mask(self, x, num_pools: int, name: str):
        if self.mask_branch == "encoder_decoder":
            x = self._encode_and_decode(x, num_pools, f"{name}_mask_level1")
        elif self.mask_branch == "local":
            x = self._apply_units(x, _LOCAL_MASK_UNITS, f"{name}_mask_local")
        else:
            raise ValueError(
                "AttentionModule: mask_branch must be encoder_decoder or local; got "
                f"{self.mask_branch!r}"
            )
        make, filters = self.convolutions, x.shape[-1]
        x = activate(x, self.apply_unit, make, f"{name}_mask_norm1")
        x = make.convolve(x, filters, 1, f"{name}_mask_conv1")
        x = ops.relu(make.normalise(x, f"{name}_mask_norm2"))
        x = make.convolve(x, filters, 1, f"{name}_mask_conv2")
        return AttentionMask(self.activation, name=f"{name}_mask")(x)

    def _encode_and_decode(self, x, num_pools: int, name: str):
        """Pools, goes on to smaller sizes while there are, and returns to x's size."""
        if num_pools < 1:
            raise ValueError(
                f"AttentionModule: num_pools must be at least 1; got {num_pools}"
            )
        height, width = x.shape[1:3]
        x = pool_in_ceil_mode(x)
        if num_pools == 1:
            x = self._apply_units(x, 2 * self.r, f"{name}_lowest")
        else:
            x = self._apply_units(x, self.r, f"{name}_down")
            skip = self._apply_units(x, 1, f"{name}_skip")
            below = f"{name[:-1]}{int(name[-1]) + 1}"
            x = skip + self._encode_and_decode(x, num_pools - 1, below)
            x = self._apply_units(x, self.r, f"{name}_up")
        return BilinearResize(height, width, name=f"{name}_resize")(x)

    def _apply_units(self, x, count: int, name: str):
        for index in range(count):
            x = self.apply_unit(x, x.shape[-1], 1, index, f"{name}{index + 1}")
        return x


@dataclass(frozen=True)
class Stage:
    """A residual unit that changes the map's shape, modules, and more units.

    Attributes:
        filters: output channels.
        modules: number of attention modules.
        num_pools: of each mask branch.
        extra_units: residual units after the modules.
    """

    filters: int
    modules: int = 0
    num_pools: int = 1
    extra_units: int = 0


def activate(x, apply_unit, convolutions: Convolutions, name: str):
    """Normalisation and ReLU where units leave their output without."""
    if not isinstance(apply_unit, PreActivationBottleneck):
        return x
    return ops.relu(convolutions.normalise(x, name))


def pool_in_ceil_mode(x):
    """3x3 maxima with stride 2; a last window may hang over right and lower borders.

    Caffe's rule: ceil((n - 3) / 2) + 1 windows, the first one at the first pixel. For
    an even n that is TensorFlow's `same`, for an odd one `valid`.
    """
    sizes = {size % 2 for size in x.shape[1:3]}
    if len(sizes) > 1:
        raise ValueError(
            "pool_in_ceil_mode: height and width must both be even or both odd; got "
            f"{tuple(x.shape[1:3])}"
        )
    return layers.MaxPooling2D(3, 2, padding="valid" if sizes == {1} else "same")(x)


def apply_stages(x, stages: Sequence[Stage], module: AttentionModule):
    """The stages; all but the first start with stride 2. Stage k ends as `stage{k}`."""
    for number, stage in enumerate(stages, start=1):
        name, stride = f"stage{number}", 1 if number == 1 else 2
        x = module.apply_unit(x, stage.filters, stride, 0, f"{name}_first")
        for index in range(stage.modules):
            x = module(x, stage.num_pools, f"{name}_module{index + 1}")
        for index in range(stage.extra_units):
            x = module.apply_unit(
                x, stage.filters, 1, index + 1, f"{name}_extra{index + 1}"
            )
        x = layers.Identity(name=name)(x)
    return x


def build_imagenet_attention(
    depth: int,
    module: AttentionModule,
    image_size: int = 224,
    num_classes: int = 1000,
) -> keras.Model:
    """Attention-56 and -92, or AttentionNeXt with ResNeXt's unit.

    Raises:
        ValueError: an unknown depth.
    """
    if depth not in IMAGENET_MODULES:
        raise ValueError(
            f"depth must be one of {list(IMAGENET_MODULES)}; received {depth}"
        )
    make = module.convolutions
    inputs = keras.Input((image_size, image_size, 3))
    x = make.convolve(inputs, 64, 7, "stem_conv", stride=2)
    x = pool_in_ceil_mode(ops.relu(make.normalise(x, "stem_norm")))
    first, second, third = IMAGENET_MODULES[depth]
    stages = (
        Stage(256, first, num_pools=3),
        Stage(512, second, num_pools=2),
        Stage(1024, third, num_pools=1),
        Stage(2048, extra_units=2),
    )
    return _classify(inputs, apply_stages(x, stages, module), module, num_classes)


def build_cifar_network(
    stages: Sequence[Stage],
    module: AttentionModule,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    stem_filters: int = 16,
) -> keras.Model:
    """One 3x3 convolution at full size, then stages: see `cifar_stages`.

    Stages without modules make a pre-activation ResNet; three of 18 units are
    ResNet-164.
    """
    inputs = keras.Input(image_shape)
    x = module.convolutions.convolve(inputs, stem_filters, 3, "stem_conv")
    return _classify(inputs, apply_stages(x, stages, module), module, num_classes)


def cifar_stages(
    modules: int,
    filters: Sequence[int] = (64, 128, 256),
    num_pools: Sequence[int] = (3, 2, 1),
    extra_units: int = 1,
) -> tuple[Stage, ...]:
    """Attention-(36 m + 20) for m modules a stage, with p = 1 and t = 2.

    The paper prints no widths: these give the numbers of parameters that it prints for
    m = 2 and m = 6, 1.9 and 5.1 million.
    """
    return tuple(
        Stage(width, modules, pools, extra_units)
        for width, pools in zip(filters, num_pools, strict=True)
    )


def resnext_unit(convolutions: Convolutions) -> Bottleneck:
    """The unit of AttentionNeXt: ResNeXt 32x4d's, with the stride at the 3x3."""
    return Bottleneck(convolutions, width=0.5, groups=32, stride_at="middle")


def _classify(inputs, x, module: AttentionModule, num_classes: int) -> keras.Model:
    x = activate(x, module.apply_unit, module.convolutions, "last_norm")
    return keras.Model(inputs, apply_classifier(x, num_classes))
