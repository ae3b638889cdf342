"""Convolutional GANs: DCGAN as its authors released it, and its well-known variants.

Radford, Metz and Chintala 2016 (arXiv:1511.06434): strided convolutions instead of
pooling, batch normalisation everywhere but in the generator's last and in the
discriminator's first layer, ReLU in the generator, leaky ReLU in the discriminator.
Weights start from N(0, 0.02), scales of batch normalisation from N(1, 0.02).

Generators take latent vectors (batch, latent_size) to pictures in [-1, 1];
discriminators take such pictures to one unbounded score each, (batch,).

    form            generator   discriminator   what differs
    RELEASED        18,885,760  17,232,768      5x5; every unit of the dense layer is
                                                normalised on its own
    TORCH            3,576,704   2,765,568      4x4, half as wide (soumith/dcgan.torch)
    TUTORIAL        12,656,257  11,033,985      4x4 with biases, one channel (the
                                                notebook of smartgeometry-ucl/dl4g)
    SMALL            2,305,472     212,865      28 x 28, one channel: TensorFlow's
                                                tutorial; no norm but dropout in the
                                                discriminator
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

from cai_keras.layers.batch_normalization import BatchNormalization

_DEVIATION = 0.02


@dataclass(frozen=True)
class DcganForm:
    """What published DCGANs do differently.

    Attributes:
        filters: of the generator's maps, the first one's first.
        first_side: height and width of the first map.
        strides: of the generator's convolutions; the last one makes the picture.
        discriminator_filters, discriminator_strides: of the discriminator's.
        kernel_size: of all of them.
        channels: of the pictures.
        unit_norm: whether the first layer is dense and each of its units has moments
            of its own; otherwise it is a transposed convolution of a 1 x 1 map, whose
            positions share them.
        use_bias: of convolutions and dense layers. The discriminators of SMALL have
            biases, its generator has none.
        discriminator_bias: of the discriminator's.
        generator_slope: of its leaky ReLU; 0 is ReLU.
        discriminator_slope: of its leaky ReLU.
        discriminator_norm: batch normalisation from the second convolution on.
        dropout: share of the discriminator's units that is dropped.
    """

    filters: Sequence[int]
    first_side: int
    strides: Sequence[int]
    discriminator_filters: Sequence[int]
    discriminator_strides: Sequence[int]
    kernel_size: int
    channels: int
    unit_norm: bool = False
    use_bias: bool = False
    discriminator_bias: bool = False
    generator_slope: float = 0.0
    discriminator_slope: float = 0.2
    discriminator_norm: bool = True
    dropout: float = 0.0

    @property
    def side(self) -> int:
        """Pixels of the pictures, in both directions."""
        return self.first_side * math.prod(self.strides)


RELEASED = DcganForm(
    (1024, 512, 256, 128), 4, (2,) * 4, (128, 256, 512, 1024), (2,) * 4, 5, 3,
    unit_norm=True,
)  # fmt: skip
TORCH = DcganForm(
    (512, 256, 128, 64), 4, (2,) * 4, (64, 128, 256, 512), (2,) * 4, 4, 3
)  # fmt: skip
TUTORIAL = DcganForm(
    (1024, 512, 256, 128), 4, (2,) * 4, (128, 256, 512, 1024), (2,) * 4, 4, 1,
    use_bias=True, discriminator_bias=True,
)  # fmt: skip
SMALL = DcganForm(
    (256, 128, 64), 7, (1, 2, 2), (64, 128), (2, 2), 5, 1, unit_norm=True,
    discriminator_bias=True, generator_slope=0.3, discriminator_slope=0.3,
    discriminator_norm=False, dropout=0.3,
)  # fmt: skip
FORMS = {"released": RELEASED, "torch": TORCH, "tutorial": TUTORIAL, "small": SMALL}


def build_dcgan_generator(
    form: DcganForm,
    latent_size: int = 100,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> keras.Model:
    """Latent vectors (batch, latent_size) -> pictures in [-1, 1].

    Args:
        form: one of `FORMS`, or `dataclasses.replace` of one.
        momentum, epsilon: of batch normalisation. Its fast kernel needs an epsilon of
            1.001e-5 or more.
    """
    latent = keras.Input((latent_size,), name="latent")
    side, width = form.first_side, form.filters[0]
    if form.unit_norm:
        x = _dense(latent, side * side * width, form.use_bias, "stem")
        x = _normalise(x, momentum, epsilon, "stem_norm")
        x = layers.Reshape((side, side, width), name="stem_map")(x)
    else:
        x = layers.Reshape((1, 1, latent_size), name="stem_map")(latent)
        x = layers.Conv2DTranspose(
            width, side, use_bias=form.use_bias, kernel_initializer=_starts(),
            name="stem",
        )(x)  # fmt: skip
        x = _normalise(x, momentum, epsilon, "stem_norm")
    x = ops.leaky_relu(x, form.generator_slope)
    *strides, last_stride = form.strides
    for number, (filters, stride) in enumerate(
        zip(form.filters[1:], strides, strict=True), start=1
    ):
        x = _enlarge(x, filters, form.kernel_size, stride, form.use_bias, f"up{number}")
        x = _normalise(x, momentum, epsilon, f"up{number}_norm")
        x = ops.leaky_relu(x, form.generator_slope)
    x = _enlarge(
        x, form.channels, form.kernel_size, last_stride, form.use_bias, "picture"
    )
    return keras.Model(latent, layers.Activation("tanh", dtype="float32")(x))


def build_dcgan_discriminator(
    form: DcganForm, momentum: float = 0.9, epsilon: float = 1e-5
) -> keras.Model:
    """Pictures in [-1, 1] -> one unbounded score each, (batch,); see the generator."""
    pictures = keras.Input((form.side, form.side, form.channels), name="picture")
    x = pictures
    for number, (filters, stride) in enumerate(
        zip(form.discriminator_filters, form.discriminator_strides, strict=True),
        start=1,
    ):
        name = f"down{number}"
        x = _shrink(x, filters, form.kernel_size, stride, form.discriminator_bias, name)
        if form.discriminator_norm and number > 1:
            x = _normalise(x, momentum, epsilon, f"{name}_norm")
        x = ops.leaky_relu(x, form.discriminator_slope)
        if form.dropout:
            x = layers.Dropout(form.dropout, name=f"{name}_dropout")(x)
    x = _dense(layers.Flatten()(x), 1, form.discriminator_bias, "score")
    return keras.Model(pictures, layers.Reshape((), dtype="float32")(x))


def _dense(x, units: int, use_bias: bool, name: str):
    return layers.Dense(
        units, use_bias=use_bias, kernel_initializer=_starts(), name=name
    )(x)


def _enlarge(x, filters: int, size: int, stride: int, use_bias: bool, name: str):
    """A transposed convolution that pads both sides alike, as Theano and Torch do.

    It is the gradient of a convolution with that padding; Keras's "same" is that of
    one that pads less on the left and above.
    """
    x = layers.Conv2DTranspose(
        filters, size, stride, use_bias=use_bias, kernel_initializer=_starts(),
        name=name,
    )(x)  # fmt: skip
    before = (size - 1) // 2
    after = size - stride - before
    return layers.Cropping2D(((before, after), (before, after)), name=f"{name}_crop")(x)


def _shrink(x, filters: int, size: int, stride: int, use_bias: bool, name: str):
    x = layers.ZeroPadding2D((size - 1) // 2, name=f"{name}_padding")(x)
    return layers.Conv2D(
        filters, size, stride, use_bias=use_bias, kernel_initializer=_starts(),
        name=name,
    )(x)  # fmt: skip


def _normalise(x, momentum: float, epsilon: float, name: str):
    gamma = keras.initializers.RandomNormal(1.0, _DEVIATION)
    return BatchNormalization(momentum, epsilon, gamma_initializer=gamma, name=name)(x)


def _starts():
    return keras.initializers.RandomNormal(0.0, _DEVIATION)
