"""Multiply-adds, each expected number worked out by hand or printed in a paper."""

import keras
import pytest
from keras import layers, ops

from cai_keras.layers.bilinear_resize import BilinearResize
from cai_keras.layers.grouped_conv2d import GroupedConv2D
from cai_keras.layers.local_response_normalization import LocalResponseNormalization
from cai_keras.networks.residual_blocks import BasicBlock, Bottleneck, Convolutions
from cai_keras.networks.resnet import build_cifar_resnet, build_imagenet_resnet
from cai_keras.training.multiply_adds import count_multiply_adds, multiply_adds_of

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)


def network_of(shape, *parts):
    return keras.Sequential([keras.Input(shape), *parts])


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        # 6 x 6 places, 3 x 3 x 3 numbers summed, 4 filters.
        ((8, 8, 3), layers.Conv2D(4, 3), 36 * 27 * 4),
        ((8, 8, 3), layers.Conv2D(4, 3, strides=2, padding="same"), 16 * 27 * 4),
        ((8, 8, 3), layers.Conv2D(4, 3, padding="same", dilation_rate=2), 64 * 27 * 4),
        # A group sums over half of the channels.
        ((8, 8, 4), layers.Conv2D(4, 3, padding="same", groups=2), 64 * 18 * 4),
        ((8, 8, 4), GroupedConv2D(4, 3, padding="same", groups=2), 64 * 18 * 4),
        # Each of 8 x 8 x 3 numbers goes to 2 x 2 places of 5 channels.
        ((8, 8, 3), layers.Conv2DTranspose(5, 2, strides=2), 192 * 20),
        ((8, 8, 3), layers.DepthwiseConv2D(3, padding="same"), 64 * 9 * 3),
        ((8, 8, 3), layers.SeparableConv2D(7, 3, padding="same"), 64 * 27 + 64 * 21),
        ((4, 8, 8, 3), layers.Conv3D(4, 3, padding="same"), 4 * 64 * 81 * 4),
        ((9, 5), layers.Conv1D(2, 3), 7 * 15 * 2),
        ((7,), layers.Dense(3), 21),
        ((5, 7), layers.Dense(3), 5 * 21),
        ((5, 7), layers.EinsumDense("abc,cd->abd", output_shape=(5, 3)), 5 * 21),
        ((8, 8, 3), layers.MaxPooling2D(2), 0),
        # Both are products with matrices that nothing learns.
        ((8, 8, 3), BilinearResize(4, 6), 0),
        ((8, 8, 3), LocalResponseNormalization(), 0),
    ],
)
def test_a_layer_has_the_multiply_adds_worked_out_by_hand(shape, layer, expected):
    assert count_multiply_adds(network_of(shape, layer)) == expected


def test_a_product_of_two_maps_counts_as_a_layer_does():
    queries, keys = keras.Input((6, 4)), keras.Input((5, 4))
    scores = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
    network = keras.Model({"queries": queries, "keys": keys}, scores)

    # Each of 6 x 5 scores sums over 4 channels.
    assert count_multiply_adds(network) == 6 * 5 * 4


def test_a_sum_over_letters_with_a_constant_is_none():
    x = keras.Input((6, 4))
    mixed = ops.einsum("bij,jk->bik", x, ops.ones((4, 3)))

    assert count_multiply_adds(keras.Model(x, mixed)) == 0


def test_a_layer_that_is_called_twice_counts_twice():
    x = keras.Input((4,))
    layer = layers.Dense(4)

    assert count_multiply_adds(keras.Model(x, layer(layer(x)))) == 2 * 16


def test_networks_within_a_network_count():
    inner = network_of((4,), layers.Dense(2))

    assert count_multiply_adds(network_of((4,), inner, layers.Dense(3))) == 8 + 6


def test_every_operation_is_listed_under_its_layers_name():
    network = network_of((4,), layers.Dense(2, name="a"), layers.Dense(3, name="b"))

    (first, small), (second, large) = multiply_adds_of(network)

    assert "/a" in first
    assert "/b" in second
    assert (small, large) == (8, 6)


def test_a_size_that_is_not_known_is_refused():
    network = network_of((None, None, 3), layers.Conv2D(4, 3))

    with pytest.raises(ValueError, match="inputs of known size"):
        count_multiply_adds(network)


# He et al. 2016, Table 1, prints 1.8, 3.6, 3.8, 7.6 and 11.3 thousand millions. By
# hand, 34 layers: 118,013,952 in the stem, 29 x 115,605,504 and 3 x 57,802,752 in the
# blocks, 512,000 at the end.
@pytest.mark.parametrize(
    ("depth", "block", "filters", "expected"),
    [
        (18, BasicBlock(MAKE, "project"), (64, 128, 256, 512), 1_814_073_344),
        (34, BasicBlock(MAKE, "pad"), (64, 128, 256, 512), 3_644_493_824),
        (50, Bottleneck(MAKE), (256, 512, 1024, 2048), 3_857_973_248),
        (50, Bottleneck(MAKE, stride_at="middle"), (256, 512, 1024, 2048),
         4_089_184_256),
        (101, Bottleneck(MAKE), (256, 512, 1024, 2048), 7_570_194_432),
        (152, Bottleneck(MAKE), (256, 512, 1024, 2048), 11_282_415_616),
    ],
)  # fmt: skip
def test_residual_networks_for_imagenet_have_the_papers_cost(
    depth, block, filters, expected
):
    network = build_imagenet_resnet(depth, block, MAKE, filters=filters)

    assert count_multiply_adds(network) == expected


def test_groups_leave_the_cost_of_resnext_50_near_that_of_resnet_50():
    block = Bottleneck(MAKE, width=0.5, groups=32, stride_at="middle")

    # Xie et al. 2017: 4.2 thousand millions.
    assert count_multiply_adds(build_imagenet_resnet(50, block, MAKE)) == 4_230_479_872


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 40.55), (56, 125.5), (110, 252.9)]
)
def test_residual_networks_for_cifar_have_the_cost_counted_by_hand(depth, millions):
    network = build_cifar_resnet(depth, BasicBlock(MAKE, "pad"), MAKE)

    assert count_multiply_adds(network) / 1e6 == pytest.approx(millions, rel=1e-3)
