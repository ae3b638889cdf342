"""Class scores of probabilities whose entropies are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cai_keras.metrics.class_score import ClassScore, class_score


def one_hot(labels, classes):
    return np.eye(classes)[np.asarray(labels)]


def test_rows_that_are_alike_score_1():
    uniform = np.full((12, 5), 0.2)
    skewed = np.tile([0.7, 0.2, 0.1], (12, 1))

    assert class_score(uniform, 3).mean == pytest.approx(1)
    assert class_score(skewed, 3).mean == pytest.approx(1)


def test_sure_and_balanced_rows_score_the_number_of_classes():
    found = class_score(one_hot(list(range(10)) * 4, 10), 4)

    assert found.mean == pytest.approx(10)
    assert found.deviation == pytest.approx(0, abs=1e-12)


def test_two_rows_by_hand():
    # The mean row is (1/2, 1/2): log 2. Each row has the entropy of (3/4, 1/4):
    # 3/4 log 4/3 + 1/4 log 4 = log 4 - 3/4 log 3. exp: 2 * 3^(3/4) / 4.
    found = class_score(np.array([[0.75, 0.25], [0.25, 0.75]]), 1)

    assert found.mean == pytest.approx(3**0.75 / 2)


def test_each_split_has_its_own_mean_and_the_deviation_is_divided_by_their_number():
    # Classes 0 1 | 0 0 | 1 2: scores 2, 1, 2.
    found = class_score(one_hot([0, 1, 0, 0, 1, 2], 3), 3)

    # Mean 5/3, variance (1 + 4 + 1) / 9 / 3 = 2/9.
    assert found.mean == pytest.approx(5 / 3)
    assert found.deviation == pytest.approx(np.sqrt(2 / 9))


def test_splits_differ_by_one_row_where_rows_cannot_be_divided():
    # Seven rows in three: 0 1 2 | 0 1 | 0 2. Without the last row it would be
    # 0 1 | 2 0 | 1 0, that is 2.
    found = class_score(one_hot([0, 1, 2, 0, 1, 0, 2], 3), 3)

    assert found.mean == pytest.approx((3 + 2 + 2) / 3)


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        "float64",
        st.tuples(st.integers(1, 9), st.integers(1, 5)),
        elements=st.floats(1e-3, 1),
    )
)
def test_it_is_the_papers_mean_divergence_from_1_to_the_number_of_classes(weights):
    rows = weights / weights.sum(axis=1, keepdims=True)

    found = class_score(rows, 1).mean

    divergences = np.sum(rows * np.log(rows / rows.mean(axis=0)), axis=1)
    assert found == pytest.approx(np.exp(divergences.mean()))
    assert 1 - 1e-12 <= found <= rows.shape[1] + 1e-9


def test_a_probability_of_0_or_nearly_0_has_no_effect():
    rows = np.array([[1.0, 0.0, 0.0], [5e-324, 1.0, 0.0]])

    assert class_score(rows, 1).mean == pytest.approx(2)


def test_single_precision_softmax_rows_of_1000_classes_are_probabilities():
    logits = np.random.default_rng(0).standard_normal((50, 1000)).astype("float32") * 5
    rows = np.exp(logits)
    rows /= rows.sum(axis=1, keepdims=True)

    found = class_score(rows, 5)

    assert found.mean == pytest.approx(class_score(rows.astype(float), 5).mean)
    assert type(found) is ClassScore
    assert type(found.mean) is float


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.4]], "1 others, the first with sum 0.9"),
        ([[0.5, 0.5], [1.5, -0.5]], "1 others, the first with sum 1"),
        ([[np.nan, 0.5], [0.6, 0.6]], "2 others, the first with sum nan"),
        ([[3.0, -2.0, 4.0], [1.0, 0.0, 0.0]], "1 others, the first with sum 5"),
    ],
)
def test_rows_that_are_no_probabilities_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        class_score(np.array(rows), 1)


@pytest.mark.parametrize("splits", [0, 3])
def test_more_splits_than_rows_and_none_are_refused(splits):
    with pytest.raises(ValueError, match=f"from 1 to the 2 rows, received {splits}"):
        class_score(np.full((2, 2), 0.5), splits)


@pytest.mark.parametrize("rows", [np.ones(3), np.ones((2, 1), int), np.ones((1, 1, 1))])
def test_other_arrays_are_refused(rows):
    with pytest.raises(ValueError, match=r"expected float \(n, classes\), received"):
        class_score(rows, 1)


def test_no_row_is_refused():
    with pytest.raises(ValueError, match="from 1 to the 0 rows"):
        class_score(np.ones((0, 3)), 1)
