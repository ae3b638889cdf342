"""Squeeze and excitation: values by hand, counts, and what the ratio means."""

import numpy as np
import pytest
from keras import ops

from cai_keras.layers.squeeze_excitation import SqueezeExcitation


def _count(layer) -> int:
    return sum(int(ops.size(weight)) for weight in layer.trainable_weights)


def test_a_map_worked_out_by_hand():
    layer = SqueezeExcitation(ratio=2)
    layer.build((1, 2, 1, 2))
    layer._reduce.set_weights([np.array([[1.0], [-1.0]]), np.array([0.5])])
    layer._expand.set_weights([np.array([[2.0, -2.0]]), np.array([0.0, 1.0])])
    x = np.array([[[[1.0, 0.0]], [[3.0, 2.0]]]], "float32")

    # Means 2 and 1; relu(2 - 1 + 0.5) = 1.5; sigmoid of 3 and of -3 + 1 = -2.
    first, second = 1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(2.0))
    np.testing.assert_allclose(
        layer(x), [[[[first, 0.0]], [[3 * first, 2 * second]]]], rtol=1e-6
    )


@pytest.mark.parametrize("shape", [(2, 6, 8), (2, 5, 6, 8), (2, 3, 5, 6, 8)])
def test_every_channel_is_multiplied_by_one_number(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = SqueezeExcitation(ratio=4)

    ratio = np.asarray(layer(x)) / x

    flat = ratio.reshape(shape[0], -1, shape[-1])
    np.testing.assert_allclose(
        flat, np.broadcast_to(flat[:, :1], flat.shape), rtol=1e-4
    )
    excitations = np.asarray(layer.excitations(x))
    assert excitations.shape == (shape[0], *[1] * (len(shape) - 2), shape[-1])
    assert (excitations > 0).all()
    assert (excitations < 1).all()


def test_the_order_of_positions_does_not_count():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("float32")
    layer = SqueezeExcitation(ratio=2)

    flipped = np.asarray(layer(x[:, ::-1]))

    np.testing.assert_allclose(flipped[:, ::-1], layer(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "ratio", "expected"),
    [
        # C units to C / r and back, with biases: 2 C^2 / r + C / r + C.
        (256, 16, 2 * 256 * 16 + 16 + 256),
        (2048, 16, 2 * 2048 * 128 + 128 + 2048),
        (64, 4, 2 * 64 * 16 + 16 + 64),
        (16, 16, 2 * 16 * 1 + 1 + 16),
        (8, 16, 2 * 8 * 1 + 1 + 8),  # never fewer units than one
    ],
)
def test_the_number_of_parameters(channels, ratio, expected):
    layer = SqueezeExcitation(ratio=ratio)
    layer.build((None, None, None, channels))

    assert _count(layer) == expected


def test_without_biases_there_are_only_the_two_matrices():
    layer = SqueezeExcitation(ratio=16, use_bias=False)
    layer.build((None, None, None, 256))

    assert _count(layer) == 2 * 256 * 16


def test_small_nets_can_ask_for_more_units():
    layer = SqueezeExcitation(ratio=16, min_units=8)
    layer.build((None, None, None, 32))

    assert layer._reduce.units == 8


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"ratio": 0}, None, "ratio must be at least 1; received 0"),
        ({"min_units": 0}, None, "min_units must be at least 1; received 0"),
        ({}, (2, 8), r"received \(2, 8\)"),
        ({}, (2, 4, 4, None), "known channels"),
    ],
)
def test_what_it_cannot_use_is_refused(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        SqueezeExcitation(**arguments).build(shape)
