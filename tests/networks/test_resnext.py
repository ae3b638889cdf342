"""ResNeXt: three forms are one function; published parameters and costs."""

import keras
import numpy as np
import pytest
from parameter_counts import trainable_parameters

from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.networks.resnet import build_imagenet_resnet
from cai_keras.networks.resnext import (
    EQUAL_COST,
    FORMS,
    ResNeXtBlock,
    build_cifar_resnext,
    share_weights,
)
from cai_keras.training.multiply_adds import count_multiply_adds

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)


# Xie et al. 2017, Tables 1 and 2, and torchvision's 25,028,904 for 32x4d.
PARAMETERS_50 = {
    1: 25_557_032,
    2: 25_425_000,
    4: 25_292_968,
    8: 25_603_016,
    32: 25_028_904,
}


@pytest.mark.parametrize("cardinality", EQUAL_COST)
def test_parameters_of_resnext_50(cardinality):
    block = ResNeXtBlock(MAKE, cardinality, EQUAL_COST[cardinality])

    assert (
        trainable_parameters(build_imagenet_resnet(50, block, MAKE))
        == PARAMETERS_50[cardinality]
    )


@pytest.mark.parametrize(
    ("cardinality", "width", "expected"),
    [(32, 4, 44_177_704), (64, 4, 83_455_272), (32, 8, 88_791_336)],
)
def test_parameters_of_resnext_101(cardinality, width, expected):
    block = ResNeXtBlock(MAKE, cardinality, width)

    assert trainable_parameters(build_imagenet_resnet(101, block, MAKE)) == expected


# Section 5.3: 34.4 and 68.1 million; then the paper's list of equal costs.
@pytest.mark.parametrize(
    ("cardinality", "width", "expected"),
    [
        (8, 64, 34_426_698),
        (16, 64, 68_155_210),
        (1, 64, 4_914_250),
        (2, 40, 4_879_626),
        (4, 24, 4_845_002),
        (8, 14, 4_901_098),
        (32, 4, 4_775_754),
    ],
)
def test_parameters_of_resnext_29(cardinality, width, expected):
    assert trainable_parameters(
        build_cifar_resnext(ResNeXtBlock(MAKE, cardinality, width))
    ) == (expected)


def test_the_cost_of_resnext_29_is_the_one_counted_by_hand():
    network = build_cifar_resnext(ResNeXtBlock(MAKE, 8, 64))

    assert count_multiply_adds(network) / 1e9 == pytest.approx(5.39, abs=0.005)


def one_block(form, cardinality, stride=1):
    inputs = keras.Input((6, 6, 16))
    block = ResNeXtBlock(MAKE, cardinality, width=16, form=form)
    return keras.Model(inputs, block(inputs, 32, stride, 0, "block"))


def shaken(network, seed=0):
    """No normalisation is the identity."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(np.asarray(weight) + rng.uniform(0.1, 0.5, weight.shape))
    return network


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("cardinality", [1, 2, 4])
@pytest.mark.parametrize("form", ["summed", "joined"])
def test_all_forms_are_the_same_function_of_the_same_numbers(form, cardinality, stride):
    grouped = shaken(one_block("grouped", cardinality, stride))
    other = one_block(form, cardinality, stride)
    x = np.random.default_rng(1).normal(size=(3, 6, 6, 16)).astype("float32")

    share_weights(grouped, other)

    expected = np.asarray(grouped(x))
    assert expected.std() > 0
    np.testing.assert_allclose(other(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_number_of_parameters(form):
    assert trainable_parameters(one_block(form, 4)) == trainable_parameters(
        one_block("grouped", 4)
    )


def test_groups_divide_the_cost_of_the_middle_convolution():
    costs = [
        count_multiply_adds(one_block("grouped", cardinality)) for cardinality in (1, 2)
    ]

    # With 16 x 32 / 256 = 2 channels a path: 1x1, 3x3, 1x1 and the projection.
    one = 36 * (16 * 2 + 9 * 2 * 2 + 2 * 32 + 16 * 32)
    two = 36 * (16 * 4 + 9 * 4 * 2 + 4 * 32 + 16 * 32)
    assert costs == [one, two]


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="summed, joined, grouped; got 'split'"):
        ResNeXtBlock(MAKE, form="split")
