"""Top-k error in percent."""

import numpy as np
import pytest

from cai_keras.metrics.top_k_error import top_k_error_percent, top_k_errors

# The right class is first, second, third and last of four.
SCORES = np.array([[9, 1, 2, 3], [9, 8, 1, 2], [9, 8, 7, 1], [9, 8, 7, 6]], np.float32)
LABELS = np.array([0, 1, 2, 3])


@pytest.mark.parametrize(("k", "expected"), [(1, 75.0), (2, 50.0), (3, 25.0)])
def test_an_error_is_a_right_class_below_rank_k(k, expected):
    assert top_k_error_percent(SCORES, LABELS, k) == expected


def test_each_example_has_its_own_error():
    found = np.asarray(top_k_errors(SCORES, LABELS, 2))

    np.testing.assert_array_equal(found, [False, False, True, True])


def test_perfect_and_wrong_scores():
    perfect = np.eye(3, dtype=np.float32)

    assert top_k_error_percent(perfect, np.arange(3), 1) == 0.0
    assert top_k_error_percent(-perfect, np.arange(3), 2) == 100.0


@pytest.mark.parametrize("score", [0.0, np.nan])
@pytest.mark.parametrize("k", [1, 3])
def test_a_constant_scorer_is_always_wrong(score, k):
    scores = np.full((5, 4), score, np.float32)

    assert top_k_error_percent(scores, np.zeros(5, int), k) == 100.0


@pytest.mark.parametrize(
    ("scores", "labels"), [((2, 3), (3,)), ((6,), (6,)), ((2, 3), (2, 1))]
)
def test_other_shapes_are_refused(scores, labels):
    with pytest.raises(ValueError, match=r"expected scores \(n, classes\)"):
        top_k_errors(np.zeros(scores), np.zeros(labels, int), 1)


@pytest.mark.parametrize("k", [0, 3, 5])
def test_k_must_leave_a_choice(k):
    with pytest.raises(ValueError, match=f"1 to 2 of 3 classes, received {k}"):
        top_k_errors(np.zeros((2, 3)), np.zeros(2, int), k)


def test_no_example_is_refused():
    with pytest.raises(ValueError, match="no example"):
        top_k_error_percent(np.zeros((0, 3)), np.zeros(0, int), 1)
