"""Sampling between pixels: exact points, borders, and gradients by differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from cai_keras.layers.bilinear_sampling import sample_bilinear
from cai_keras.layers.sampling_grids import regular_grid

# Border -> SciPy's name of the same rule.
SCIPY = {"zeros": "grid-constant", "nearest": "nearest", "reflect": "mirror"}


def _images(height=5, width=7, batch=2, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, height, width, channels)).astype("float32")


def _at(images, x, y, border="zeros"):
    """The values at one point, given in pixels."""
    height, width = images.shape[1:3]
    point = np.array([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], "float32")
    points = np.broadcast_to(point, (len(images), 1, 1, 2))
    return np.asarray(sample_bilinear(images, points, border))[:, 0, 0]


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize(("height", "width"), [(5, 7), (8, 8), (1, 6), (4, 1)])
def test_an_image_at_its_own_grid_is_itself(border, height, width):
    images = _images(height, width)
    points = np.broadcast_to(regular_grid(height, width), (2, height, width, 2))

    np.testing.assert_allclose(
        sample_bilinear(images, points, border), images, atol=2e-6
    )


def test_between_four_pixels_each_counts_by_its_nearness():
    images = np.array([[[[1.0], [2.0]], [[3.0], [5.0]]]], "float32")

    # A quarter to the right and a half down: (1 3/4 + 2 1/4) / 2 + (3 3/4 + 5 1/4) / 2.
    assert _at(images, 0.25, 0.5) == pytest.approx((1.25 + 3.5) / 2)


def test_x_runs_along_the_width_and_y_along_the_height():
    images = _images()

    np.testing.assert_allclose(_at(images, 6, 0), images[:, 0, 6], rtol=1e-5)
    np.testing.assert_allclose(_at(images, 0, 4), images[:, 4, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("border", "beyond", "expected"),
    [
        ("zeros", 0.5, 0.5),  # half of the last pixel, which is 1
        ("zeros", 1.0, 0.0),
        ("zeros", 40.0, 0.0),
        ("nearest", 0.5, 1.0),
        ("nearest", 40.0, 1.0),
        ("reflect", 1.0, 3.0),  # the pixel before the last
        ("reflect", 2.0, 7.0),  # mirrored at the last, now at the first
        ("reflect", 3.0, 3.0),
    ],
)
def test_what_is_seen_outside(border, beyond, expected):
    row = np.array([7.0, 3.0, 1.0], "float32").reshape(1, 1, 3, 1)
    images = np.repeat(row, 2, axis=1)

    assert _at(images, 2 + beyond, 0.0, border) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("border", SCIPY)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_values_are_those_of_scipy(border, data):
    seed = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    images = _images(6, 9, batch=1, channels=1, seed=seed)
    points = rng.uniform(-2.5, 2.5, size=(1, 4, 5, 2)).astype("float32")

    found = np.asarray(sample_bilinear(images, points, border))[0, ..., 0]

    rows, columns = (points[0, ..., 1] + 1) * 2.5, (points[0, ..., 0] + 1) * 4.0
    expected = map_coordinates(
        images[0, ..., 0], [rows, columns], order=1, mode=SCIPY[border], cval=0.0
    )
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("wild", [1e9, -1e9, 1e30])
def test_points_far_away_give_finite_values(border, wild):
    points = np.full((2, 1, 1, 2), wild, "float32")

    assert np.isfinite(sample_bilinear(_images(), points, border)).all()


@pytest.mark.parametrize("border", SCIPY)
def test_gradients_are_those_of_finite_differences(border):
    import tensorflow as tf

    rng = np.random.default_rng(3)
    images = _images(5, 6, batch=1, channels=2)
    # Away from the pixels' centres, where the slope jumps.
    cells = rng.integers(-1, 6, size=(1, 3, 4, 2)) + rng.uniform(0.2, 0.8, (1, 3, 4, 2))
    points = (2 * cells / [5, 4] - 1).astype("float32")
    factors = rng.normal(size=(1, 3, 4, 2)).astype("float32")

    def total(images, points):
        sampled = sample_bilinear(images, points, border)
        return tf.reduce_sum(sampled * factors)

    with tf.GradientTape() as tape:
        held = tf.constant(images), tf.constant(points)
        tape.watch(held)
        value = total(*held)
    by_images, by_points = tape.gradient(value, held)

    for array, gradient, other in (
        (images, by_images, lambda changed: total(changed, points)),
        (points, by_points, lambda changed: total(images, changed)),
    ):
        for index in map(tuple, rng.integers(0, array.shape, size=(12, 4))):
            step = 4e-3
            above, below = array.copy(), array.copy()
            above[index] += step
            below[index] -= step
            slope = float(other(above) - other(below)) / (2 * step)
            assert float(gradient[index]) == pytest.approx(slope, rel=2e-2, abs=2e-2)


def test_images_keep_their_type_while_points_stay_exact():
    images = _images(1, 129, batch=1, channels=1).astype("float16")
    points = np.zeros((1, 1, 1, 2), "float32")
    points[..., 0] = 2 * 100.25 / 128 - 1  # float16 would round this to 100.22 or so

    found = sample_bilinear(images, points)

    assert found.dtype == "float16"
    near, next_one = images[0, 0, 100, 0], images[0, 0, 101, 0]
    expected = 0.75 * float(near) + 0.25 * float(next_one)
    assert float(found[0, 0, 0, 0]) == pytest.approx(expected, abs=2e-3)


def test_an_unknown_border_or_size_is_refused():
    import keras

    with pytest.raises(
        ValueError, match="one of zeros, nearest, reflect; received 'z'"
    ):
        sample_bilinear(_images(), np.zeros((2, 1, 1, 2)), "z")
    with pytest.raises(ValueError, match="known height and width"):
        sample_bilinear(keras.Input((None, 4, 1)), np.zeros((2, 1, 1, 2)))
