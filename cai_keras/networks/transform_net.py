"""Networks that turn a picture into another: a style's, or a larger one.

Johnson, Alahi and Fei-Fei 2016 (arXiv:1603.08155) train them with perceptual losses.
Both are called with pictures in [0, 1], red first, and give such pictures:

    output = m + tanh(last convolution) 150 / 255

where m is ImageNet's mean colour, which is also taken off the input, as in the released
code (jcjohnson/fast-neural-style, there of 255). All channels reach below 0, red and
green above 1, blue 254 / 255. Nothing is clipped: do so where you show or save.

Kernels and biases start as in Torch, uniform within 1 / sqrt(area x input channels).
Norms start as in Keras: gamma is 1, where Torch of that time drew it from [0, 1].
"""

from collections.abc import Callable, Sequence
from functools import partial

import keras
from keras import layers, ops

from cai_keras.errors import choose
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.image_preparation import ImagePreparation
from cai_keras.layers.reflection_padding2d import ReflectionPadding2D

# Red, green, blue of ImageNet's mean, as in the Caffe release of VGG.
MEAN_COLOUR = (123.68 / 255, 116.779 / 255, 103.939 / 255)
AMPLITUDE = 150 / 255
# Each residual block takes this much off every side of its map.
_SHAVED = 2


def build_style_transform(
    filters: Sequence[int] = (32, 64, 128),
    residual_blocks: int = 5,
    norm: str = "batch",
    upsampling: str = "transposed",
    image_shape: tuple[int | None, int | None, int] = (None, None, 3),
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> keras.Model:
    """Picture -> picture of the same size: c9s1-32,d64,d128,R128 x5,u64,u32,c9s1-3.

    As in the released code with `reflect-start`: the picture is mirrored at its border
    once, by as much as the residual blocks take away: 5 blocks x 2 pixels at a quarter
    of the size, 40. The paper has batch norm; instance norm is Ulyanov et al. 2016
    (arXiv:1607.08022).

    Args:
        filters: of the first convolution and of each one with stride 2.
        residual_blocks: number of them.
        norm: of `NORMS`.
        upsampling: of `UPSAMPLINGS`.
        image_shape: sides larger than the padding and multiples of 4, or None; a
            picture with other sides comes out larger, up to the next multiple.
        momentum, epsilon: of the norms, Torch's; its momentum of 0.1 is 0.9 here.
            Batch norm takes its fast kernel from an epsilon of 1.001e-5 on.
    Raises:
        UsageError: an unknown norm or way of enlarging; names the nearest.
        ValueError: a known side that is too small or no such multiple.
    """
    shrinking = 2 ** (len(filters) - 1)
    if any(side is not None and side % shrinking for side in image_shape[:2]):
        raise ValueError(
            f"image_shape: sides must be multiples of {shrinking}; received "
            f"{image_shape[0]} x {image_shape[1]}"
        )
    normalise = _normaliser(norm, momentum, epsilon)
    enlarge = choose("upsampling", upsampling, UPSAMPLINGS)
    pictures = keras.Input(image_shape, name="picture")
    x = _prepare(pictures)
    x = ReflectionPadding2D(_SHAVED * residual_blocks * shrinking, name="padding")(x)
    x = _convolve(x, filters[0], 9, "stem_conv")
    x = ops.relu(normalise("stem_norm")(x))
    for number, width in enumerate(filters[1:], start=1):
        x = _halve(x, width, f"down{number}_conv")
        x = ops.relu(normalise(f"down{number}_norm")(x))
    for number in range(1, residual_blocks + 1):
        x = _residual_block(x, normalise, f"residual{number}")
    for number, width in enumerate(reversed(filters[:-1]), start=1):
        x = enlarge(x, width, f"up{number}_conv")
        x = ops.relu(normalise(f"up{number}_norm")(x))
    return keras.Model(pictures, _finish(x))


def build_super_resolution(
    factor: int,
    filters: int = 64,
    residual_blocks: int = 4,
    norm: str = "batch",
    upsampling: str = "transposed",
    image_shape: tuple[int | None, int | None, int] = (None, None, 3),
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> keras.Model:
    """Picture -> picture `factor` times as high and wide, a power of 2.

    A 9x9 convolution and residual blocks at the small size, log2(factor) enlargements
    by 2, and a 9x9 convolution. There is a norm after every convolution but the last,
    as in the style network: 401,859 parameters for x4 and 438,915 for x8.

    Args:
        factor: 4 or 8 in the paper.
        filters: of all convolutions but the last.
        residual_blocks, norm, upsampling, momentum, epsilon: as in
            `build_style_transform`.
        image_shape: of the small picture; sides larger than 2 pixels a block, or None.
    Raises:
        UsageError: an unknown norm or way of enlarging; names the nearest.
        ValueError: a factor that is no power of 2, or a known side that is too small.
    """
    if factor < 2 or factor & (factor - 1):
        raise ValueError(f"factor must be a power of 2 from 2; received {factor}")
    normalise = _normaliser(norm, momentum, epsilon)
    enlarge = choose("upsampling", upsampling, UPSAMPLINGS)
    pictures = keras.Input(image_shape, name="picture")
    x = _prepare(pictures)
    # The paper does not say how these residual blocks are padded: as the style's are.
    x = ReflectionPadding2D(_SHAVED * residual_blocks, name="padding")(x)
    x = _convolve(x, filters, 9, "stem_conv")
    x = ops.relu(normalise("stem_norm")(x))
    for number in range(1, residual_blocks + 1):
        x = _residual_block(x, normalise, f"residual{number}")
    for number in range(1, factor.bit_length()):
        x = enlarge(x, filters, f"up{number}_conv")
        x = ops.relu(normalise(f"up{number}_norm")(x))
    return keras.Model(pictures, _finish(x))


def _prepare(pictures):
    # In mixed precision too: values near 1 have few digits in bfloat16.
    prepare = ImagePreparation(MEAN_COLOUR, [1.0] * 3, dtype="float32", name="prepare")
    return prepare(pictures)


def _finish(x):
    """The last convolution and the range of its pictures, float32."""
    x = ops.tanh(_convolve(x, 3, 9, "picture_conv", dtype="float32"))
    colours = layers.Rescaling(
        AMPLITUDE, list(MEAN_COLOUR), dtype="float32", name="colours"
    )
    return colours(x)


def _residual_block(x, normalise: Callable, name: str):
    """Gross and Wilber's: no ReLU after the sum. The map loses `_SHAVED` on each side.

    Its convolutions are not padded, so that no zeros come in; the skip is cropped.
    """
    width = x.shape[-1]
    branch = _convolve(x, width, 3, f"{name}_conv1", padding="valid")
    branch = ops.relu(normalise(f"{name}_norm1")(branch))
    branch = _convolve(branch, width, 3, f"{name}_conv2", padding="valid")
    branch = normalise(f"{name}_norm2")(branch)
    return layers.Cropping2D(_SHAVED, name=f"{name}_skip")(x) + branch


def _convolve(x, filters: int, size: int, name: str, padding="same", **kwargs):
    return layers.Conv2D(
        filters, size, padding=padding, name=name, **_starts(x, size), **kwargs
    )(x)


def _halve(x, filters: int, name: str):
    """3x3 with stride 2; Torch pads both sides alike, "same" only right and below."""
    padded = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
    return layers.Conv2D(filters, 3, 2, name=name, **_starts(x, 3))(padded)


def _transposed(x, filters: int, name: str):
    """Transposed 3x3 with stride 2: pixel i goes to 2 i - 1, 2 i and 2 i + 1.

    Torch with padding 1 and adjustment 1: of 2 n + 1 rows and columns the first falls
    off. Keras's "same" drops the last.
    """
    larger = layers.Conv2DTranspose(filters, 3, 2, name=name, **_starts(x, 3))(x)
    return layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(larger)


def _resized(x, filters: int, name: str):
    """Each pixel four times, then a 3x3 convolution: as many weights.

    Odena et al. 2016 (doi:10.23915/distill.00003), against checkerboard patterns: a
    transposed convolution sees every other pixel more often.
    """
    larger = layers.UpSampling2D(2, name=f"{name}_nearest")(x)
    return _convolve(larger, filters, 3, name)


UPSAMPLINGS = {"transposed": _transposed, "resized": _resized}


def _starts(x, size: int) -> dict:
    """Initialisers of a size x size convolution of x, as in Torch.

    A transposed one has the same bound in Lua Torch, with its input's channels; Keras's
    "fan_in" and PyTorch count its output's there.
    """
    bound = (size * size * x.shape[-1]) ** -0.5
    return {
        name: keras.initializers.RandomUniform(-bound, bound)
        for name in ("kernel_initializer", "bias_initializer")
    }


def _normaliser(norm: str, momentum: float, epsilon: float) -> Callable:
    """Function name -> new normalisation."""
    return partial(choose("norm", norm, NORMS), momentum, epsilon)


def _batch_norm(momentum: float, epsilon: float, name: str):
    return BatchNormalization(momentum, epsilon, name=name)


def _instance_norm(momentum: float, epsilon: float, name: str):
    """Of each picture and channel; nothing moves, so that momentum has no use."""
    return layers.GroupNormalization(groups=-1, epsilon=epsilon, name=name)


NORMS = {"batch": _batch_norm, "instance": _instance_norm}
