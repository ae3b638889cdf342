"""Taskonomy's networks: published shapes and counts, layer by layer."""

import keras
import numpy as np
import pytest

from cai_keras.networks.residual_blocks import Bottleneck, Convolutions
from cai_keras.training.first_record import count_parameters
from reproductions.taskonomy.model import (
    build_paper_decoder,
    build_paper_encoder,
    build_paper_transfer,
)

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)


def trainable(network):
    return count_parameters({"network": network})["network"].trainable


def test_the_encoder_has_resnet_50_and_eight_maps():
    encoder = build_paper_encoder(MAKE)

    # ResNet-50 without classifier 23,508,032; 3 x 3 x 2048 x 8 and 16 of its norm.
    assert trainable(encoder) == 23_508_032 + 147_472 == 23_655_504
    assert encoder.output_shape == (None, 16, 16, 8)


@pytest.mark.parametrize(
    ("channels", "count"), [(3, 16_453_299), (2, 16_453_154), (1, 16_453_009)]
)
def test_the_decoder_has_the_layers_of_the_released_code(channels, count):
    decoder = build_paper_decoder(MAKE, channels)

    assert trainable(decoder) == count
    assert decoder.output_shape == (None, 256, 256, channels)


def test_a_transfer_function_is_small():
    assert trainable(build_paper_transfer(MAKE, 1)) == 2_416
    # Two sources: 2 x 8 x 3 x 3 x 8 more weights in the first layers, 16 in the norm.
    assert trainable(build_paper_transfer(MAKE, 2)) == 2_416 + 1_152 + 16
    assert build_paper_transfer(MAKE, 4).output_shape == (None, 16, 16, 16)


def test_codes_are_not_negative_and_maps_stay_within_one():
    encoder, decoder = (
        build_paper_encoder(MAKE, 32),
        build_paper_decoder(MAKE, 1, (2, 2, 8)),
    )
    image = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")

    code = encoder(image)
    picture = decoder(code)

    assert code.shape == (2, 2, 2, 8)
    assert float(keras.ops.min(code)) >= 0
    assert picture.shape == (2, 32, 32, 1)
    assert float(keras.ops.max(keras.ops.abs(picture))) <= 1


def test_a_block_that_only_shrinks_takes_every_other_pixel():
    inputs = keras.Input((4, 4, 8))
    block = Bottleneck(MAKE, stride_at="middle", sub_samples=True)
    outputs = block(inputs, 8, 2, 1, "block")
    network = keras.Model(inputs, outputs)
    # With its last gamma at 0 the branch is 0, and the block a ReLU of the shortcut.
    network.get_layer("block_norm3").gamma.assign(np.zeros(8))
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 8)).astype("float32")

    found = keras.ops.convert_to_numpy(network(x))

    np.testing.assert_allclose(found, np.maximum(x[:, ::2, ::2], 0), atol=1e-6)
    assert not [w for w in network.weights if "projection" in w.path]
