"""The modified Hausdorff distance by hand and by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cai_keras.metrics.modified_hausdorff import ink_points, modified_hausdorff

points = npst.arrays(
    "float64",
    st.tuples(st.integers(1, 8), st.just(2)),
    elements=st.integers(-50, 50).map(float),
)


def distance(first, second):
    return modified_hausdorff(np.array(first, float), np.array(second, float))


def by_brute_force(first, second):
    table = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return max(table.min(axis=1).mean(), table.min(axis=0).mean())


def test_two_single_points_have_their_euclidean_distance():
    assert distance([[0, 0]], [[3, 4]]) == 5.0


def test_the_larger_of_the_two_mean_distances_counts():
    # From (0,0): nearest is itself, 0. From {(0,0), (3,4)} back: (0 + 5) / 2 = 2.5.
    assert distance([[0, 0]], [[0, 0], [3, 4]]) == 2.5


def test_three_points_on_a_line_by_hand():
    # {0, 10} to {1, 2, 3}: 1 and 7, mean 4. Back: 1, 2, 3, mean 2.
    assert distance([[0, 0], [0, 10]], [[0, 1], [0, 2], [0, 3]]) == 4.0


@settings(max_examples=50, deadline=None)
@given(points, points)
def test_distance_equals_brute_force_and_is_symmetric(first, second):
    found = modified_hausdorff(first, second)
    np.testing.assert_allclose(found, by_brute_force(first, second), atol=1e-9)
    assert found == modified_hausdorff(second, first)


@settings(max_examples=20, deadline=None)
@given(points)
def test_distance_to_itself_is_zero(first):
    assert modified_hausdorff(first, first[::-1]) == 0.0


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (0, 0)])
def test_an_empty_set_is_refused(first, second):
    with pytest.raises(ValueError, match="expected points"):
        modified_hausdorff(np.zeros((first, 2)), np.zeros((second, 2)))


def test_ink_points_are_coordinates_about_their_mean():
    ink = np.zeros((4, 4), bool)
    ink[0, 1] = ink[2, 1] = ink[1, 3] = True
    # Rows 0, 1, 2 with mean 1; columns 1, 3, 1 with mean 5/3.
    expected = [[-1, -2 / 3], [0, 4 / 3], [1, -2 / 3]]
    np.testing.assert_allclose(ink_points(ink), expected)


def test_moving_a_drawing_does_not_change_its_points():
    ink = np.zeros((9, 9), bool)
    ink[1:4, 2] = True
    moved = np.roll(ink, (3, 4), axis=(0, 1))
    np.testing.assert_allclose(ink_points(ink), ink_points(moved))


def test_a_drawing_without_ink_is_refused():
    with pytest.raises(ValueError, match="no ink"):
        ink_points(np.zeros((3, 3), bool))
