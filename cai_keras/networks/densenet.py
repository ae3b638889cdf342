"""Densely connected networks: every layer reads what all layers before it made."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.networks.resnet import apply_classifier, apply_imagenet_stem

# Depth -> layers in each block, and growth rate: Huang et al. 2017, Table 1; 161 is the
# authors' release.
IMAGENET_BLOCKS = {
    121: ((6, 12, 24, 16), 32),
    169: ((6, 12, 32, 32), 32),
    201: ((6, 12, 48, 32), 32),
    264: ((6, 12, 64, 48), 32),
    161: ((6, 12, 36, 24), 48),
}


@dataclass(frozen=True)
class DenseLayer:
    """x -> [x, H(x)]: Huang et al. 2017 (arXiv:1608.06993), equation 2.

    H is BN - ReLU - 3x3 convolution, or with a bottleneck BN - ReLU - 1x1 - BN - ReLU -
    3x3.

    Attributes:
        convolutions: how they are made.
        growth: channels that a layer adds, the paper's k.
        bottleneck: channels between the 1x1 and the 3x3, as a multiple of `growth`
            (the paper: 4); None without.
        dropout: rate after each convolution (the paper: 0.2 without augmentation).
    """

    convolutions: Convolutions
    growth: int
    bottleneck: int | None = 4
    dropout: float = 0.0

    def __call__(self, x, name: str):
        """Extends the graph by one layer."""
        return ops.concatenate([x, self.new_features(x, name)], axis=-1)

    def new_features(self, x, name: str):
        """H(x) alone, of `growth` channels."""
        if self.bottleneck is not None:
            width = self.bottleneck * self.growth
            x = self._convolve(x, width, 1, f"{name}_norm1", f"{name}_conv1")
        return self._convolve(x, self.growth, 3, f"{name}_norm2", f"{name}_conv2")

    def _convolve(self, x, filters, size, norm_name, conv_name):
        x = ops.relu(self.convolutions.normalise(x, norm_name))
        x = self.convolutions.convolve(x, filters, size, conv_name)
        return layers.Dropout(self.dropout)(x) if self.dropout else x


def apply_transition(x, layer: DenseLayer, compression: float, name: str):
    """BN - ReLU - 1x1 convolution to floor(theta C) channels - mean of 2x2 pixels.

    The ReLU is in the authors' code and not in the paper's text.

    Args:
        layer: for its convolutions and dropout.
        compression: the paper's theta, in (0, 1].
    """
    x = ops.relu(layer.convolutions.normalise(x, f"{name}_norm"))
    filters = int(compression * x.shape[-1])
    x = layer.convolutions.convolve(x, filters, 1, f"{name}_conv")
    if layer.dropout:
        x = layers.Dropout(layer.dropout)(x)
    return layers.AveragePooling2D(2)(x)


def apply_dense_blocks(
    x, blocks: Sequence[int], layer: DenseLayer, compression: float = 0.5
):
    """Dense blocks with a transition between them, and BN - ReLU at the end.

    Args:
        blocks: layers in each block.
    """
    for number, count in enumerate(blocks, start=1):
        if number > 1:
            x = apply_transition(x, layer, compression, f"transition{number - 1}")
        for index in range(1, count + 1):
            x = layer(x, f"block{number}_layer{index}")
    return ops.relu(layer.convolutions.normalise(x, "last_norm"))


def build_imagenet_densenet(
    depth: int,
    convolutions: Convolutions,
    image_size: int | None = 224,
    num_classes: int = 1000,
) -> keras.Model:
    """DenseNet-BC for ImageNet; `depth` is a key of `IMAGENET_BLOCKS`."""
    blocks, growth = IMAGENET_BLOCKS[depth]
    inputs = keras.Input((image_size, image_size, 3))
    x = apply_imagenet_stem(inputs, convolutions, 2 * growth)
    x = apply_dense_blocks(x, blocks, DenseLayer(convolutions, growth))
    return keras.Model(inputs, apply_classifier(x, num_classes))


def build_cifar_densenet(
    depth: int,
    layer: DenseLayer,
    compression: float = 0.5,
    first_filters: int | None = None,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
) -> keras.Model:
    """DenseNet of three equal blocks for small images: Section 3, Implementation.

    Args:
        depth: 3 n + 4, and with a bottleneck 6 n + 4.
        compression: 1 for the plain DenseNet, 0.5 for DenseNet-BC.
        first_filters: of the first convolution; 2 k if None. The paper has 16 for the
            plain net, the released code 2 k for every one.
    Raises:
        ValueError: no n gives this depth.
    """
    convolutions_of_one = 1 if layer.bottleneck is None else 2
    count, rest = divmod(depth - 4, 3 * convolutions_of_one)
    if count < 1 or rest:
        raise ValueError(
            f"depth must be {3 * convolutions_of_one} n + 4; received {depth}"
        )
    inputs = keras.Input(image_shape)
    first = first_filters or 2 * layer.growth
    x = layer.convolutions.convolve(inputs, first, 3, "stem_conv")
    x = apply_dense_blocks(x, (count,) * 3, layer, compression)
    return keras.Model(inputs, apply_classifier(x, num_classes))
