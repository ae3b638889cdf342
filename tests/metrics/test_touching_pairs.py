"""Touching and merged pairs in pictures drawn by hand."""

import numpy as np
import pytest

from cai_keras.metrics.touching_pairs import merged_pairs, touching_pairs


def picture(*rows):
    return np.array([[int(c) for c in row] for row in rows])


ROW = picture(
    "1102200330044",
    "1102200330044",
)  # gaps of 1, 2 and 2 pixels
TRIANGLE = picture(
    "1110222",
    "1110222",
    "0000000",
    "0033300",
)


def test_objects_one_pixel_apart_touch_and_two_apart_do_not():
    assert touching_pairs(ROW) == [(1, 2)]


def test_objects_touch_across_a_line_and_diagonally():
    assert touching_pairs(TRIANGLE) == [(1, 2), (1, 3), (2, 3)]
    # Two rows and two columns from 1 to 2.
    assert touching_pairs(picture("100", "000", "002")) == [(1, 2)]
    assert touching_pairs(picture("1000", "0000", "0002")) == []


def test_numbers_may_have_gaps():
    assert touching_pairs(picture("709")) == [(7, 9)]


def test_a_perfect_prediction_merges_nothing():
    assert merged_pairs(TRIANGLE > 0, TRIANGLE) == []


def test_a_prediction_of_objects_everywhere_merges_all():
    everywhere = np.ones_like(TRIANGLE, bool)

    assert merged_pairs(everywhere, TRIANGLE) == [(1, 2), (1, 3), (2, 3)]


def test_one_pixel_across_the_gap_merges_its_pair_only():
    predicted = TRIANGLE > 0
    predicted[1, 3] = True

    assert merged_pairs(predicted, TRIANGLE) == [(1, 2)]


def test_merging_through_a_third_object_merges_all_three():
    predicted = TRIANGLE > 0
    predicted[2, [2, 4]] = True

    assert merged_pairs(predicted, TRIANGLE) == [(1, 2), (1, 3), (2, 3)]


def test_a_part_must_cover_more_than_half_of_both():
    instances = picture("1111022")
    # Half of the first object and all of the second in one part.
    half = picture("0011111") > 0
    most = picture("0111111") > 0

    assert merged_pairs(half, instances) == []
    assert merged_pairs(most, instances) == [(1, 2)]


def test_objects_that_were_not_found_are_not_merged():
    assert touching_pairs(ROW)
    assert merged_pairs(np.zeros_like(ROW, bool), ROW) == []


def test_an_empty_picture_has_no_pairs():
    assert merged_pairs(np.ones((3, 3), bool), np.zeros((3, 3), int)) == []


def test_two_shapes_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        merged_pairs(np.zeros((2, 3), bool), np.zeros((3, 2), int))
