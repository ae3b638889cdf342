"""Frechet distances of normal distributions whose distance is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import linalg

from cai_keras.metrics.feature_moments import FeatureMoments
from cai_keras.metrics.frechet_distance import frechet_distance


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def distance(first, second):
    return frechet_distance(FeatureMoments.of(first), FeatureMoments.of(second))


def corners(deviations, mean):
    """2 d points with exactly this mean and these deviations along the axes.

    +-s_i along axis i: the sum of squares is 2 s_i^2, divided by 2 d - 1.
    """
    d = len(deviations)
    points = np.diag(deviations) * np.sqrt((2 * d - 1) / 2)
    return np.concatenate([points, -points]) + mean


@pytest.mark.parametrize("shape", [(50, 4), (5, 40), (2, 3)])
def test_a_set_has_distance_0_to_itself_in_any_order(shape):
    features = noise(*shape) * 100 + 1000

    assert distance(features, features) == pytest.approx(0, abs=1e-15 * 1e4)
    assert distance(features, features[::-1]) == pytest.approx(0, abs=1e-15 * 1e4)


def test_a_moved_set_is_the_squared_length_of_the_move_away():
    features = noise(50, 3)

    # 1 + 4 + 4.
    assert distance(features, features + np.array([1, 2, -2])) == pytest.approx(9)


def test_deviations_along_the_same_axes_differ_one_by_one():
    first = corners([1, 2, 5], mean=0)
    second = corners([3, 2, 1], mean=[0, 1, 0])

    # 2^2 + 0 + 4^2, and 1 of the mean.
    assert distance(first, second) == pytest.approx(21)


def test_a_constant_set_differs_by_its_mean_and_the_others_variance():
    point = np.tile([1.0, 0.0], (4, 1))

    # 1 of the mean, 4 + 9 of the variances.
    assert distance(point, corners([2, 3], mean=0)) == pytest.approx(14)
    assert distance(point, point) == 0


def test_turned_ellipses_are_apart_though_means_and_variances_are_alike():
    # Covariances [[5, 4], [4, 5]] and [[5, -4], [-4, 5]]: eigenvalues 9 and 1 along
    # the same two diagonals in swapped order: (3 - 1)^2 + (1 - 3)^2.
    turn = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    first = corners([3, 1], mean=0) @ turn
    second = corners([1, 3], mean=0) @ turn

    assert distance(first, second) == pytest.approx(8)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_papers_formula_with_scipys_square_root(seed):
    mix = noise(2, 12, 12, seed=seed)
    first = noise(200, 12, seed=seed + 10) @ mix[0] + 1
    second = noise(100, 12, seed=seed + 20) @ mix[1]

    found = distance(first, second)

    s1, s2 = np.cov(first.T), np.cov(second.T)
    step = first.mean(axis=0) - second.mean(axis=0)
    root = linalg.sqrtm(s1 @ s2).real
    assert found == pytest.approx(step @ step + np.trace(s1 + s2 - 2 * root), rel=1e-10)


def test_singular_covariances_lose_no_digits():
    # 20 examples of width 64. With X the centred examples by rows, the root's trace is
    # the sum of the singular values of X Y^T / 19: no root of a zero is taken.
    first, second = 3 * noise(20, 64), noise(20, 64, seed=1) + 1

    found = distance(first, second)

    step = first.mean(axis=0) - second.mean(axis=0)
    x, y = first - first.mean(axis=0), second - second.mean(axis=0)
    traces = (np.sum(x * x) + np.sum(y * y)) / 19
    root = linalg.svdvals(x @ y.T).sum() / 19
    assert found == pytest.approx(step @ step + traces - 2 * root, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(*[npst.arrays("float64", (5, 3), elements=st.floats(-9, 9)) for _ in range(2)])
def test_it_is_symmetric_and_never_below_the_means_distance(first, second):
    found = distance(first, second)

    step = first.mean(axis=0) - second.mean(axis=0)
    assert found >= step @ step >= 0
    assert found == pytest.approx(distance(second, first), abs=1e-6)


def test_it_grows_with_the_square_of_the_unit():
    first, second = noise(30, 4), 2 * noise(30, 4, seed=1)

    expected = 1e8 * distance(first, second)
    assert distance(1e4 * first, 1e4 * second) == pytest.approx(expected)


def test_two_samples_of_one_distribution_are_about_half_d_squared_over_n_apart():
    found = [
        distance(noise(500, 32, seed=seed), noise(500, 32, seed=seed + 100))
        for seed in range(5)
    ]

    # 0.55 * 32^2 / 500 = 1.13.
    assert np.mean(found) == pytest.approx(1.13, rel=0.1)


def test_fewer_than_two_examples_are_refused():
    many, one = FeatureMoments.of(noise(5, 2)), FeatureMoments.of(noise(1, 2))

    with pytest.raises(ValueError, match=r"second: expected 2 .* received 1"):
        frechet_distance(many, one)
    with pytest.raises(ValueError, match=r"first: expected 2 .* received 0"):
        frechet_distance(FeatureMoments(), many)


def test_features_of_two_widths_are_refused():
    with pytest.raises(ValueError, match="one width, received 2 and 3"):
        distance(noise(5, 2), noise(5, 3))


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_moments_that_overflow_are_refused():
    with pytest.raises(ValueError, match="expected finite moments"):
        distance(noise(5, 2), 1e200 * noise(5, 2))
