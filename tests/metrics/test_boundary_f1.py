"""Boundary F1 of masks drawn by hand."""

import numpy as np
import pytest

from cai_keras.metrics.boundary_f1 import boundary_f1


def square(top, left, side, shape=(12, 12)):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_equal_masks_have_f1_of_one():
    assert boundary_f1(square(2, 3, 5), square(2, 3, 5), tolerance=0.0) == 1.0


def test_a_square_moved_by_one_pixel_matches_within_one_pixel():
    moved, truth = square(2, 4, 5), square(2, 3, 5)

    # The outlines of 16 pixels share the 4 common pixels of the top and bottom row
    # each; columns 3 and 7 against 4 and 8 have no other in common: 8 of 16.
    assert boundary_f1(moved, truth, tolerance=0.0) == pytest.approx(0.5)
    assert boundary_f1(moved, truth, tolerance=1.0) == 1.0


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    truth = square(0, 0, 3) | square(8, 8, 3)
    predicted = square(0, 0, 3)

    # Precision 1; at the corner of the image a 3 x 3 square has 5 boundary pixels, in
    # the middle 8: recall 5 / 13. 2 (5 / 13) / (18 / 13) = 10 / 18.
    assert boundary_f1(predicted, truth, tolerance=1.0) == pytest.approx(10 / 18)
    assert boundary_f1(truth, predicted, tolerance=1.0) == pytest.approx(10 / 18)


def test_the_border_of_the_image_is_no_boundary():
    full, empty = np.ones((4, 4), bool), np.zeros((4, 4), bool)

    assert boundary_f1(full, empty, tolerance=1.0) == 1.0
    assert boundary_f1(full, square(1, 1, 2, (4, 4)), tolerance=1.0) == 0.0


def test_boundaries_too_far_apart_have_f1_of_zero():
    assert boundary_f1(square(0, 0, 3), square(8, 8, 3), tolerance=2.0) == 0.0


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match=r"received \(2, 3\) and \(3, 2\)"):
        boundary_f1(np.zeros((2, 3), bool), np.zeros((3, 2), bool), 1.0)
