"""Encoders, decoders and transfer functions, at the paper's size and small.

The paper's are those of the released code (StanfordVL/taskonomy), whose encoder is
TensorFlow slim's ResNet-50: a stage shrinks the map in its *last* block, and the
shortcut of that block takes every other pixel.
"""

import keras
from keras import layers, ops

from cai_keras.networks.residual_blocks import Bottleneck, Convolutions

CODE_CHANNELS = 8
# Blocks, filters and the stride of the last block, of each stage.
_STAGES = ((3, 256, 2), (4, 512, 2), (6, 1024, 1), (3, 2048, 1))
_LEAK = 0.2
# Convolutions before the first deconvolution, then (deconvolution, convolution) pairs;
# the last pair's convolution is the output.
_DECODER = (1024, 1024, 512, 256, 256, 128)
_DECODER_UP = ((64, 64), (32, 32), (16, 32), (16, None))


def build_paper_encoder(make: Convolutions, side: int = 256) -> keras.Model:
    """Image -> code: ResNet-50 without its classifier, and a convolution to 8 maps.

    Images (side, side, channels=3) in [-1, 1] become (side / 16, side / 16, 8), not
    negative. Trainable parameters: 23,508,032 and 147,472.
    """
    inputs = keras.Input((side, side, 3), name="image")
    x = make.convolve(inputs, 64, 7, "stem_conv", stride=2)
    x = ops.relu(make.normalise(x, "stem_norm"))
    # slim's "SAME" pads below and on the right only; He et al. pad all around.
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    apply_block = Bottleneck(make, stride_at="middle", sub_samples=True)
    for stage, (count, filters, last_stride) in enumerate(_STAGES, start=1):
        for index in range(count):
            stride = last_stride if index == count - 1 else 1
            name = f"stage{stage}_block{index + 1}"
            x = apply_block(x, filters, stride, index, name)
    x = make.convolve(x, CODE_CHANNELS, 3, "compress_conv")
    code = ops.relu(make.normalise(x, "compress_norm"))
    return keras.Model(inputs, code, name="encoder")


def build_paper_decoder(
    make: Convolutions, channels: int, code_shape=(16, 16, CODE_CHANNELS)
) -> keras.Model:
    """Code -> map: 15 convolutions, four of which double the side.

    Leaky ReLU 0.2 and batch normalisation behind all but the last, which ends in tanh.
    """
    inputs = keras.Input(code_shape, name="code")
    x = inputs
    for number, filters in enumerate(_DECODER, start=1):
        x = _normalised(make, make.convolve(x, filters, 3, f"conv{number}"), number)
    number = len(_DECODER)
    for up, filters in _DECODER_UP:
        number += 1
        x = layers.Conv2DTranspose(
            up, 3, 2, "same", use_bias=False, kernel_initializer=make.initializer(),
            name=f"deconv{number}",
        )(x)  # fmt: skip
        x = _normalised(make, x, number)
        number += 1
        if filters is None:
            x = layers.Conv2D(channels, 3, padding="same", name="output")(x)
        else:
            x = _normalised(make, make.convolve(x, filters, 3, f"conv{number}"), number)
    return keras.Model(inputs, ops.tanh(x), name="decoder")


def _normalised(make: Convolutions, x, number: int):
    return ops.leaky_relu(make.normalise(x, f"norm{number}"), _LEAK)


def build_paper_transfer(
    make: Convolutions, sources: int, code_side: int = 16
) -> keras.Model:
    """Codes of `sources` networks, one behind the other -> 16 maps for a decoder.

    `transfer_two_stream_with_bn_ends_l2l0_no_image`: batch normalisation, two streams
    of two 3x3 convolutions to 8 maps, joined, and batch normalisation. 2,416 trainable
    parameters with one source.
    """
    shape = (code_side, code_side, CODE_CHANNELS * sources)
    inputs = keras.Input(shape, name="codes")
    x = make.normalise(inputs, "norm_in")
    streams = []
    for stream in ("first", "second"):
        y = x
        for number in (1, 2):
            y = make.convolve(y, CODE_CHANNELS, 3, f"{stream}_conv{number}")
            y = ops.relu(make.normalise(y, f"{stream}_norm{number}"))
        streams.append(y)
    x = make.normalise(ops.concatenate(streams, axis=-1), "norm_out")
    return keras.Model(inputs, x, name="transfer")
