"""Ratios of speeds and their geometric mean, with numbers worked out by hand."""

import math

import pytest

from benchmarks.ratios import Estimate, Pair, geometric_mean, ratio_of_medians

SAME = (100.0, 100.0)
# Of two repeats, a resample's median is 50 in a quarter of all cases, 100 in a half and
# 150 in a quarter: the middle 95 % reach from 50 to 150.
WIDE = (50.0, 150.0)


def test_repeats_that_agree_leave_no_doubt():
    found = ratio_of_medians(Pair((100.0,) * 3, (90.0,) * 3))

    assert found == Estimate(pytest.approx(0.9), pytest.approx(0.9), pytest.approx(0.9))


def test_the_interval_is_that_of_resampled_medians():
    found = ratio_of_medians(Pair(SAME, WIDE))

    assert found.value == pytest.approx(1.0)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(1.5))


def test_noise_of_the_reference_counts_too():
    found = ratio_of_medians(Pair(WIDE, SAME))

    # 100 / 150 and 100 / 50.
    assert (found.low, found.high) == (pytest.approx(2 / 3), pytest.approx(2.0))


def test_noise_of_a_fixed_reference_does_not_count():
    found = geometric_mean([Pair(WIDE, SAME)], reference_is_fixed=True)

    # The reference is its median, 100.
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_the_ratio_is_of_medians_not_of_means():
    found = ratio_of_medians(Pair((1.0, 10.0, 1000.0), (20.0, 20.0, 20.0)))

    assert found.value == pytest.approx(2.0)


def test_a_geometric_mean_of_4_and_1_is_2():
    found = geometric_mean([Pair(SAME, (400.0, 400.0)), Pair(SAME, SAME)])

    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_twice_and_half_as_fast_cancel():
    found = geometric_mean([Pair(SAME, (200.0, 200.0)), Pair(SAME, (50.0, 50.0))])

    assert found.value == pytest.approx(1.0)


def test_a_mean_over_more_configurations_is_more_certain():
    found = geometric_mean([Pair(SAME, WIDE), Pair(SAME, SAME)])

    # sqrt(0.5 * 1) and sqrt(1.5 * 1): closer to 1 than 0.5 and 1.5.
    assert found.low == pytest.approx(math.sqrt(0.5))
    assert found.high == pytest.approx(math.sqrt(1.5))


@pytest.mark.parametrize("pair", [Pair((100.0,), SAME), Pair(SAME, (100.0,))])
def test_a_single_repeat_gives_no_interval(pair):
    found = geometric_mean([pair, Pair(SAME, SAME)])

    assert found == Estimate(pytest.approx(1.0), None, None)


def test_a_fixed_reference_may_be_a_single_number():
    found = geometric_mean([Pair((50.0,), SAME)], reference_is_fixed=True)

    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_same_speeds_give_the_same_interval():
    pair = Pair((90.0, 100.0, 110.0), (80.0, 100.0, 130.0))

    assert ratio_of_medians(pair) == ratio_of_medians(pair)


def test_the_most_that_an_estimate_may_be_is_its_upper_end_or_itself():
    assert Estimate(1.0, 0.9, 1.2).upper == 1.2
    assert Estimate(1.0, None, None).upper == 1.0


@pytest.mark.parametrize(
    "pairs",
    [[], [Pair((), SAME)], [Pair(SAME, ())], [Pair(SAME, (0.0, 1.0))],
     [Pair((-1.0, 1.0), SAME)], [Pair(SAME, (math.nan, 1.0))],
     [Pair(SAME, (math.inf, 1.0))]],
)  # fmt: skip
def test_what_is_no_speed_is_refused(pairs):
    with pytest.raises(ValueError, match="expected"):
        geometric_mean(pairs)
