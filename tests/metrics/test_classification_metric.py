"""Accuracy in percent."""

import numpy as np
import pytest

from cai_keras.metrics.classification import accuracy_percent


def test_three_of_four_right_are_75_percent():
    assert accuracy_percent(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0])) == 75.0


@pytest.mark.parametrize(("labels", "expected"), [([1, 2], 100.0), ([2, 1], 0.0)])
def test_perfect_and_wrong_predictions(labels, expected):
    assert accuracy_percent(np.array([1, 2]), np.array(labels)) == expected


def test_integer_types_may_differ():
    predicted = np.array([200, 3], np.uint8)
    assert accuracy_percent(predicted, np.array([200, 3], np.int64)) == 100.0


def test_the_result_is_a_plain_float():
    assert type(accuracy_percent(np.array([1]), np.array([1]))) is float


@pytest.mark.parametrize(
    ("predicted", "labels"), [((2,), (3,)), ((2, 1), (2, 1)), ((2, 1), (2,)), ((), ())]
)
def test_other_shapes_are_refused(predicted, labels):
    with pytest.raises(ValueError, match=r"expected two shapes \(n,\)"):
        accuracy_percent(np.zeros(predicted, int), np.zeros(labels, int))


def test_no_example_is_refused():
    with pytest.raises(ValueError, match="no example"):
        accuracy_percent(np.zeros(0, int), np.zeros(0, int))
