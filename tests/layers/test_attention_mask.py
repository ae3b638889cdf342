"""Mixed, channel and spatial masks: values by hand and by NumPy."""

import numpy as np
import pytest
from keras import ops

from cai_keras.layers.attention_mask import AttentionMask


def _mask(activation, x):
    return ops.convert_to_numpy(AttentionMask(activation)(np.asarray(x, "float32")))


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(3.0, 2.0, (2, 4, 5, 3)).astype("float32")


def test_the_mixed_mask_is_a_sigmoid_of_each_number(x):
    np.testing.assert_allclose(_mask("mixed", x), 1 / (1 + np.exp(-x)), rtol=1e-5)


def test_the_channel_mask_of_3_and_4_is_three_and_four_fifths():
    np.testing.assert_allclose(
        _mask("channel", [[[[3.0, 4.0]]]]), [[[[0.6, 0.8]]]], rtol=1e-6
    )


def test_the_channel_mask_has_norm_one_at_every_position(x):
    norms = np.linalg.norm(_mask("channel", x), axis=-1)

    np.testing.assert_allclose(norms, 1.0, rtol=1e-5)


def test_the_spatial_mask_of_two_positions():
    # Mean 2 and deviation 1: the positions are -1 and +1.
    found = _mask("spatial", [[[[1.0], [3.0]]]])

    expected = 1 / (1 + np.exp([1.0, -1.0]))
    np.testing.assert_allclose(found[0, 0, :, 0], expected, rtol=1e-5)


def test_the_spatial_mask_standardises_each_channel_of_each_image(x):
    mean = x.mean(axis=(1, 2), keepdims=True)
    deviation = x.std(axis=(1, 2), keepdims=True)

    expected = 1 / (1 + np.exp(-(x - mean) / deviation))
    np.testing.assert_allclose(_mask("spatial", x), expected, rtol=1e-4)


@pytest.mark.parametrize(("activation", "value"), [("channel", 0.0), ("spatial", 0.5)])
def test_a_map_of_zeros_has_a_finite_mask(activation, value):
    np.testing.assert_array_equal(_mask(activation, np.zeros((1, 2, 2, 3))), value)


def test_squares_beyond_float16_do_not_overflow():
    layer = AttentionMask("channel", dtype="float16")

    found = ops.convert_to_numpy(layer(np.full((1, 1, 1, 4), 300.0, "float16")))

    np.testing.assert_allclose(found, 0.5, rtol=1e-3)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="mixed, channel, spatial; received 'l2'"):
        AttentionMask("l2")
