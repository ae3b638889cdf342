"""Bilinear resizing: corners stay, lines stay lines, SciPy agrees."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.interpolate import RegularGridInterpolator

from cai_keras.layers.bilinear_resize import BilinearResize, interpolation_matrix


def _resize(x, height, width):
    return ops.convert_to_numpy(BilinearResize(height, width)(x))


def test_two_samples_become_five_on_the_line_between_them():
    # Corners aligned: steps of 1/4. Half-pixel centres would give 0, 0.1, 0.5, 0.9, 1.
    np.testing.assert_allclose(
        interpolation_matrix(2, 5),
        [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]],
    )


def test_a_map_worked_out_by_hand():
    x = np.array([[0.0, 2.0], [4.0, 8.0]], "float32")[None, :, :, None]

    # The middle row is the mean of the two, the middle column likewise.
    np.testing.assert_allclose(
        _resize(x, 3, 3)[0, ..., 0], [[0, 1, 2], [2, 3.5, 5], [4, 6, 8]]
    )


@pytest.mark.parametrize("size", [(7, 9), (3, 4), (12, 5), (1, 6), (6, 1)])
def test_any_size_is_scipys_linear_interpolation(size):
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype("float32")

    rows, columns = (
        np.linspace(0, n - 1, m) for n, m in zip((6, 5), size, strict=True)
    )
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    for image, resized in zip(x, _resize(x, *size), strict=True):
        expected = RegularGridInterpolator((range(6), range(5)), image)(points)
        np.testing.assert_allclose(resized, expected, rtol=1e-5, atol=1e-5)


def test_the_same_size_changes_nothing():
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")

    np.testing.assert_array_equal(_resize(x, 4, 6), x)


def test_a_single_pixel_fills_the_map():
    np.testing.assert_array_equal(_resize(np.full((1, 1, 1, 2), 3.0), 4, 5), 3.0)


def test_keras_resizes_to_other_values():
    x = np.arange(4, dtype="float32").reshape(1, 1, 4, 1)

    ours = _resize(x, 1, 8)
    half_pixel = keras.layers.UpSampling2D((1, 2), interpolation="bilinear")(x)

    np.testing.assert_allclose(ours[0, 0, :, 0], np.arange(8) * 3 / 7, rtol=1e-6)
    assert np.abs(ours - ops.convert_to_numpy(half_pixel)).max() > 0.1


@pytest.mark.parametrize("size", [(0, 4), (4, -1)])
def test_sizes_below_one_are_refused(size):
    with pytest.raises(ValueError, match="at least 1; received"):
        BilinearResize(*size)


def test_maps_of_unknown_size_are_refused():
    with pytest.raises(ValueError, match="known sizes"):
        BilinearResize(4, 4)(keras.Input((None, 4, 3)))
