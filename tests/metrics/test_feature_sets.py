"""What is, and what is not, a set of features."""

import numpy as np
import pytest

from cai_keras.metrics.feature_sets import check_feature_sets, check_features


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8"])
def test_finite_numbers_of_any_real_type_are_features(dtype):
    check_features("features", np.ones((3, 2), dtype), least=3)


def test_no_example_is_a_set_where_none_is_asked_for():
    check_features("features", np.ones((0, 2)), least=0)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones(3), r"received float64 \(3,\)"),
        (np.ones((3, 2, 2)), r"received float64 \(3, 2, 2\)"),
        (np.ones((3, 0)), r"received float64 \(3, 0\)"),
        (np.ones((3, 2), complex), "received complex128"),
        (np.ones((3, 2), bool), "received bool"),
        (np.ones((1, 2)), "expected 2 or more examples, received 1"),
        (np.array([[0, 1], [np.nan, np.inf], [2, -np.inf]]), "2 of 3 rows with NaN"),
    ],
)
def test_the_error_names_the_argument_and_what_is_wrong(features, message):
    with pytest.raises(ValueError, match="fakes: .*" + message):
        check_features("fakes", features, least=2)


def test_two_sets_have_one_width():
    check_feature_sets(real=np.ones((3, 2)), fake=np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"real \(3, 2\) and fake \(4, 5\)"):
        check_feature_sets(real=np.ones((3, 2)), fake=np.ones((4, 5)))


def test_each_of_two_sets_is_looked_at():
    good, bad = np.ones((3, 2)), np.full((3, 2), np.nan)
    with pytest.raises(ValueError, match="fake: expected finite"):
        check_feature_sets(real=good, fake=bad)
    with pytest.raises(ValueError, match="real: expected 4 or more"):
        check_feature_sets(4, real=good, fake=np.ones((5, 2)))
