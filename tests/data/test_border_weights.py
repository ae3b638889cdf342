"""Border weights: the formula by hand, and pictures without gaps."""

import numpy as np
import pytest

from cai_keras.data.border_weights import (
    border_weights,
    class_weights,
    nearness_to_two,
)


def test_a_gap_of_one_pixel_by_hand():
    # 3 of 5 pixels are objects: 5 / 6 each, and 5 / 4 for the background.
    found = border_weights(np.array([[1, 1, 0, 2, 0]]))

    # The gap is 1 from both; the last pixel is 1 from the second and 3 from the first.
    gap, last = 10 * np.exp(-(2**2) / 50), 10 * np.exp(-(4**2) / 50)
    expected = [[5 / 6, 5 / 6, 5 / 4 + gap, 5 / 6, 5 / 4 + last]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_nearest_two_of_three_objects_count():
    instances = np.zeros((1, 30), int)
    instances[0, [0, 4, 29]] = [7, 2, 5]

    found = border_weights(instances, strength=1.0, deviation=2.0)[0]

    # Pixel 3 is 1 from the second object and 3 from the first.
    assert found[3] == pytest.approx(30 / 54 + np.exp(-16 / 8), rel=1e-6)


@pytest.mark.parametrize("number", [0, 4])
def test_a_picture_of_one_class_has_the_weight_one(number):
    np.testing.assert_array_equal(border_weights(np.full((3, 4), number)), 1.0)


def test_a_single_object_has_balanced_classes_and_no_gap():
    instances = np.zeros((4, 4), int)
    instances[0, :2] = 3

    found = border_weights(instances)

    np.testing.assert_allclose(found[instances > 0], 16 / 4)
    np.testing.assert_allclose(found[instances == 0], 16 / 28, rtol=1e-6)
    assert found.mean() == pytest.approx(1.0)


def test_weights_do_not_depend_on_the_numbers_of_the_objects():
    instances = np.random.default_rng(0).integers(0, 3, (8, 8))
    swapped = np.array([0, 9, 4])[instances]

    np.testing.assert_array_equal(border_weights(instances), border_weights(swapped))


def test_classes_weigh_by_half_their_inverse_share():
    # 3 of 12 pixels are objects: 12 / 18 and 12 / 6.
    is_object = np.arange(12).reshape(3, 4) < 3

    background, objects = class_weights(is_object)

    assert (background, objects) == pytest.approx((12 / 18, 2.0))


def test_nearness_goes_on_within_objects():
    found = nearness_to_two(np.array([[1, 1, 0, 2]]), deviation=2.0)

    # d_1 is 0 within an object; the first pixel is 3 from the second object.
    expected = np.exp(-(np.array([[3, 2, 2, 2]]) ** 2) / 8)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_distances_around_objects_are_those_in_the_whole_picture():
    rng = np.random.default_rng(3)
    instances = np.zeros((60, 50), int)
    for number in range(1, 9):
        row, column = rng.integers(0, 46, 2)
        instances[row : row + 4, column : column + 3] = number
    rows, columns = np.indices(instances.shape)
    distances = []
    for number in np.unique(instances)[1:]:
        own_rows, own_columns = np.nonzero(instances == number)
        squares = (rows[..., None] - own_rows) ** 2 + (
            columns[..., None] - own_columns
        ) ** 2
        distances.append(np.sqrt(squares.min(axis=-1)))
    first, second = np.sort(distances, axis=0)[:2]

    found = nearness_to_two(instances, deviation=2.0)

    np.testing.assert_allclose(found, np.exp(-((first + second) ** 2) / 8), atol=2e-8)
