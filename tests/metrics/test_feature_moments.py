"""Moments of batches are those of the whole set, however it is cut."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cai_keras.metrics.feature_moments import FeatureMoments


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def moments_of(batches):
    moments = FeatureMoments()
    for batch in batches:
        moments.add(batch)
    return moments


def merged(parts):
    whole = FeatureMoments()
    for part in parts:
        whole.merge(part)
    return whole


def assert_same(found, expected, tolerance=1e-9):
    assert found.count == expected.count
    np.testing.assert_allclose(found.mean, expected.mean, atol=tolerance)
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=tolerance)


sets = npst.arrays(
    "float64",
    st.tuples(st.integers(2, 20), st.integers(1, 4)),
    elements=st.floats(-1e3, 1e3),
)


def test_two_points_by_hand():
    moments = FeatureMoments.of(np.array([[0, 1], [4, -1]]))

    # Deviations (-2, 1) and (2, -1), divided by 2 - 1.
    assert moments.count == 2
    np.testing.assert_array_equal(moments.mean, [2, 0])
    np.testing.assert_array_equal(moments.covariance, [[8, -4], [-4, 2]])


@settings(max_examples=60, deadline=None)
@given(sets, st.data())
def test_any_cut_into_batches_gives_numpys_moments_of_the_whole(features, data):
    cuts = data.draw(st.lists(st.integers(0, len(features)), max_size=5).map(sorted))

    found = moments_of(np.split(features, cuts))

    # Squares of 2e3 summed over 20 rows: 1e8, of which 1e-15 is 1e-7.
    expected = np.cov(features, rowvar=False).reshape(found.covariance.shape)
    np.testing.assert_allclose(found.mean, features.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(sets, st.data())
def test_parts_may_be_merged_in_any_order_and_grouping(features, data):
    cuts = data.draw(st.lists(st.integers(0, len(features)), max_size=4).map(sorted))
    parts = [FeatureMoments.of(part) for part in np.split(features, cuts)]
    order = data.draw(st.permutations(parts))
    middle = data.draw(st.integers(0, len(parts)))

    found = merged([merged(order[:middle]), merged(order[middle:])])

    assert_same(found, FeatureMoments.of(features), tolerance=1e-7)


def test_a_batch_of_more_rows_than_a_block_counts_as_a_whole():
    features = noise(10_000, 3)

    moments = FeatureMoments.of(features)

    assert moments.count == 10_000
    np.testing.assert_allclose(moments.mean, features.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(features.T), atol=1e-12)


def test_a_large_mean_and_a_small_deviation_leave_the_covariance_right():
    # Multiples of 1/64 about 2^30 are exact. Their squares, 1e18, would have steps of
    # 128, against variances of 1.
    steps = np.round(64 * noise(1000, 3)) / 64
    features = steps + 2.0**30

    found = moments_of(np.array_split(features, 37))

    # Means are rounded to 2^-22 = 2.4e-7: relative to a deviation of 1.
    np.testing.assert_allclose(found.covariance, np.cov(steps.T), atol=1e-6)


def test_single_precision_features_are_summed_in_double():
    features = np.full((100_000, 1), 0.1, "float32")

    found = moments_of(np.array_split(features, 10))

    np.testing.assert_allclose(found.mean, [np.float32(0.1)], rtol=1e-14)
    np.testing.assert_allclose(found.covariance, [[0]], atol=1e-28)
    assert found.covariance.dtype == "float64"


def test_whole_numbers_do_not_overflow():
    moments = FeatureMoments.of(np.array([[250], [10]], "uint8"))

    # Deviations +-120.
    np.testing.assert_array_equal(moments.covariance, [[28_800]])


def test_the_covariance_is_symmetric_bit_for_bit():
    covariance = moments_of(np.array_split(noise(500, 20), 7)).covariance

    np.testing.assert_array_equal(covariance, covariance.T)


def test_no_examples_change_nothing():
    moments = FeatureMoments.of(noise(5, 2))

    moments.add(np.zeros((0, 2)))
    moments.merge(FeatureMoments())

    assert_same(moments, FeatureMoments.of(noise(5, 2)), tolerance=0)


def test_merging_leaves_the_other_one_as_it_is_and_doubles_with_itself():
    moments, other = FeatureMoments.of(noise(5, 2)), FeatureMoments.of(noise(4, 2) + 3)

    moments.merge(other)
    moments.merge(moments)

    assert_same(other, FeatureMoments.of(noise(4, 2) + 3), tolerance=0)
    twice = np.tile(np.concatenate([noise(5, 2), noise(4, 2) + 3]), (2, 1))
    assert_same(moments, FeatureMoments.of(twice), tolerance=1e-12)


def test_what_is_handed_out_is_a_copy():
    features = noise(5, 2)
    moments = FeatureMoments.of(features)

    moments.mean[:] = 7
    moments.covariance[:] = 7
    features[:] = 7

    assert_same(moments, FeatureMoments.of(noise(5, 2)), tolerance=0)


def test_moments_go_from_process_to_process():
    moments = FeatureMoments.of(noise(5, 2))

    found = pickle.loads(pickle.dumps(moments))

    assert_same(found, moments, tolerance=0)


def test_other_widths_are_refused_and_nothing_is_counted():
    moments = FeatureMoments.of(noise(5, 2))

    with pytest.raises(ValueError, match="width 2 as before, received 3"):
        moments.add(noise(4, 3))
    with pytest.raises(ValueError, match="width 2 as before, received 1"):
        moments.merge(FeatureMoments.of(noise(4, 1)))

    assert_same(moments, FeatureMoments.of(noise(5, 2)), tolerance=0)


def test_what_is_not_finite_is_refused_and_nothing_is_counted():
    moments = FeatureMoments.of(noise(5, 2))
    bad = noise(5000, 2)
    bad[4999, 1] = np.nan

    with pytest.raises(ValueError, match="1 of 5000 rows with NaN"):
        moments.add(bad)

    assert moments.count == 5


def test_moments_of_too_few_examples_do_not_exist():
    with pytest.raises(ValueError, match="expected 1 or more examples, received 0"):
        _ = FeatureMoments().mean
    with pytest.raises(ValueError, match="expected 2 or more examples, received 1"):
        _ = FeatureMoments.of(noise(1, 2)).covariance
