"""Intervals over seeds: by hand, as SciPy gives them, and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cai_keras.reporting.claims import EffectClaim
from cai_keras.reporting.record import Metric
from cai_keras.reporting.statistics import Interval, mean_interval, seeds_needed
from cai_keras.reporting.verdict import judge_effect

METRIC = "test/accuracy_percent"
# Student's t at 97.5 %, 2 degrees of freedom, from a printed table: 4.3027.
T2 = 4.302652729911275
# Of three values with standard deviation 1: T2 * 1 / sqrt(3) = 2.4841.
HALF = T2 / math.sqrt(3)
DRAWS = 2_000


class TestInterval:
    def test_three_values_by_hand(self):
        # 1, 2, 3: mean 2, standard deviation 1.
        interval = mean_interval([1.0, 2.0, 3.0])

        assert interval.low == pytest.approx(2 - HALF)
        assert interval.high == pytest.approx(2 + HALF)
        assert interval.method == "t"

    def test_two_values_by_hand(self):
        # 0, 2: mean 1, standard deviation sqrt(2), error 1; t with 1 degree: 12.706.
        interval = mean_interval([0.0, 2.0])

        assert interval.low == pytest.approx(1 - 12.706204736174698)
        assert interval.high == pytest.approx(1 + 12.706204736174698)

    @pytest.mark.parametrize("count", [2, 3, 10, 29])
    def test_below_thirty_values_it_is_the_t_interval_of_scipy(self, count):
        values = list(np.random.default_rng(count).normal(70, 3, count))
        expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)

        interval = mean_interval(values)

        assert (interval.low, interval.high) == pytest.approx(tuple(expected))
        assert interval.method == "t"

    def test_from_thirty_values_it_is_the_bca_interval_of_scipy(self):
        # Skewed on purpose: t is symmetric about the mean, BCa must not be.
        values = list(np.random.default_rng(0).exponential(1.0, 30))
        expected = stats.bootstrap(
            (values,), np.mean, method="BCa", rng=np.random.default_rng(1)
        ).confidence_interval

        interval = mean_interval(values)

        # Two sets of 9,999 resamples: the ends scatter by a few hundredths.
        assert (interval.low, interval.high) == pytest.approx(tuple(expected), abs=0.05)
        assert interval.method == "BCa"
        mean = np.mean(values)
        assert interval.high - mean > 1.1 * (mean - interval.low)

    def test_the_same_values_give_the_same_bootstrap(self):
        values = list(np.random.default_rng(0).normal(0, 1, 40))

        assert mean_interval(values) == mean_interval(values)

    @pytest.mark.parametrize("count", [3, 40])
    def test_equal_values_give_an_interval_of_no_width(self, count):
        assert mean_interval([5.0] * count) == Interval(5.0, 5.0, "t")

    def test_values_that_are_all_but_equal_give_a_finite_interval(self):
        # One in the last place: the bootstrap cannot tell the resamples apart.
        interval = mean_interval([0.1] * 39 + [math.nextafter(0.1, 1)])

        assert interval.low == pytest.approx(0.1)
        assert interval.high == pytest.approx(0.1)

    @pytest.mark.parametrize("values", [[], [1.0]])
    def test_fewer_than_two_values_have_none(self, values):
        assert mean_interval(values) is None


class TestSeedsNeeded:
    def test_by_hand(self):
        # 1, 2, 3 against 0: distance 2, deviation 1. Half widths: with three seeds
        # 4.303 / sqrt(3) = 2.48, with four 3.182 / 2 = 1.59, the first below 2.
        assert seeds_needed([1.0, 2.0, 3.0], 0.0) == 4

    def test_a_mean_on_the_threshold_would_never_be_decided(self):
        assert seeds_needed([1.0, 2.0, 3.0], 2.0) is None

    def test_one_value_says_nothing(self):
        assert seeds_needed([1.0], 0.0) is None

    def test_it_is_more_than_there_are(self):
        # By their mean and deviation a handful would do. Where all forty have not
        # decided it (the bootstrap is another method), at least one more is needed.
        values = list(np.random.default_rng(3).normal(1, 1, 40))

        assert seeds_needed(values, 0.0) == 41

    @given(
        values=st.lists(st.integers(-50, 50), min_size=2, max_size=6),
        threshold=st.integers(-20, 20),
    )
    def test_it_is_the_first_count_that_decides(self, values, threshold):
        mean, deviation = np.mean(values), np.std(values, ddof=1)
        counts = np.arange(2, 1001)
        quantiles = stats.t.ppf(0.975, counts - 1)
        decided = quantiles * deviation / np.sqrt(counts) < abs(mean - threshold)
        # Below the seeds that there are it says nothing: those have not decided it.
        expected = (
            max(int(counts[decided][0]), len(values) + 1) if decided.any() else None
        )

        assert seeds_needed([float(v) for v in values], threshold) == expected


class TestSimulatedSeeds:
    """2,000 sets of paired seeds: a share of 95 % has a standard error of 0.5 %."""

    EFFECT = 1.5

    @pytest.fixture
    def judge(self, make_record):
        """Function from (draws, n) values of both variants to verdicts."""
        claim = EffectClaim(
            kind="effect", id="effect", variant="method", baseline="plain",
            metric=METRIC, better="higher", margin=0.0, published=None, source="",
        )  # fmt: skip
        run = make_record({METRIC: 0.0})

        def records(values):
            return [
                run.model_copy(
                    update={
                        "seed": seed,
                        "metrics": {METRIC: Metric(value=value, count=20)},
                    }
                )
                for seed, value in enumerate(values)
            ]

        def judge_all(method, baseline):
            pairs = zip(method, baseline, strict=True)
            return [judge_effect(claim, records(a), records(b)) for a, b in pairs]

        return judge_all

    @staticmethod
    def _normal_pairs(count: int, effect: float):
        """Seeds share a part of their spread, as runs of one seed do."""
        rng = np.random.default_rng(count)
        shared = rng.normal(70, 5, (DRAWS, count))
        own = rng.normal(0, 2, (2, DRAWS, count))
        return shared + effect + own[0], shared + own[1]

    @pytest.mark.parametrize("count", [3, 5, 10])
    def test_the_interval_covers_the_effect_in_95_percent(self, judge, count):
        verdicts = judge(*self._normal_pairs(count, self.EFFECT))

        covered = [v.interval[0] <= self.EFFECT <= v.interval[1] for v in verdicts]
        assert 0.93 <= np.mean(covered) <= 0.97

    @pytest.mark.parametrize("count", [3, 5, 10])
    def test_holds_is_wrong_in_under_5_percent_without_an_effect(self, judge, count):
        verdicts = judge(*self._normal_pairs(count, 0.0))

        words = [verdict.word for verdict in verdicts]
        # Half of the 5 % that miss lie on either side.
        assert 0.01 <= words.count("holds") / DRAWS <= 0.05
        assert 0.01 <= words.count("opposite") / DRAWS <= 0.05

    @pytest.mark.parametrize("count", [3, 5, 10])
    def test_both_hold_for_accuracies_near_100_percent(self, judge, count):
        # Right answers of 400 trials, in percent: coarse, skewed, never above 100.
        rng = np.random.default_rng(count)
        method = rng.binomial(400, 0.97, (DRAWS, count)) / 4
        baseline = rng.binomial(400, 0.97, (DRAWS, count)) / 4

        verdicts = judge(method, baseline)

        covered = [v.interval[0] <= 0 <= v.interval[1] for v in verdicts]
        assert 0.93 <= np.mean(covered) <= 0.97
        assert [v.word for v in verdicts].count("holds") / DRAWS <= 0.05

    def test_a_large_effect_is_found(self, judge):
        # Ten times the deviation of a difference: the interval is far from 0.
        verdicts = judge(*self._normal_pairs(5, 30.0))

        assert np.mean([verdict.word == "holds" for verdict in verdicts]) > 0.99

    @pytest.mark.parametrize(("count", "most"), [(3, 0.8), (5, 0.9), (10, 0.93)])
    def test_the_bootstrap_of_few_values_covers_too_little(self, count, most):
        # Why mean_interval does not use it there.
        values = np.random.default_rng(count).normal(0, 1, (DRAWS, count))

        found = stats.bootstrap(
            (values,), np.mean, axis=1, method="BCa", n_resamples=499, vectorized=True,
            rng=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip

        assert np.mean((found.low <= 0) & (found.high >= 0)) < most

    def test_thirty_values_are_enough_for_the_bootstrap(self):
        # 300 draws, as each costs 10 ms: the standard error is 1.3 %.
        values = np.random.default_rng(30).normal(0, 1, (300, 30))

        found = [mean_interval(list(row)) for row in values]

        assert {interval.method for interval in found} == {"BCa"}
        assert 0.91 <= np.mean([i.low <= 0 <= i.high for i in found]) <= 0.985
