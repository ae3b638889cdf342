"""Transformations of images: the identity, exact turns, grids worked out by hand."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from cai_keras.layers import sampling_grids
from cai_keras.layers.sampling_grids import regular_grid
from cai_keras.layers.spatial_transformer import (
    TRANSFORMS,
    SpatialTransformer,
    identity_parameters,
)

every_transform = pytest.mark.parametrize("transform", TRANSFORMS)


def _images(size=8, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, size, size, 3)).astype("float32")


def _theta(*numbers, batch=2):
    return np.tile(np.array(numbers, "float32"), (batch, 1))


@every_transform
def test_the_identity_changes_nothing(transform):
    images = _images()
    theta = _theta(*identity_parameters(transform))

    np.testing.assert_allclose(
        SpatialTransformer(transform)((images, theta)), images, atol=5e-6
    )


@pytest.mark.parametrize(
    ("transform", "count"),
    [("affine", 6), ("attention", 3), ("projective", 8), ("thin_plate_spline", 32)],
)
def test_the_number_of_parameters_is_the_papers(transform, count):
    assert identity_parameters(transform).shape == (count,)


@pytest.mark.parametrize(
    ("matrix", "turns"),
    [
        ((0, -1, 0, 1, 0, 0), 1),
        ((-1, 0, 0, 0, -1, 0), 2),
        ((0, 1, 0, -1, 0, 0), 3),
    ],
)
def test_quarter_turns_are_exact(matrix, turns):
    images = _images()

    found = SpatialTransformer("affine")((images, _theta(*matrix)))

    expected = np.rot90(images, turns, axes=(1, 2))
    np.testing.assert_allclose(found, expected, atol=5e-6)


def test_a_shift_by_whole_pixels_is_exact_and_black_comes_in():
    images = _images(5)

    # +1 is 2 pixels to the right of the centre: 0.5 is one pixel.
    found = np.asarray(
        SpatialTransformer("affine")((images, _theta(1, 0, 0.5, 0, 1, 0)))
    )

    np.testing.assert_allclose(found[:, :, :4], images[:, :, 1:], atol=5e-6)
    np.testing.assert_allclose(found[:, :, 4], 0.0, atol=5e-6)


def test_a_window_of_half_the_size_is_read_as_it_is():
    images = _images(5)
    layer = SpatialTransformer("attention", output_size=(3, 3))

    found = layer((images, _theta(0.5, 0.5, -0.5)))

    # Half of 5 pixels from centre to centre: columns 2 to 4, rows 0 to 2.
    np.testing.assert_allclose(found, images[:, 0:3, 2:5], atol=5e-6)


def test_a_projective_grid_by_hand():
    theta = _theta(1, 0, 0, 0, 1, 0, 0.5, 0, batch=1)

    grid = np.asarray(sampling_grids.projective_grid(theta, 3, 3))[0]

    # w = 1 + x / 2: at x = 1 it is 1.5, at x = -1 it is 0.5.
    np.testing.assert_allclose(grid[0, 2], [1 / 1.5, -1 / 1.5], rtol=1e-6)
    np.testing.assert_allclose(grid[2, 0], [-1 / 0.5, 1 / 0.5], rtol=1e-6)
    np.testing.assert_allclose(grid[1, 1], [0, 0], atol=1e-7)


def test_points_behind_the_horizon_are_finite_and_outside():
    theta = _theta(1, 0, 0, 0, 1, 0, 3.0, 0, batch=1)

    grid = np.asarray(sampling_grids.projective_grid(theta, 5, 5))[0]

    assert np.isfinite(grid).all()
    assert np.abs(grid[0, 0]).max() > 100  # w = 1 - 3


def test_a_thin_plate_spline_takes_control_points_where_they_belong():
    rng = np.random.default_rng(1)
    targets = regular_grid(4, 4) + 0.2 * rng.normal(size=(4, 4, 2)).astype("float32")

    # A grid of 4 x 4 output pixels lies on the control points themselves.
    found = sampling_grids.thin_plate_spline_grid(targets.reshape(1, 32), 4, 4)

    np.testing.assert_allclose(found[0], targets, atol=1e-5)


def test_a_thin_plate_spline_is_scipys_between_the_control_points():
    rng = np.random.default_rng(2)
    targets = regular_grid(4, 4) + 0.2 * rng.normal(size=(4, 4, 2)).astype("float32")

    found = sampling_grids.thin_plate_spline_grid(targets.reshape(1, 32), 7, 9)

    spline = RBFInterpolator(
        regular_grid(4, 4).reshape(-1, 2), targets.reshape(-1, 2),
        kernel="thin_plate_spline",
    )  # fmt: skip
    expected = spline(regular_grid(7, 9).reshape(-1, 2)).reshape(7, 9, 2)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("number", range(6))
def test_a_thin_plate_spline_of_affine_targets_is_affine(number):
    matrix = np.random.default_rng(number).normal(size=(2, 3))
    points = regular_grid(4, 4)
    targets = points @ matrix[:, :2].T + matrix[:, 2]

    found = sampling_grids.thin_plate_spline_grid(
        targets.reshape(1, 32).astype("float32"), 6, 5
    )
    expected = sampling_grids.affine_grid(matrix.reshape(1, 6).astype("float32"), 6, 5)

    np.testing.assert_allclose(found, expected, atol=1e-4)


@every_transform
def test_a_gradient_reaches_every_parameter(transform):
    import tensorflow as tf

    theta = tf.constant(_theta(*identity_parameters(transform)) + 0.05)
    images = _images()
    with tf.GradientTape() as tape:
        tape.watch(theta)
        outputs = SpatialTransformer(transform)((images, theta))
        total = tf.reduce_sum(outputs * _images(seed=4))

    gradient = np.asarray(tape.gradient(total, theta))
    assert np.isfinite(gradient).all()
    assert (gradient != 0).all()


def test_half_precision_moves_no_points():
    images = _images(33)
    theta = _theta(0.7, 0.3, 0.1, -0.3, 0.7, 0.05)
    exact = SpatialTransformer("affine")
    half = SpatialTransformer("affine", dtype="mixed_float16")

    np.testing.assert_array_equal(
        half.grid((images, theta)), exact.grid((images, theta))
    )
    assert half((images, theta)).dtype == "float16"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"transform": "afine"}, "one of affine, .*; received 'afine'"),
        ({"border": "wrap"}, "one of zeros, nearest, reflect; received 'wrap'"),
    ],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpatialTransformer(**arguments)


def test_a_theta_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"affine has 6 parameters; .* \(2, 8\)"):
        SpatialTransformer("affine")((_images(), np.zeros((2, 8), "float32")))
