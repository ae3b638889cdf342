"""Residual generators and discriminators: SNGAN's, and SAGAN's with self-attention.

Miyato et al. 2018 (arXiv:1802.05957, arXiv:1802.05637), Appendix; Zhang et al. 2019
(arXiv:1805.08318) as released (brain-research/self-attention-gan). Generators take
[latent vectors, labels] (or latent vectors alone) to pictures in [-1, 1],
discriminators take [pictures, labels] (or pictures alone) to one unbounded score each.

For ImageNet at 128 x 128 pixels with 1000 classes and attention at 32 x 32 there are
42,078,852 and 39,463,618 trainable weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

from cai_keras.errors import choose
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from cai_keras.layers.projection_head import ProjectionHead
from cai_keras.layers.self_attention2d import SelfAttention2D
from cai_keras.layers.spectral_normalization import SpectralNormalization

# Weights of attention over those of C x C, see `SelfAttention2D`.
_ATTENTION_SHARE = 1.25


@dataclass(frozen=True)
class Mixing:
    """What stands at one size of the maps, beside the residual blocks.

    Attributes:
        name: `attention`; `residual`, a block of two 3x3 convolutions with as many
            weights (the control of SAGAN's Table 1); or `none`.
        side: height and width of the maps it stands behind, in pixels.
    """

    name: str
    side: int

    def __post_init__(self):
        choose("mixing", self.name, _MIXINGS)


@dataclass(frozen=True)
class GanLayers:
    """How a network's layers are made.

    Attributes:
        use_spectral_norm: of every convolution and dense layer.
        initializer: of their kernels: glorot_uniform as released, or orthogonal.
        mixing: see `Mixing`.
    """

    use_spectral_norm: bool
    initializer: str
    mixing: Mixing

    def convolve(self, x, filters: int, size: int, name: str, use_bias: bool = True):
        """A convolution that keeps the size."""
        layer = layers.Conv2D(
            filters, size, padding="same", use_bias=use_bias,
            kernel_initializer=self._starts(), name=name,
        )  # fmt: skip
        return self._normalised(layer)(x)

    def dense(self, x, units: int, name: str):
        layer = layers.Dense(units, kernel_initializer=self._starts(), name=name)
        return self._normalised(layer)(x)

    def head(self, features, labels, classes: int | None):
        """The score of features, and of their class where there are classes."""
        if classes is None:
            score = self.dense(features, 1, "score")
            return layers.Reshape((), dtype="float32")(score)
        head = ProjectionHead(
            classes, self.use_spectral_norm, self.initializer, name="score"
        )
        return head(features, labels)

    def mix(self, x):
        """Attention, or what stands in its place, where the map has its size."""
        return _MIXINGS[self.mixing.name](self, x) if self._is_here(x) else x

    def _is_here(self, x) -> bool:
        return x.shape[1] == self.mixing.side

    def _starts(self):
        return keras.initializers.get(self.initializer)

    def _normalised(self, layer):
        if not self.use_spectral_norm:
            return layer
        return SpectralNormalization(layer, name=f"{layer.name}_spectral")


def build_resnet_generator(
    make: GanLayers,
    filters: Sequence[int] = (1024, 512, 256, 128, 64),
    first_filters: int = 1024,
    first_side: int = 4,
    latent_size: int = 128,
    channels: int = 3,
    classes: int | None = 1000,
    momentum: float = 0.999,
    epsilon: float = 1e-5,
) -> keras.Model:
    """[latent, label] -> pictures in [-1, 1] of first_side x 2^blocks pixels.

    A dense layer makes the first map; each residual block doubles its sides:
        norm, ReLU, nearest neighbours, 3x3, norm, ReLU, 3x3   +   the same by 1x1
    with batch normalisation that is conditional on the class where there are classes.

    Args:
        make: how layers are made.
        filters: of each block.
        first_filters, first_side: of the first map.
        classes: None for a generator of latent vectors alone.
        momentum, epsilon: of batch normalisation; its fast kernel needs an epsilon of
            1.001e-5 or more.
    """
    latent, label = _latent_and_label(latent_size, classes)

    def normalise(x, name):
        if classes is None:
            return BatchNormalization(momentum, epsilon, name=name)(x)
        norm = ConditionalBatchNormalization(classes, momentum, epsilon, name=name)
        return norm(x, label)

    x = make.dense(latent, first_side**2 * first_filters, "stem")
    x = layers.Reshape((first_side, first_side, first_filters), name="stem_map")(x)
    for number, width in enumerate(filters, start=1):
        x = _up_block(x, width, make, normalise, f"block{number}")
        x = make.mix(x)
    x = ops.relu(BatchNormalization(momentum, epsilon, name="last_norm")(x))
    x = make.convolve(x, channels, 3, "picture")
    pictures = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(latent if classes is None else [latent, label], pictures)


def build_resnet_discriminator(
    make: GanLayers,
    image_shape: tuple[int, int, int] = (128, 128, 3),
    filters: Sequence[int] = (64, 128, 256, 512, 1024),
    flat_blocks: int = 1,
    classes: int | None = 1000,
) -> keras.Model:
    """[picture, label] -> scores (batch,); labels go to a projection head.

    Each residual block halves the sides of its map, `flat_blocks` more keep them:
        ReLU, 3x3, ReLU, 3x3, mean of 2 x 2   +   the same by 1x1
    The first one begins with its convolution. The last map's features are *summed* over
    positions: the projection's size depends on it.

    Args:
        make: how layers are made; without batch normalisation.
        filters: of each block; the flat ones have the last one's.
        classes: None for a discriminator of pictures alone.
    """
    pictures = keras.Input(image_shape, name="picture")
    label = None if classes is None else keras.Input((), dtype="int32", name="label")
    x = _first_down_block(pictures, filters[0], make, "block1")
    x = make.mix(x)
    for number, width in enumerate(filters[1:], start=2):
        x = _down_block(x, width, make, f"block{number}")
        x = make.mix(x)
    for number in range(len(filters) + 1, len(filters) + 1 + flat_blocks):
        x = _flat_block(x, make, f"block{number}")
    features = ops.sum(ops.relu(x), axis=(1, 2))
    score = make.head(features, label, classes)
    return keras.Model(pictures if classes is None else [pictures, label], score)


def _latent_and_label(latent_size: int, classes: int | None):
    latent = keras.Input((latent_size,), name="latent")
    label = None if classes is None else keras.Input((), dtype="int32", name="label")
    return latent, label


def _up_block(x, filters: int, make: GanLayers, normalise: Callable, name: str):
    branch = ops.relu(normalise(x, f"{name}_norm1"))
    branch = layers.UpSampling2D(2, name=f"{name}_up")(branch)
    branch = make.convolve(branch, filters, 3, f"{name}_conv1")
    branch = ops.relu(normalise(branch, f"{name}_norm2"))
    branch = make.convolve(branch, filters, 3, f"{name}_conv2")
    # A 1x1 convolution and nearest neighbours give the same in either order: on the
    # small map it takes a quarter of the time.
    shortcut = make.convolve(x, filters, 1, f"{name}_shortcut")
    return branch + layers.UpSampling2D(2, name=f"{name}_shortcut_up")(shortcut)


def _first_down_block(x, filters: int, make: GanLayers, name: str):
    """It sees pixels, which no ReLU may cut."""
    branch = ops.relu(make.convolve(x, filters, 3, f"{name}_conv1"))
    branch = make.convolve(branch, filters, 3, f"{name}_conv2")
    shortcut = _halve(x, f"{name}_shortcut_mean")
    shortcut = make.convolve(shortcut, filters, 1, f"{name}_shortcut")
    return _halve(branch, f"{name}_mean") + shortcut


def _down_block(x, filters: int, make: GanLayers, name: str):
    branch = make.convolve(ops.relu(x), filters, 3, f"{name}_conv1")
    branch = make.convolve(ops.relu(branch), filters, 3, f"{name}_conv2")
    # A mean and a 1x1 convolution: the same in either order, faster in this one.
    shortcut = _halve(x, f"{name}_shortcut_mean")
    shortcut = make.convolve(shortcut, filters, 1, f"{name}_shortcut")
    return _halve(branch, f"{name}_mean") + shortcut


def _flat_block(x, make: GanLayers, name: str):
    filters = x.shape[-1]
    branch = make.convolve(ops.relu(x), filters, 3, f"{name}_conv1")
    return x + make.convolve(ops.relu(branch), filters, 3, f"{name}_conv2")


def _halve(x, name: str):
    return layers.AveragePooling2D(2, name=name)(x)


def _attention(make: GanLayers, x):
    layer = SelfAttention2D(
        use_spectral_norm=make.use_spectral_norm,
        kernel_initializer=make.initializer,
        name="attention",
    )
    return layer(x)


def _residual(make: GanLayers, x):
    """Two 3x3 convolutions with the weights of attention: 2 x 9 C k = 1.25 C^2."""
    channels = x.shape[-1]
    inner = max(1, round(_ATTENTION_SHARE * channels / 18))
    branch = make.convolve(ops.relu(x), inner, 3, "mixing_conv1", use_bias=False)
    branch = make.convolve(
        ops.relu(branch), channels, 3, "mixing_conv2", use_bias=False
    )
    return x + branch


_MIXINGS = {
    "attention": _attention,
    "residual": _residual,
    "none": lambda make, x: x,
}
