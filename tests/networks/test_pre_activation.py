"""Residual units that activate first: published sizes, and the identity they keep."""

import keras
import numpy as np
import pytest
from parameter_counts import trainable_parameters

from cai_keras.networks.pre_activation import (
    PreActivationBlock,
    PreActivationBottleneck,
    build_cifar_pre_activation_resnet,
)
from cai_keras.networks.residual_blocks import Convolutions

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)


@pytest.mark.parametrize(
    ("depth", "block", "millions"),
    [
        # He et al. 2016 (arXiv:1603.05027), Table 4, from memory: 1.7 and 10.2 million;
        # layer by layer the deep one has 10.3.
        (164, PreActivationBottleneck(MAKE), 1.7),
        (1001, PreActivationBottleneck(MAKE), 10.3),
        (110, PreActivationBlock(MAKE), 1.7),
    ],
)
def test_networks_for_cifar_have_the_published_size(depth, block, millions):
    network = build_cifar_pre_activation_resnet(depth, block)

    assert round(trainable_parameters(network) / 1e6, 1) == millions


def test_parameters_of_eight_layers_counted_by_hand():
    # Stem 27 x 16; units of 16, 32 and 64 channels: two 3x3 convolutions, gamma and
    # beta before each; projections 16 x 32 and 32 x 64; the last norm; 65 x 10.
    units = (
        (32 + 9 * 16 * 16 + 32 + 9 * 16 * 16)
        + (32 + 9 * 16 * 32 + 64 + 9 * 32 * 32 + 16 * 32)
        + (64 + 9 * 32 * 64 + 128 + 9 * 64 * 64 + 32 * 64)
    )

    network = build_cifar_pre_activation_resnet(8, PreActivationBlock(MAKE))

    assert trainable_parameters(network) == 27 * 16 + units + 128 + 65 * 10


@pytest.mark.parametrize("block", [PreActivationBlock, PreActivationBottleneck])
def test_the_sum_of_a_unit_passes_negative_numbers_on(block):
    silent = Convolutions(0.9, 1e-5, initializer=lambda: "zeros")
    inputs = keras.Input((4, 4, 8))
    unit = keras.Model(inputs, block(silent)(inputs, 8, 1, 0, "unit"))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("float32")

    np.testing.assert_array_equal(unit(x), x)


def test_a_shortcut_that_changes_the_shape_sees_the_activated_map():
    inputs = keras.Input((4, 4, 1))
    unit = keras.Model(
        inputs,
        PreActivationBlock(Convolutions(0.9, 1e-5, lambda: "zeros"))(
            inputs, 2, 2, 0, "unit"
        ),
    )
    unit.get_layer("unit_projection").kernel.assign([[[[1.0, 2.0]]]])
    x = np.full((1, 4, 4, 1), -3.0, "float32")
    x[0, ::2, ::2] = 5.0

    out = unit(x)

    # Moving mean 0 and variance 1: the norm changes nothing but by epsilon.
    np.testing.assert_allclose(out[..., 0], 5.0, rtol=1e-4)
    np.testing.assert_allclose(out[..., 1], 10.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("depth", "block", "expected"),
    [(22, PreActivationBottleneck, "9 n"), (21, PreActivationBlock, "6 n")],
)
def test_a_depth_that_no_n_gives_is_refused(depth, block, expected):
    with pytest.raises(ValueError, match=rf"{expected} \+ 2"):
        build_cifar_pre_activation_resnet(depth, block(MAKE))
