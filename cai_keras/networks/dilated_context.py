"""Dilated convolutions for dense prediction: front end and context module."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from cai_keras.layers.bilinear_deconvolution import BilinearDeconvolution
from cai_keras.networks.vgg import FILTERS

# Dilations of the 3x3 layers: Yu and Koltun 2016 (arXiv:1511.07122), Table 1; the
# released networks for KITTI and Cityscapes have one less and two more.
DILATIONS = (1, 1, 2, 4, 8, 16, 1)
KITTI_DILATIONS = (1, 1, 2, 4, 8, 1)
CITYSCAPES_DILATIONS = (1, 1, 2, 4, 8, 16, 32, 64, 1)
# Channels of the 3x3 layers as multiples of the number of classes.
BASIC = (1, 1, 1, 1, 1, 1, 1)
LARGE = (2, 2, 4, 8, 16, 32, 32)


@keras.saving.register_keras_serializable(package="cai_keras")
class ContextIdentity(keras.initializers.Initializer):
    """Kernels with which a context module starts as the identity.

    Yu and Koltun 2016, equations 4 and 5; the released Caffe filler `identity` agrees
    (as many groups as classes). With C classes, c_in and c_out channels, the middle of
    the kernel from channel a to channel b is C / c_out where
    floor(a C / c_in) = floor(b C / c_out), the same class's share of the channels.
    Everything else is normal noise of mean 0: without it the channels of one class
    stay alike for ever.

    Args:
        classes: C; it divides the channels on both sides.
        deviation: of the noise, small against C / c_out; with 0 and c_in = c_out = C
            the layer is exactly the identity.
        seed: of the noise.
        relative: the deviation is a share of C / c_out; the released code has 0.01.
    """

    def __init__(
        self,
        classes: int,
        deviation: float = 0.0,
        seed: int | None = None,
        relative: bool = False,
    ):
        self.classes = classes
        self.deviation = deviation
        self.seed = seed
        self.relative = relative

    def __call__(self, shape, dtype=None):
        height, width, before, after = shape
        arriving = ops.arange(before) * self.classes // before
        leaving = ops.arange(after) * self.classes // after
        same = ops.cast(arriving[:, None] == leaving[None, :], "float32")
        middle = same * (self.classes / after)
        top, left = (height - 1) // 2, (width - 1) // 2
        around = [(top, height - 1 - top), (left, width - 1 - left), (0, 0), (0, 0)]
        kernel = ops.pad(middle[None, None], around)
        if self.deviation:
            unit = self.classes / after if self.relative else 1.0
            noise = keras.random.normal(
                shape, 0.0, self.deviation * unit, seed=self.seed
            )
            here = ops.pad(same[None, None], around)
            kernel = kernel + noise * (1 - here)
        return ops.cast(kernel, dtype or "float32")

    def get_config(self):
        return {
            "classes": self.classes,
            "deviation": self.deviation,
            "seed": self.seed,
            "relative": self.relative,
        }


def apply_context(
    x,
    classes: int,
    dilations: Sequence[int] = DILATIONS,
    multiples: Sequence[int] | None = None,
    kernel_initializer=None,
    name: str = "context",
):
    """3x3 convolutions of growing dilation, and a 1x1: Table 1.

    ReLU after all but the last. Maps keep their size; zeros come from outside.

    Args:
        x: (batch, height, width, classes), >= 0 for an exact identity.
        dilations: of the 3x3 layers.
        multiples: channels of each 3x3 layer in multiples of `classes`: `BASIC`,
            `LARGE`; 1 everywhere if None.
        kernel_initializer: function that gives a new one; the identity if None.
    """
    make = kernel_initializer or (lambda: ContextIdentity(classes))
    multiples = multiples or (1,) * len(dilations)
    pairs = zip(dilations, multiples, strict=True)
    for number, (dilation, multiple) in enumerate(pairs, start=1):
        x = layers.Conv2D(
            multiple * classes, 3, padding="same", dilation_rate=dilation,
            activation="relu", kernel_initializer=make(), name=f"{name}{number}",
        )(x)  # fmt: skip
    last = f"{name}{len(dilations) + 1}"
    return layers.Conv2D(classes, 1, kernel_initializer=make(), name=last)(x)


def build_context(
    classes: int,
    dilations: Sequence[int] = DILATIONS,
    multiples: Sequence[int] | None = None,
    kernel_initializer=None,
    image_size: int | None = None,
) -> keras.Model:
    """The context module alone: maps of classes -> maps of classes."""
    inputs = keras.Input((image_size, image_size, classes))
    outputs = apply_context(inputs, classes, dilations, multiples, kernel_initializer)
    return keras.Model(inputs, outputs)


def build_front_end(
    classes: int, image_size: int | None = None, dropout: float = 0.5
) -> keras.Model:
    """VGG-16 for dense prediction: Section 4; no convolution is padded.

    The last two poolings are left out; what came after them is dilated by 2 and by 4,
    and the dense layers are convolutions. The output has an eighth of the input's side
    less 372 pixels: (image_size - 372) / 8.
    """
    inputs = x = keras.Input((image_size, image_size, 3))
    for block, (count, filters) in enumerate(
        zip((2, 2, 3, 3, 3), FILTERS, strict=True), start=1
    ):
        for index in range(1, count + 1):
            x = layers.Conv2D(
                filters, 3, activation="relu", dilation_rate=2 if block == 5 else 1,
                name=f"block{block}_conv{index}",
            )(x)  # fmt: skip
        if block <= 3:
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = layers.Conv2D(4096, 7, dilation_rate=4, activation="relu", name="hidden1")(x)
    x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(4096, 1, activation="relu", name="hidden2")(x)
    x = layers.Dropout(dropout)(x)
    start = keras.initializers.RandomNormal(0.0, 0.001)
    logits = layers.Conv2D(
        classes, 1, kernel_initializer=start, dtype="float32", name="logits"
    )(x)
    return keras.Model(inputs, logits)


def build_dense_prediction(
    parts: Sequence[keras.Model], upsampling: int = 1
) -> keras.Model:
    """Front end and context module as one network: image -> logits.

    Args:
        parts: one behind the other; their weights are shared with the result.
        upsampling: factor of a fixed bilinear deconvolution at the end, as in the
            released network for Cityscapes; without one if 1.
    """
    inputs = x = keras.Input(parts[0].input_shape[1:])
    for part in parts:
        x = part(x)
    if upsampling > 1:
        x = BilinearDeconvolution(upsampling, dtype="float32", name="upsampling")(x)
    return keras.Model(inputs, x)
