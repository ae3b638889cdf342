"""VGG: the parameters and costs of Table 1, columns D and E."""

import keras
import pytest
from keras import layers
from parameter_counts import trainable_parameters

from cai_keras.networks.vgg import BLOCKS, apply_vgg_blocks, build_vgg
from cai_keras.training.multiply_adds import count_multiply_adds


# Each convolution has 9 x channels x filters numbers, and a bias for each filter.
@pytest.mark.parametrize(("depth", "expected"), [(16, 14_714_688), (19, 20_024_384)])
def test_parameters_of_the_convolutions(depth, expected):
    inputs = keras.Input((32, 32, 3))
    network = keras.Model(inputs, apply_vgg_blocks(inputs, BLOCKS[depth]))

    assert trainable_parameters(network) == expected


def test_parameters_of_the_whole_network_at_a_seventh_of_the_side():
    # 1 x 1 x 512 in the place of 7 x 7 x 512.
    dense = 512 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000

    assert trainable_parameters(build_vgg(16, image_size=32)) == 14_714_688 + dense


def test_the_cost_of_vgg_16_is_fifteen_and_a_half_thousand_million():
    inputs = keras.Input((224, 224, 3))
    network = keras.Model(inputs, apply_vgg_blocks(inputs, BLOCKS[16]))

    dense = 25088 * 4096 + 4096 * 4096 + 4096 * 1000
    assert (count_multiply_adds(network) + dense) / 1e9 == pytest.approx(
        15.47, abs=0.01
    )


def test_poolings_may_be_means():
    inputs = keras.Input((32, 32, 3))
    outputs = apply_vgg_blocks(inputs, (1, 1), (4, 8), layers.AveragePooling2D)
    network = keras.Model(inputs, outputs)

    assert isinstance(network.get_layer("block2_pool"), layers.AveragePooling2D)
    assert network.output_shape == (None, 8, 8, 8)
