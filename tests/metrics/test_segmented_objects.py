"""Connected parts and object IoU of pictures drawn by hand."""

import numpy as np
import pytest

from cai_keras.metrics.segmented_objects import (
    connected_objects,
    matched_parts,
    object_ious,
)


def picture(*rows):
    return np.array([[int(c) for c in row] for row in rows])


TRUTH = picture("111100222200", "111100222203")


def test_connected_objects_do_not_join_over_a_corner():
    found = connected_objects(picture("110", "001") > 0)

    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 0, 2]])


def test_a_part_must_cover_more_than_half_of_an_object():
    # 5 of 8 pixels of the first object, 4 of 8 of the second, all of the third.
    parts = picture("444400777700", "400000000005")

    assert matched_parts(parts, TRUTH) == {1: 4, 2: 0, 3: 5}


def test_an_object_whose_larger_half_is_background_has_no_part():
    parts = picture("111000000000", "000000000000")

    assert matched_parts(parts, TRUTH) == {1: 0, 2: 0, 3: 0}


def test_object_ious_by_hand():
    # 7 of 8 pixels and 2 others: 7 / 10. The second exactly; the third is missing.
    parts = picture("111110222200", "111010222200")

    np.testing.assert_allclose(object_ious(parts, TRUTH), [7 / 10, 1.0, 0.0])


def test_a_part_over_two_objects_is_compared_with_both():
    parts = np.where(TRUTH == 3, 0, 1)[:, :10].copy()
    truth = TRUTH[:, :10]

    # 20 pixels: 8 of each object.
    np.testing.assert_allclose(object_ious(parts, truth), [8 / 20, 8 / 20])


def test_a_picture_without_objects_has_no_ious():
    assert object_ious(np.ones((2, 2), int), np.zeros((2, 2), int)).shape == (0,)


def test_two_shapes_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        object_ious(np.zeros((2, 3), int), np.zeros((3, 2), int))
