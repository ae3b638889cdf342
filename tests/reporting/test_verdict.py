"""Verdicts, worked out by hand."""

import math

import pytest

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.record import Metric
from cai_keras.reporting.verdict import judge_effect, judge_value

METRIC = "test/accuracy_percent"
# Student's t at 97.5 %, 2 degrees of freedom, from a printed table: 4.3027.
T2 = 4.302652729911275
# Of three values with standard deviation 1: T2 * 1 / sqrt(3) = 2.4841.
HALF = T2 / math.sqrt(3)


def _value_claim(**changes) -> ValueClaim:
    fields = {
        "kind": "value", "id": "number", "variant": "method", "metric": METRIC,
        "better": "higher", "value": 90.0, "tolerance": 1.0, "source": "Table 1",
    }  # fmt: skip
    return ValueClaim(**{**fields, **changes})


def _effect_claim(**changes) -> EffectClaim:
    fields = {
        "kind": "effect", "id": "effect", "variant": "method", "baseline": "plain",
        "metric": METRIC, "better": "higher", "margin": 0.0, "published": None,
        "source": "Table 1",
    }  # fmt: skip
    return EffectClaim(**{**fields, **changes})


@pytest.fixture
def runs(make_record):
    """Function from values of METRIC to runs with seeds 0, 1, 2, ..."""

    def make(*values, **changes):
        return [
            make_record({METRIC: value}, **{"seed": seed, **changes})
            for seed, value in enumerate(values)
        ]

    return make


@pytest.fixture
def full_runs(runs):
    """The same, by the paper's protocol."""

    def make(*values, **changes):
        protocol = {"scale": "paper", "data": "cifar10", "stand_in": False}
        return runs(*values, **{**protocol, **changes})

    return make


class TestEffect:
    def test_two_metrics_of_one_run_are_paired_by_seed(self, make_record):
        runs = [
            make_record({"test/best": best, "test/random": random}, seed=seed)
            for seed, (best, random) in enumerate([(30, 20), (33, 21), (31, 20)])
        ]
        claim = _effect_claim(
            baseline="method", metric="test/best", baseline_metric="test/random"
        )

        verdict = judge_effect(claim, runs, runs)

        # 10, 12 and 11.
        assert (verdict.word, verdict.ours, verdict.count) == ("holds", 11.0, 3)

    def test_two_metrics_of_other_counts_are_not_compared(self, make_record):
        record = make_record({"test/best": 2.0, "test/random": 1.0})
        fewer = record.metrics["test/random"].model_copy(update={"count": 7})
        record = record.model_copy(
            update={"metrics": {**record.metrics, "test/random": fewer}}
        )
        claim = _effect_claim(
            baseline="method", metric="test/best", baseline_metric="test/random"
        )

        verdict = judge_effect(claim, [record], [record])

        assert verdict.word == "not comparable"
        assert "number of examples" in verdict.note

    def test_it_holds_where_the_whole_interval_is_above_the_margin(self, runs):
        # Differences 10, 11, 12: 11 +- 2.48, all above 5.
        verdict = judge_effect(
            _effect_claim(margin=5.0), runs(60, 62, 64), runs(50, 51, 52)
        )

        assert verdict.word == "holds"
        assert verdict.ours == pytest.approx(11)
        assert verdict.deviation == pytest.approx(1)
        assert verdict.interval == pytest.approx((11 - HALF, 11 + HALF))
        assert (verdict.count, verdict.method) == (3, "t")

    @pytest.mark.parametrize(
        ("margin", "word"), [(-3.0, "holds"), (-1.0, "inconclusive")]
    )
    def test_a_negative_margin_claims_not_to_be_worse_by_as_much(
        self, runs, margin, word
    ):
        # Differences -1, 0, 1: 0 +- 2.48, all above -3, not above -1.
        verdict = judge_effect(
            _effect_claim(margin=margin), runs(49, 50, 51), runs(50, 50, 50)
        )

        assert verdict.word == word

    def test_it_is_opposite_where_the_whole_interval_is_below_zero(self, runs):
        verdict = judge_effect(_effect_claim(), runs(50, 51, 52), runs(60, 62, 64))

        assert verdict.word == "opposite"
        assert verdict.ours == pytest.approx(-11)
        assert verdict.note == ""

    def test_a_gain_smaller_than_the_margin_is_opposite_with_a_note(self, runs):
        # 11 +- 2.48 lies below the margin 20, and above 0.
        verdict = judge_effect(
            _effect_claim(margin=20.0), runs(60, 62, 64), runs(50, 51, 52)
        )

        assert verdict.word == "opposite"
        assert verdict.note == "same direction, smaller than claimed"

    def test_it_is_inconclusive_where_the_interval_holds_the_margin(self, runs):
        # Differences 1, 2, 3: 2 +- 2.48 holds 0.
        verdict = judge_effect(_effect_claim(), runs(51, 52, 53), runs(50, 50, 50))

        assert verdict.word == "inconclusive"
        assert verdict.interval == pytest.approx((2 - HALF, 2 + HALF))

    def test_an_inconclusive_effect_says_how_many_seeds_would_decide_it(self, runs):
        # Differences 1, 2, 3, mean 2: four seeds with deviation 1 have the half width
        # 3.182 / 2 = 1.59, below 2; three have 2.48.
        verdict = judge_effect(_effect_claim(), runs(51, 52, 53), runs(50, 50, 50))

        assert verdict.seeds_needed == 4
        assert verdict.note == (
            "about 4 seeds would decide it, if they scatter as these do"
        )

    def test_an_effect_on_the_margin_is_not_decided_by_any_number_of_seeds(self, runs):
        # Differences 1, 2, 3 have the mean 2, the margin itself.
        verdict = judge_effect(
            _effect_claim(margin=2.0), runs(51, 52, 53), runs(50, 50, 50)
        )

        assert verdict.seeds_needed is None
        assert verdict.note.startswith("not even 1,000 seeds would decide it")

    def test_a_decided_effect_needs_no_more_seeds(self, runs):
        verdict = judge_effect(_effect_claim(), runs(60, 62, 64), runs(50, 51, 52))

        assert (verdict.word, verdict.seeds_needed) == ("holds", None)

    def test_thirty_seeds_are_judged_by_the_bootstrap(self, runs):
        # Differences of 1.0 and 1.2 in turn: the interval lies between them.
        method = runs(*(51 + 0.2 * (seed % 2) for seed in range(30)))

        verdict = judge_effect(_effect_claim(), method, runs(*[50.0] * 30))

        assert (verdict.word, verdict.method, verdict.count) == ("holds", "BCa", 30)
        assert 1.0 < verdict.interval[0] < 1.1 < verdict.interval[1] < 1.2

    def test_equal_differences_are_named(self, runs):
        verdict = judge_effect(_effect_claim(), runs(51, 52, 53), runs(50, 51, 52))

        assert verdict.word == "holds"
        assert verdict.note == "every seed gave the same difference"

    def test_the_last_digit_of_a_difference_does_not_decide(self, runs):
        verdict = judge_effect(
            _effect_claim(margin=0.3), runs(50.6, 50.6), runs(50.3, 50.3)
        )

        assert 50.6 - 50.3 > 0.3  # by rounding alone
        assert verdict.word == "inconclusive"

    def test_failed_runs_that_are_left_out_are_named(self, runs, make_record):
        method = runs(60, 62, 64)
        method += [make_record(seed=3, state="failed", reason="the loss is nan")]

        verdict = judge_effect(_effect_claim(), method, runs(50, 51, 52, 53))

        assert (verdict.word, verdict.count) == ("holds", 3)
        assert verdict.note == "failed and left out: method seed 3"

    def test_an_interval_that_ends_at_the_margin_is_inconclusive(self, runs):
        # Every difference is 5, the margin itself: neither above nor below.
        verdict = judge_effect(
            _effect_claim(margin=5.0), runs(55, 56, 57), runs(50, 51, 52)
        )

        assert verdict.word == "inconclusive"

    def test_lower_is_better_turns_the_sign(self, runs):
        # Errors fall by 10, 11, 12.
        verdict = judge_effect(
            _effect_claim(better="lower"), runs(50, 51, 52), runs(60, 62, 64)
        )

        assert verdict.word == "holds"
        assert verdict.ours == pytest.approx(11)

    def test_pairing_removes_the_spread_that_seeds_share(self, runs):
        # Accuracies spread over 40 points, differences only from 1.0 to 1.2:
        # mean 1.1, deviation 0.1, half width 0.248.
        verdict = judge_effect(
            _effect_claim(), runs(11.0, 31.1, 51.2), runs(10.0, 30.0, 50.0)
        )

        assert verdict.word == "holds"
        assert verdict.interval == pytest.approx((1.1 - HALF / 10, 1.1 + HALF / 10))

    def test_only_seeds_that_both_variants_finished_are_paired(self, runs, make_record):
        method = runs(60, 62, 64)  # seeds 0, 1, 2
        baseline = runs(50, 51)  # seeds 0, 1
        baseline.append(make_record({METRIC: 1.0}, seed=2, state="interrupted"))
        baseline.append(make_record({METRIC: 1.0}, seed=3))

        verdict = judge_effect(_effect_claim(), method, baseline)

        assert verdict.count == 2
        assert verdict.ours == pytest.approx(10.5)  # of 10 and 11

    def test_one_seed_is_inconclusive_because_it_has_no_interval(self, runs):
        verdict = judge_effect(_effect_claim(), runs(60), runs(50))

        assert verdict.word == "inconclusive"
        assert (verdict.ours, verdict.interval) == (10, None)
        assert verdict.note == "one seed has no interval"

    def test_no_common_seed_is_not_run(self, runs):
        verdict = judge_effect(_effect_claim(), runs(60), runs(50, seed=1))

        assert (verdict.word, verdict.note) == ("not run", "no seed in common")

    @pytest.mark.parametrize("state", ["running", "failed", "interrupted"])
    def test_an_unfinished_baseline_is_not_run(self, runs, state):
        baseline = runs(50, 51, 52, state=state)

        verdict = judge_effect(_effect_claim(), runs(60, 62, 64), baseline)

        assert verdict.word == "not run"

    def test_without_any_run_it_is_not_run(self):
        assert judge_effect(_effect_claim(), [], []).word == "not run"

    def test_one_run_of_a_method_without_weights_stands_for_every_seed(self, runs):
        # 60 - 49, 61 - 49, 62 - 49 = 11, 12, 13.
        fixed = runs(49, steps_planned=0, parameters={})

        verdict = judge_effect(_effect_claim(), runs(60, 61, 62), fixed)

        assert verdict.word == "holds"
        assert verdict.count == 3
        assert verdict.interval == pytest.approx((12 - HALF, 12 + HALF))

    def test_the_method_itself_may_be_the_one_without_weights(self, runs):
        fixed = runs(49, steps_planned=0, parameters={})

        verdict = judge_effect(_effect_claim(), fixed, runs(36, 37, 38))

        assert verdict.ours == pytest.approx(12)  # of 13, 12, 11
        assert verdict.count == 3

    def test_two_methods_without_weights_are_one_pair(self, runs):
        fixed = {"steps_planned": 0, "parameters": {}}

        verdict = judge_effect(_effect_claim(), runs(50, **fixed), runs(40, **fixed))

        assert (verdict.word, verdict.ours, verdict.count) == ("inconclusive", 10, 1)

    def test_one_run_of_a_trained_method_stands_for_its_own_seed_only(self, runs):
        verdict = judge_effect(_effect_claim(), runs(60, 61, 62), runs(49))

        assert verdict.count == 1

    def test_one_run_of_an_untrained_network_stands_for_its_own_seed_only(self, runs):
        # No step is planned, yet its random weights depend on the seed.
        untrained = runs(49, steps_planned=0)

        verdict = judge_effect(_effect_claim(), runs(60, 61, 62), untrained)

        assert verdict.count == 1


class TestValue:
    def test_a_mean_within_the_tolerance_is_reproduced(self, full_runs):
        # Mean of 90, 91, 91.4 is 90.8, which is 0.8 from 90.
        verdict = judge_value(_value_claim(), full_runs(90, 91, 91.4), [0, 1, 2])

        assert verdict.word == "reproduced"
        assert verdict.ours == pytest.approx(90.8)
        # Deviations -0.8, 0.2, 0.6: squares 0.64 + 0.04 + 0.36 = 1.04, over 2: 0.52.
        assert verdict.deviation == pytest.approx(math.sqrt(0.52))
        assert verdict.count == 3

    def test_the_tolerance_itself_counts_as_inside(self, full_runs):
        verdict = judge_value(_value_claim(), full_runs(91, 91), [0, 1])

        assert verdict.word == "reproduced"

    def test_the_tolerance_holds_up_to_rounding(self, full_runs):
        claim = _value_claim(value=8.01, tolerance=0.2)

        assert 8.21 - 8.01 > 0.2  # by rounding alone
        assert judge_value(claim, full_runs(8.21), [0]).word == "reproduced"

    @pytest.mark.parametrize("value", [88.9, 91.1])
    def test_a_mean_outside_the_tolerance_on_either_side_is_not(self, full_runs, value):
        verdict = judge_value(_value_claim(), full_runs(value, value), [0, 1])

        assert verdict.word == "outside tolerance"

    def test_a_smaller_scale_is_a_reduced_protocol(self, full_runs):
        verdict = judge_value(_value_claim(), full_runs(90, scale="small"), [0])

        assert (verdict.word, verdict.note) == ("reduced protocol", "small scale")
        assert verdict.ours == 90

    def test_stand_in_data_are_a_reduced_protocol(self, full_runs):
        found = full_runs(90, data="glyphs", stand_in=True)

        verdict = judge_value(_value_claim(), found, [0])

        assert verdict.word == "reduced protocol"
        assert verdict.note == "stand-in data (glyphs)"

    def test_a_changed_recipe_is_a_reduced_protocol(self, full_runs):
        found = full_runs(90, overrides=["train.steps=5"])

        verdict = judge_value(_value_claim(), found, [0])

        assert verdict.word == "reduced protocol"
        assert verdict.note == "changed: train.steps=5"

    def test_the_papers_data_from_another_place_keep_the_protocol(self, full_runs):
        found = full_runs(90, overrides=["data.spec=folder:/data/cifar"])

        assert judge_value(_value_claim(), found, [0]).word == "reproduced"

    def test_a_failed_seed_fails_the_claim_with_its_reason(
        self, full_runs, make_record
    ):
        found = full_runs(90, 90)
        broken = {"seed": 2, "state": "failed", "reason": "the loss is nan"}
        found.append(make_record(scale="paper", stand_in=False, **broken))

        verdict = judge_value(_value_claim(), found, [0, 1, 2])

        assert verdict.word == "failed"
        assert verdict.note == "seed 2: the loss is nan"
        assert (verdict.ours, verdict.count) == (90, 2)  # of those that finished

    def test_a_null_metric_fails_the_claim_with_its_reason(
        self, full_runs, make_record
    ):
        null = {METRIC: Metric(value=None, reason="no test split")}
        found = [make_record(scale="paper", stand_in=False, metrics=null)]

        verdict = judge_value(_value_claim(), found, [0])

        assert (verdict.word, verdict.note) == ("failed", "seed 0: no test split")
        assert verdict.ours is None

    def test_a_missing_metric_fails_the_claim_and_is_named(self, full_runs):
        claim = _value_claim(metric="test/other")

        verdict = judge_value(claim, full_runs(90), [0])

        assert verdict.word == "failed"
        assert verdict.note == "seed 0 has no metric test/other"

    @pytest.mark.parametrize("state", ["running", "interrupted"])
    def test_an_unfinished_run_has_not_failed(self, make_record, state):
        found = [make_record(scale="paper", stand_in=False, state=state)]

        verdict = judge_value(_value_claim(), found, [0])

        assert (verdict.word, verdict.note) == ("not run", "no finished run")

    def test_missing_seeds_are_named_and_give_no_verdict(self, full_runs):
        verdict = judge_value(_value_claim(), full_runs(90), [0, 1, 2])

        assert verdict.word == "not run"
        assert verdict.note == "seeds missing: 1, 2"
        assert verdict.ours == 90

    def test_without_any_run_it_is_not_run(self):
        assert judge_value(_value_claim(), [], [0]).word == "not run"
