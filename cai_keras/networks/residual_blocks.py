"""Residual blocks for images and videos, with what follow-up papers change in them.

Blocks are functions that extend a Keras graph. Maps are images, (batch, height, width,
channels), or videos, (batch, frames, height, width, channels); kernels and strides act
on each frame of a video unless a temporal kernel is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.grouped_conv2d import GroupedConv2D


@dataclass(frozen=True)
class Convolutions:
    """How a network's convolutions and normalisations are made.

    Attributes:
        momentum, epsilon: of batch normalisation.
        initializer: function that gives a new kernel initializer.
        use_bias: of the convolutions.
    """

    momentum: float
    epsilon: float
    initializer: Callable[[], Any] = lambda: he_normal_fan_out()
    use_bias: bool = False

    def convolve(
        self, x, filters: int, size: int, name: str, stride=1, groups=1, frames=1
    ):
        """A convolution that pads both sides alike, as Caffe and Torch do.

        TensorFlow's "same" pads a strided convolution on the right and below only.

        Args:
            size: height and width of the kernel, odd.
            frames: of the kernel, odd; more than one for videos only.
        """
        is_video = len(x.shape) == 5
        kernel = (frames, size, size) if is_video else (size, size)
        strides = (1, stride, stride) if is_video else (stride, stride)
        padding = "same"
        if stride > 1 and size > 1:
            x, padding = _pad(x, size // 2, frames // 2), "valid"
        return self._layer(is_video, groups)(
            filters,
            kernel,
            strides,
            padding,
            groups=groups,
            use_bias=self.use_bias,
            kernel_initializer=self.initializer(),
            name=name,
        )(x)

    def normalise(self, x, name: str, gamma="ones"):
        return BatchNormalization(
            self.momentum, self.epsilon, gamma_initializer=gamma, name=name
        )(x)

    def _layer(self, is_video: bool, groups: int):
        if is_video:
            return layers.Conv3D
        return GroupedConv2D if groups > 1 else layers.Conv2D


def he_normal_fan_out():
    """Deviation sqrt(2 / (kernel area x filters)): He et al. 2015, equation 14."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


@dataclass(frozen=True)
class Bottleneck:
    """1x1, 3x3 and 1x1 convolutions: He et al. 2016 (arXiv:1512.03385), Figure 5.

    Attributes:
        convolutions: how they are made.
        width: of the 3x3 convolution, as a share of the block's output channels: 1/4
            in ResNet, 1/2 in ResNeXt 32x4d.
        groups: of the 3x3 convolution (ResNeXt's cardinality).
        first_width: of the first 1x1, as a share of `width` (SENet-154: 1/2).
        stride_at: `first`, the 1x1, as in the paper and in Caffe; or `middle`, the
            3x3, as in Torch.
        projection_size: kernel of the projection where the map shrinks (SENet-154: 3).
        sub_samples: whether the shortcut of a block that only shrinks the map takes
            every other pixel, as in TensorFlow's slim, and is not projected.
        branch_end: function (map, name) -> map before the sum, e.g. squeeze and
            excitation.
        frames, middle_frames: function block index -> temporal size of the first and
            of the 3x3 kernel (I3D).
    """

    convolutions: Convolutions
    width: float = 0.25
    groups: int = 1
    first_width: float = 1.0
    stride_at: str = "first"
    projection_size: int = 1
    sub_samples: bool = False
    branch_end: Callable | None = None
    frames: Callable[[int], int] = lambda index: 1
    middle_frames: Callable[[int], int] = lambda index: 1

    def __call__(self, x, filters: int, stride: int, index: int, name: str):
        """Extends the graph by block number `index` of a stage."""
        make, width = self.convolutions, round(filters * self.width)
        strides = {"first": (stride, 1), "middle": (1, stride)}
        if self.stride_at not in strides:
            raise ValueError(
                f"Bottleneck: stride_at must be first or middle; got {self.stride_at!r}"
            )
        first, middle = strides[self.stride_at]
        branch = make.convolve(
            x, round(width * self.first_width), 1, f"{name}_conv1", first,
            frames=self.frames(index),
        )  # fmt: skip
        branch = ops.relu(make.normalise(branch, f"{name}_norm1"))
        branch = make.convolve(
            branch, width, 3, f"{name}_conv2", middle, groups=self.groups,
            frames=self.middle_frames(index),
        )  # fmt: skip
        branch = ops.relu(make.normalise(branch, f"{name}_norm2"))
        branch = make.convolve(branch, filters, 1, f"{name}_conv3")
        branch = make.normalise(branch, f"{name}_norm3")
        if self.branch_end is not None:
            branch = self.branch_end(branch, f"{name}_end")
        if x.shape[-1] == filters and self.sub_samples:
            x = x[:, ::stride, ::stride]
        elif x.shape[-1] != filters or stride > 1:
            size = self.projection_size if stride > 1 else 1
            x = make.convolve(x, filters, size, f"{name}_projection", stride)
            x = make.normalise(x, f"{name}_projection_norm")
        return ops.relu(x + branch)


@dataclass(frozen=True)
class BasicBlock:
    """Two 3x3 convolutions: He et al. 2016, Figure 5 left.

    Attributes:
        convolutions: how they are made.
        shortcut: where the map changes its shape, the paper's option A (`pad`: every
            other pixel, zeros for the new channels), B (`project`: 1x1 convolution
            there) or C (`project_all`: in every block); or `none`, the plain net.
        branch_end: function (map, name) -> map before the sum.
    """

    convolutions: Convolutions
    shortcut: str = "project"
    branch_end: Callable | None = None

    def __call__(self, x, filters: int, stride: int, index: int, name: str):
        """Extends the graph by one block."""
        make = self.convolutions
        branch = make.convolve(x, filters, 3, f"{name}_conv1", stride)
        branch = ops.relu(make.normalise(branch, f"{name}_norm1"))
        branch = make.convolve(branch, filters, 3, f"{name}_conv2")
        branch = make.normalise(branch, f"{name}_norm2")
        if self.branch_end is not None:
            branch = self.branch_end(branch, f"{name}_end")
        if self.shortcut == "none":
            return ops.relu(branch)
        return ops.relu(branch + self._shortcut(x, filters, stride, name))

    def _shortcut(self, x, filters: int, stride: int, name: str):
        changes = x.shape[-1] != filters or stride > 1
        if self.shortcut == "project_all" or (self.shortcut == "project" and changes):
            x = self.convolutions.convolve(x, filters, 1, f"{name}_projection", stride)
            return self.convolutions.normalise(x, f"{name}_projection_norm")
        if self.shortcut not in ("pad", "project"):
            raise ValueError(
                "BasicBlock: shortcut must be pad, project, project_all or none; "
                f"got {self.shortcut!r}"
            )
        return pad_shortcut(x, filters, stride) if changes else x


def pad_shortcut(x, filters: int, stride: int):
    """Option A: every `stride`-th pixel, and zeros after the channels; no weights."""
    sub_sampled = x[:, ::stride, ::stride]
    missing = filters - x.shape[-1]
    return ops.pad(sub_sampled, [(0, 0), (0, 0), (0, 0), (0, missing)])


def _pad(x, pixels: int, frames: int):
    if len(x.shape) == 5:
        padding = ((frames, frames), (pixels, pixels), (pixels, pixels))
        return layers.ZeroPadding3D(padding)(x)
    return layers.ZeroPadding2D(pixels)(x)
