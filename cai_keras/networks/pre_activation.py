"""Residual units that normalise and activate first: He et al. 2016 (arXiv:1603.05027).

Blocks are functions that extend a Keras graph, as in `residual_blocks`. The sum of
shortcut and branch goes on as it is; what comes after the last unit must normalise and
activate it.
"""

from dataclasses import dataclass

import keras
from keras import ops

from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.networks.resnet import apply_classifier, apply_stages


@dataclass(frozen=True)
class PreActivationBlock:
    """Twice normalisation, ReLU and a 3x3 convolution: Figure 4 (e).

    Where the map changes its shape, the shortcut is a 1x1 convolution of the input
    *after* the first ReLU.

    Attributes:
        convolutions: how they are made.
    """

    convolutions: Convolutions

    def __call__(self, x, filters: int, stride: int, index: int, name: str):
        """Extends the graph by one unit; `index` is there for `Bottleneck`'s sake."""
        make = self.convolutions
        activated = ops.relu(make.normalise(x, f"{name}_norm1"))
        branch = make.convolve(activated, filters, 3, f"{name}_conv1", stride)
        branch = ops.relu(make.normalise(branch, f"{name}_norm2"))
        branch = make.convolve(branch, filters, 3, f"{name}_conv2")
        return _shortcut(make, x, activated, filters, stride, name) + branch


@dataclass(frozen=True)
class PreActivationBottleneck:
    """Three times normalisation, ReLU and convolution (1x1, 3x3, 1x1).

    The shortcut is that of `PreActivationBlock`.

    Attributes:
        convolutions: how they are made.
        width: of the first two convolutions, as a share of the output channels.
    """

    convolutions: Convolutions
    width: float = 0.25

    def __call__(self, x, filters: int, stride: int, index: int, name: str):
        """Extends the graph by one unit; `index` is there for `Bottleneck`'s sake."""
        make, width = self.convolutions, round(filters * self.width)
        activated = ops.relu(make.normalise(x, f"{name}_norm1"))
        branch = make.convolve(activated, width, 1, f"{name}_conv1")
        branch = ops.relu(make.normalise(branch, f"{name}_norm2"))
        branch = make.convolve(branch, width, 3, f"{name}_conv2", stride)
        branch = ops.relu(make.normalise(branch, f"{name}_norm3"))
        branch = make.convolve(branch, filters, 1, f"{name}_conv3")
        return _shortcut(make, x, activated, filters, stride, name) + branch


def build_cifar_pre_activation_resnet(
    depth: int,
    block: PreActivationBlock | PreActivationBottleneck,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    filters: tuple[int, int, int] = (16, 32, 64),
) -> keras.Model:
    """Pre-activation ResNet for small images: Section 5 and the appendix.

    Args:
        depth: 6 n + 2 with `PreActivationBlock`, 9 n + 2 with
            `PreActivationBottleneck`, whose maps have four times as many channels.
        filters: of the 3x3 convolutions in each stage.
    Raises:
        ValueError: no n gives this depth.
    """
    is_bottleneck = isinstance(block, PreActivationBottleneck)
    convolutions = 3 if is_bottleneck else 2
    count, rest = divmod(depth - 2, 3 * convolutions)
    if count < 1 or rest:
        raise ValueError(f"depth must be {3 * convolutions} n + 2; received {depth}")
    make = block.convolutions
    inputs = keras.Input(image_shape)
    x = make.convolve(inputs, filters[0], 3, "stem_conv")
    outputs = [round(f / block.width) for f in filters] if is_bottleneck else filters
    x = apply_stages(x, (count,) * len(filters), outputs, block)
    x = ops.relu(make.normalise(x, "last_norm"))
    return keras.Model(inputs, apply_classifier(x, num_classes))


def _shortcut(make: Convolutions, x, activated, filters: int, stride: int, name: str):
    if x.shape[-1] == filters and stride == 1:
        return x
    return make.convolve(activated, filters, 1, f"{name}_projection", stride)
