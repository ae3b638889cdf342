"""Dense networks: published numbers of parameters and costs, and what is joined."""

import keras
import numpy as np
import pytest
from parameter_counts import trainable_parameters

from cai_keras.networks.densenet import (
    DenseLayer,
    apply_transition,
    build_cifar_densenet,
    build_imagenet_densenet,
)
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.training.multiply_adds import count_multiply_adds

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)


# Huang et al. 2017, Table 2: 1.0, 7.0 and 27.2 million with 16 filters at first.
@pytest.mark.parametrize(
    ("depth", "growth", "first", "expected"),
    [
        (40, 12, 16, 1_019_722),
        (40, 12, None, 1_059_298),
        (100, 12, 16, 6_979_642),
        (100, 12, None, 7_083_538),
        (100, 24, 16, 27_249_082),
        (100, 24, None, 28_071_706),
    ],
)
def test_parameters_of_plain_dense_nets(depth, growth, first, expected):
    layer = DenseLayer(MAKE, growth, bottleneck=None)
    network = build_cifar_densenet(depth, layer, compression=1.0, first_filters=first)

    assert trainable_parameters(network) == expected


# Table 2: 0.8, 15.3 and 25.6 million.
@pytest.mark.parametrize(
    ("depth", "growth", "classes", "expected"),
    [
        (22, 12, 10, 71_686),
        (40, 12, 10, 176_122),
        (100, 12, 10, 769_162),
        (100, 12, 100, 800_032),
        (250, 24, 10, 15_324_406),
        (190, 40, 10, 25_624_430),
    ],
)
def test_parameters_of_nets_with_bottleneck_and_compression(
    depth, growth, classes, expected
):
    layer = DenseLayer(MAKE, growth)
    network = build_cifar_densenet(depth, layer, num_classes=classes)

    assert trainable_parameters(network) == expected


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (121, 7_978_856),
        (169, 14_149_480),
        (201, 20_013_928),
        (264, 33_337_704),
        (161, 28_681_000),
    ],
)
def test_parameters_of_the_nets_for_imagenet(depth, expected):
    assert trainable_parameters(build_imagenet_densenet(depth, MAKE)) == expected


def test_costs_are_those_counted_by_hand_from_the_lists_of_layers():
    small = build_cifar_densenet(22, DenseLayer(MAKE, 12))
    large = build_imagenet_densenet(121, MAKE)

    assert count_multiply_adds(small) / 1e6 == pytest.approx(31.2, abs=0.05)
    assert count_multiply_adds(large) / 1e9 == pytest.approx(2.83, abs=0.005)


def test_a_layer_hands_on_its_input_before_what_it_adds():
    inputs = keras.Input((4, 4, 3))
    network = keras.Model(inputs, DenseLayer(MAKE, 5)(inputs, "layer"))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")

    found = np.asarray(network(x))

    assert found.shape == (2, 4, 4, 8)
    np.testing.assert_array_equal(found[..., :3], x)
    assert network.get_layer("layer_conv1").filters == 20


def test_a_transition_rounds_channels_down_and_halves_the_map():
    inputs = keras.Input((6, 6, 7))
    output = apply_transition(inputs, DenseLayer(MAKE, 5), 0.5, "transition")

    assert output.shape == (None, 3, 3, 3)


def test_there_is_a_dropout_after_every_convolution_but_the_first():
    layer = DenseLayer(MAKE, 4, dropout=0.2)
    network = build_cifar_densenet(10, layer, image_shape=(8, 8, 3))

    dropouts = [x for x in network.layers if isinstance(x, keras.layers.Dropout)]

    # One layer of two convolutions in three blocks, and two transitions.
    assert [x.rate for x in dropouts] == [0.2] * 8


@pytest.mark.parametrize(("depth", "bottleneck"), [(23, 4), (41, None), (4, 4)])
def test_a_depth_that_no_block_gives_is_refused(depth, bottleneck):
    with pytest.raises(ValueError, match=f"received {depth}"):
        build_cifar_densenet(depth, DenseLayer(MAKE, 12, bottleneck))
