"""The paper's networks: residual trunks, with or without a gate in every block."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
from keras import ops

from cai_keras.errors import choose
from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from cai_keras.networks.residual_blocks import BasicBlock, Bottleneck, Convolutions
from cai_keras.networks.resnet import (
    IMAGENET_STAGES,
    apply_cifar_stem,
    apply_classifier,
    apply_deep_stem,
    apply_imagenet_stem,
    apply_stages,
)


@dataclass(frozen=True)
class ImagenetTrunk:
    """ResNet, ResNeXt or SENet-154: how its bottleneck blocks differ.

    Attributes:
        depth: key of `IMAGENET_STAGES`.
        width, groups, first_width, stride_at, projection_size: of `Bottleneck`.
        apply_stem: what comes before the blocks.
        dropout: before the classifier.
    """

    depth: int
    width: float = 0.25
    groups: int = 1
    first_width: float = 1.0
    stride_at: str = "first"
    projection_size: int = 1
    apply_stem: Callable = apply_imagenet_stem
    dropout: float = 0.0

    def apply(self, x, model, make: Convolutions, gate: Callable | None):
        """Extends the graph up to the logits."""
        divisor = model.width_divisor
        block = Bottleneck(
            make,
            width=self.width,
            groups=max(1, self.groups // divisor),
            first_width=self.first_width,
            stride_at=self.stride_at,
            projection_size=self.projection_size,
            branch_end=gate,
        )
        x = self.apply_stem(x, make, 64 // divisor)
        blocks = _shorten(IMAGENET_STAGES[self.depth], model.blocks_divisor)
        filters = [count // divisor for count in (256, 512, 1024, 2048)]
        x = apply_stages(x, blocks, filters, block)
        return apply_classifier(x, model.num_classes, self.dropout)


@dataclass(frozen=True)
class CifarTrunk:
    """ResNet of 6 n + 2 layers with option A: He et al. 2016, Section 4.2."""

    depth: int

    def apply(self, x, model, make: Convolutions, gate: Callable | None):
        """Extends the graph up to the logits."""
        x = apply_cifar_stem(x, make)
        blocks = _shorten((self.depth // 6,) * 3, model.blocks_divisor)
        block = BasicBlock(make, "pad", gate)
        x = apply_stages(x, blocks, (16, 32, 64), block)
        return apply_classifier(x, model.num_classes)


@dataclass(frozen=True)
class ThreeConvolutions:
    """Our net for the global-cue task: it sees 9 x 9 pixels, and then their mean.

    Attributes:
        filters: of the three 3x3 convolutions, the last two of stride 2.
    """

    filters: tuple[int, int, int]

    def apply(self, x, model, make: Convolutions, gate: Callable | None):
        """Extends the graph up to the logits."""
        for stage, (filters, stride) in enumerate(
            zip(self.filters, (1, 2, 2), strict=True), start=1
        ):
            x = make.convolve(x, filters, 3, f"stage{stage}_conv", stride)
            x = ops.relu(make.normalise(x, f"stage{stage}_norm"))
            if gate is not None:
                x = gate(x, f"stage{stage}_end")
        return apply_classifier(x, model.num_classes)


TRUNKS = {
    "resnet50": ImagenetTrunk(50),
    "resnet101": ImagenetTrunk(101),
    "resnet152": ImagenetTrunk(152),
    # The prototxts' multiplications say where the stride is: 4.233 G, not 3.771 G.
    "resnext50": ImagenetTrunk(50, width=0.5, groups=32, stride_at="middle"),
    "senet154": ImagenetTrunk(
        152, width=1.0, groups=64, first_width=0.5, stride_at="middle",
        projection_size=3, apply_stem=apply_deep_stem, dropout=0.2,
    ),
    "cifar_resnet20": CifarTrunk(20),
    "cifar_resnet56": CifarTrunk(56),
    "cifar_resnet110": CifarTrunk(110),
    "three_convs": ThreeConvolutions((16, 16, 32)),
    # Wider by what the gates of `three_convs` have in parameters.
    "three_convs_wide": ThreeConvolutions((18, 18, 34)),
}  # fmt: skip


def build_network(model, image_shape: tuple[int, int, int]) -> keras.Model:
    """The network of a recipe's `model` section.

    Args:
        image_shape: (height, width, channels).
    Returns:
        Keras model: float images of the data's own range give float32 logits
        (batch, num_classes). Gates are layers named `stage<i>...`.
    """
    trunk = choose("model.network", model.network, TRUNKS)
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    gate = None if model.excitation is None else partial(_gate, model.excitation)
    inputs = keras.Input(image_shape, name="image")
    return keras.Model(inputs, trunk.apply(inputs, model, make, gate))


def _gate(excitation, x, name: str):
    """Squeeze and excitation; the last of the four stages may go without."""
    if name.startswith("stage4") and not excitation.in_last_stage:
        return x
    return SqueezeExcitation(excitation.ratio, use_bias=excitation.use_bias, name=name)(
        x
    )


def _shorten(blocks, divisor: int) -> list[int]:
    """Fewer blocks, and at least one in each stage."""
    return [max(1, round(count / divisor)) for count in blocks]
