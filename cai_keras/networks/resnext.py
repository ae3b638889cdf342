"""ResNeXt's three forms of one block, and its networks."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from cai_keras.networks.residual_blocks import Bottleneck, Convolutions
from cai_keras.networks.resnet import (
    apply_cifar_stem,
    apply_classifier,
    apply_stages,
)

FORMS = ("summed", "joined", "grouped")
# Cardinality x width of a path in the first stage, all of about the same cost: Xie et
# al. 2017 (arXiv:1611.05431), Table 2.
EQUAL_COST = {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}


@dataclass(frozen=True)
class ResNeXtBlock:
    """x + sum of C paths, each 1x1 - 3x3 - 1x1: Xie et al. 2017, Figure 3 (a) to (c).

    The forms are the same function of the same numbers (`share_weights`):
        summed: C whole paths, whose outputs are added.
        joined: C paths of 1x1 - 3x3, joined before one 1x1.
        grouped: one 1x1, a 3x3 in C groups, one 1x1; the fast one.

    Attributes:
        convolutions: how they are made.
        cardinality: C.
        width: d, channels of a path where the block has 256 output channels.
        form: one of `FORMS`.
    """

    convolutions: Convolutions
    cardinality: int = 32
    width: int = 4
    form: str = "grouped"

    def __post_init__(self):
        if self.form not in FORMS:
            raise ValueError(
                f"ResNeXtBlock: form must be one of {', '.join(FORMS)}; "
                f"got {self.form!r}"
            )

    def __call__(self, x, filters: int, stride: int, index: int, name: str):
        """Extends the graph by one block."""
        path = filters * self.width // 256
        if self.form == "grouped":
            block = Bottleneck(
                self.convolutions,
                width=path * self.cardinality / filters,
                groups=self.cardinality,
                stride_at="middle",
            )
            return block(x, filters, stride, index, name)
        make = self.convolutions
        names = [f"{name}_path{i + 1}" for i in range(self.cardinality)]
        paths = [self._reduce(x, path, stride, own) for own in names]
        if self.form == "joined":
            joined = ops.concatenate(paths, axis=-1) if len(paths) > 1 else paths[0]
            branch = make.convolve(joined, filters, 1, f"{name}_conv3")
        else:
            branch = sum(
                make.convolve(h, filters, 1, f"{own}_conv3")
                for h, own in zip(paths, names, strict=True)
            )
        branch = make.normalise(branch, f"{name}_norm3")
        if x.shape[-1] != filters or stride > 1:
            x = make.convolve(x, filters, 1, f"{name}_projection", stride)
            x = make.normalise(x, f"{name}_projection_norm")
        return ops.relu(x + branch)

    def _reduce(self, x, width: int, stride: int, name: str):
        """1x1 and 3x3 of one path."""
        make = self.convolutions
        x = make.convolve(x, width, 1, f"{name}_conv1")
        x = ops.relu(make.normalise(x, f"{name}_norm1"))
        x = make.convolve(x, width, 3, f"{name}_conv2", stride)
        return ops.relu(make.normalise(x, f"{name}_norm2"))


def share_weights(grouped: keras.Model, other: keras.Model) -> None:
    """Gives a network in another form the weights of the grouped one.

    Path i has the i-th part of the 1x1's and of the 3x3's filters and of their
    normalisation, and where paths are summed, of the last 1x1's input channels.
    """
    for layer in other.layers:
        name, _, rest = layer.name.partition("_path")
        if not layer.weights:
            continue
        if not rest:
            layer.set_weights(grouped.get_layer(layer.name).get_weights())
            continue
        number, _, part = rest.partition("_")
        source = grouped.get_layer(f"{name}_{part}").get_weights()
        # Only the last 1x1 is cut along its input channels, the last axis but one.
        axis = -2 if part == "conv3" else -1
        layer.set_weights(
            [
                _part(whole, int(number) - 1, own.shape[axis], axis)
                for whole, own in zip(source, layer.weights, strict=True)
            ]
        )


def _part(array: np.ndarray, index: int, size: int, axis: int) -> np.ndarray:
    return array.take(range(index * size, (index + 1) * size), axis=axis)


def build_cifar_resnext(
    block: ResNeXtBlock,
    blocks: int = 3,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
) -> keras.Model:
    """ResNeXt-29 of Section 5.3, with three blocks in each of three stages."""
    inputs = keras.Input(image_shape)
    x = apply_cifar_stem(inputs, block.convolutions, 64)
    x = apply_stages(x, (blocks,) * 3, (256, 512, 1024), block)
    return keras.Model(inputs, apply_classifier(x, num_classes))
