"""Residual networks: a stem, stages of blocks, a classifier."""

from collections.abc import Callable, Sequence

import keras
from keras import layers, ops

from cai_keras.networks.residual_blocks import Convolutions

# Depth -> blocks in each of the four stages: He et al. 2016, Table 1.
IMAGENET_STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def apply_imagenet_stem(x, convolutions: Convolutions, filters: int = 64):
    """7x7 convolution and 3x3 maximum, both with stride 2: 224 pixels become 56."""
    x = convolutions.convolve(x, filters, 7, "stem_conv", stride=2)
    x = ops.relu(convolutions.normalise(x, "stem_norm"))
    return layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))


def apply_deep_stem(x, convolutions: Convolutions, filters: int = 64):
    """Three 3x3 convolutions in the place of one 7x7, as in SENet-154."""
    for number, (width, stride) in enumerate(
        ((filters, 2), (filters, 1), (2 * filters, 1)), start=1
    ):
        x = convolutions.convolve(x, width, 3, f"stem_conv{number}", stride)
        x = ops.relu(convolutions.normalise(x, f"stem_norm{number}"))
    return layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))


def apply_cifar_stem(x, convolutions: Convolutions, filters: int = 16):
    """One 3x3 convolution at full size."""
    x = convolutions.convolve(x, filters, 3, "stem_conv")
    return ops.relu(convolutions.normalise(x, "stem_norm"))


def apply_stages(
    x,
    blocks: Sequence[int],
    filters: Sequence[int],
    apply_block: Callable,
    after_block: Callable | None = None,
    first_stride: int = 1,
):
    """The stages of a residual network.

    Args:
        blocks: number of blocks in each stage.
        filters: output channels of each stage.
        apply_block: function (map, filters, stride, index, name) -> map, as
            `residual_blocks.Bottleneck`. All stages but the first start with stride 2.
        after_block: function (map, stage, index, name) -> map that may add to the
            graph after a block, e.g. a non-local block; counted from 0.
        first_stride: of the first stage.
    """
    for stage, (count, width) in enumerate(zip(blocks, filters, strict=True)):
        stride = 2 if stage else first_stride
        for index in range(count):
            name = f"stage{stage + 1}_block{index + 1}"
            x = apply_block(x, width, stride if index == 0 else 1, index, name)
            if after_block is not None:
                x = after_block(x, stage, index, name)
    return x


def apply_classifier(x, num_classes: int, dropout: float = 0.0):
    """Mean over all positions, dropout, and one logit a class."""
    axes = tuple(range(1, len(x.shape) - 1))
    x = ops.mean(x, axis=axes)
    if dropout:
        x = layers.Dropout(dropout)(x)
    # Logits in float32 also in mixed precision: a softmax over them follows.
    return layers.Dense(num_classes, dtype="float32", name="logits")(x)


def build_imagenet_resnet(
    depth: int,
    apply_block: Callable,
    convolutions: Convolutions,
    image_size: int | None = 224,
    num_classes: int = 1000,
    filters: Sequence[int] = (256, 512, 1024, 2048),
    apply_stem: Callable = apply_imagenet_stem,
    dropout: float = 0.0,
) -> keras.Model:
    """ResNet for ImageNet; depth and block fit together as in the paper's Table 1."""
    inputs = keras.Input((image_size, image_size, 3))
    x = apply_stem(inputs, convolutions)
    x = apply_stages(x, IMAGENET_STAGES[depth], filters, apply_block)
    return keras.Model(inputs, apply_classifier(x, num_classes, dropout))


def build_cifar_resnet(
    depth: int,
    apply_block: Callable,
    convolutions: Convolutions,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    filters: Sequence[int] = (16, 32, 64),
) -> keras.Model:
    """ResNet of 6 n + 2 layers for small images: He et al. 2016, Section 4.2.

    Raises:
        ValueError: no n gives this depth.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth must be 6 n + 2, such as 20 or 56; received {depth}")
    inputs = keras.Input(image_shape)
    x = apply_cifar_stem(inputs, convolutions, filters[0])
    x = apply_stages(x, (depth // 6,) * len(filters), filters, apply_block)
    return keras.Model(inputs, apply_classifier(x, num_classes))
