"""Reflection padding: values, sizes that are not known, and what it refuses."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.layers.reflection_padding2d import ReflectionPadding2D


def test_values_are_mirrored_without_the_outermost_pixel_twice():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)[None, ..., None]

    found = np.asarray(ReflectionPadding2D(((1, 0), (2, 1)))(x))[0, ..., 0]

    # Above row 0 is row 1; left of a b c are c b; right of it is b.
    expected = [[6, 5, 4, 5, 6, 5], [3, 2, 1, 2, 3, 2], [6, 5, 4, 5, 6, 5]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("padding", [0, 3, ((0, 3), (4, 1)), [[2, 2], [0, 0]]])
def test_values_are_those_of_numpy(padding):
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    sides = ((padding,) * 2,) * 2 if isinstance(padding, int) else padding

    found = np.asarray(ReflectionPadding2D(padding)(x))

    expected = np.pad(x, [(0, 0), *sides, (0, 0)], mode="reflect")
    np.testing.assert_array_equal(found, expected)


def test_one_graph_takes_maps_of_every_size():
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, ReflectionPadding2D(3)(inputs))

    assert model.output_shape == (None, None, None, 2)
    for size in ((4, 9), (11, 5)):
        x = np.random.default_rng(1).normal(size=(1, *size, 2)).astype(np.float32)
        expected = np.pad(x, [(0, 0), (3, 3), (3, 3), (0, 0)], mode="reflect")
        found = model.predict(x, verbose=0)
        np.testing.assert_array_equal(found, expected)


def test_one_known_side_stays_known():
    layer = ReflectionPadding2D(((1, 2), (3, 4)))

    assert layer.compute_output_shape((None, 8, None, 5)) == (None, 11, None, 5)


def test_maps_keep_the_dtype_of_mixed_precision():
    found = ReflectionPadding2D(1, dtype="mixed_bfloat16")(np.ones((1, 2, 2, 1)))

    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    np.testing.assert_array_equal(ops.cast(found, "float32"), np.ones((1, 4, 4, 1)))


@pytest.mark.parametrize(
    "padding", [-1, ((0, 0), (0, -2)), 1.5, (1, 2), ((1, 2), (1, 2, 3)), "1", None]
)
def test_a_padding_that_is_no_padding_is_refused(padding):
    with pytest.raises(ValueError, match="padding must be a whole number from 0 or"):
        ReflectionPadding2D(padding)


@pytest.mark.parametrize("shape", [(1, 4, 3, 1), (None, None, 3, 1)])
def test_a_side_no_larger_than_its_padding_is_refused(shape):
    layer = ReflectionPadding2D(((3, 2), (1, 3)))

    with pytest.raises(ValueError, match=r"width must be larger than .* 3; received 3"):
        layer(keras.Input(batch_shape=shape))


def test_a_later_map_that_is_too_small_is_refused_as_well():
    layer = ReflectionPadding2D(3)
    layer(np.zeros((1, 4, 4, 1), np.float32))

    with pytest.raises(
        ValueError, match=r"height must be larger than .* 3; received 3"
    ):
        layer(np.zeros((1, 3, 4, 1), np.float32))


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 3, 4, 4, 1)])
def test_inputs_of_another_rank_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(batch, height, width, channels"):
        ReflectionPadding2D(1)(np.zeros(shape, np.float32))
