"""Which results may be averaged or compared, and what is said of the others."""

import pytest

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.record import Metric
from cai_keras.reporting.verdict import judge_effect, judge_value

METRIC = "test/accuracy_percent"
FID = {"extractor": "inception_2015", "n": 10_000, "resizing": "clean"}


def _value_claim(**changes) -> ValueClaim:
    fields = {
        "kind": "value", "id": "number", "variant": "method", "metric": METRIC,
        "better": "higher", "value": 90.0, "tolerance": 1.0, "source": "Table 1",
    }  # fmt: skip
    return ValueClaim(**{**fields, **changes})


EFFECT = EffectClaim(
    kind="effect", id="effect", variant="method", baseline="plain", metric=METRIC,
    better="higher", margin=0.0, published=None, source="Table 1",
)  # fmt: skip
FULL = {"scale": "paper", "data": "cifar10", "stand_in": False}


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
def measured(make_record):
    """Function from a value and a passport to a run."""

    def make(value, passport, **changes):
        metric = Metric(value=value, count=20, passport=passport)
        return make_record(metrics={METRIC: metric}, **changes)

    return make


def test_equal_passports_are_compared(measured):
    method = [measured(60 + s, FID, seed=s) for s in (0, 1)]
    baseline = [measured(50, dict(FID), seed=s) for s in (0, 1)]

    verdict = judge_effect(EFFECT, method, baseline)

    assert verdict.ours == pytest.approx(10.5)


@pytest.mark.parametrize(
    ("key", "other"),
    [("extractor", "cai_vgg"), ("n", 5_000), ("resizing", None), ("split", "test")],
)
def test_method_and_baseline_with_unlike_passports_are_not_compared(
    measured, key, other
):
    method = [measured(60, FID, seed=s, variant="method") for s in (0, 1)]
    unlike = {**FID, key: other}
    baseline = [measured(50, unlike, seed=s, variant="plain") for s in (0, 1)]

    verdict = judge_effect(EFFECT, method, baseline)

    assert (verdict.word, verdict.ours) == ("not comparable", None)
    left, right = FID.get(key, "absent"), other or "absent"
    assert verdict.note == (
        f"{key} is {left} for method seed 0, {right} for plain seed 0"
    )


def test_a_result_without_a_passport_is_unlike_one_with(measured):
    verdict = judge_effect(EFFECT, [measured(60, FID)], [measured(50, None)])

    assert verdict.word == "not comparable"
    assert verdict.note.startswith("extractor is inception_2015 for")


def test_seeds_with_unlike_passports_are_not_averaged(measured):
    found = [
        measured(90, FID, seed=0, **FULL),
        measured(90, {**FID, "n": 5_000}, seed=1, **FULL),
    ]

    verdict = judge_value(_value_claim(), found, [0, 1])

    assert (verdict.word, verdict.ours) == ("not comparable", None)
    assert verdict.note == "n is 10000 for method seed 0, 5000 for method seed 1"


def test_other_numbers_of_examples_are_not_averaged(make_record):
    found = [
        make_record(metrics={METRIC: Metric(value=90, count=20 + s)}, seed=s)
        for s in (0, 1)
    ]

    verdict = judge_value(_value_claim(), found, [0, 1])

    assert verdict.word == "not comparable"
    assert verdict.note.startswith("number of examples is 20 for method seed 0, 21")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": "digits"}, "data set is glyphs"),
        ({"steps_planned": 11}, "steps is 10"),
        ({"global_batch": 8}, "batch size is 4"),
        ({"precision": "mixed_float16"}, "precision is float32"),
        ({"parameters": {"net": {"trainable": 3, "total": 5}}}, "parameters is"),
    ],
)
def test_seeds_of_unlike_recipes_are_not_averaged(runs, changes, named):
    found = runs(90) + runs(90, seed=1, **changes)

    verdict = judge_value(_value_claim(), found, [0, 1])

    assert verdict.word == "not comparable"
    assert verdict.note.startswith(named)


@pytest.mark.parametrize("key", ["version", "digest"])
def test_other_versions_of_the_data_are_not_compared(runs, key):
    method, baseline = runs(60), runs(50)
    data = baseline[0].dataset.model_copy(update={key: "2.0.0"})
    baseline = [baseline[0].model_copy(update={"dataset": data})]

    verdict = judge_effect(EFFECT, method, baseline)

    assert verdict.word == "not comparable"
    assert f"data {key}" in verdict.note


def test_unfinished_runs_make_nothing_unlike(runs):
    found = runs(90) + runs(90, seed=1, global_batch=8, state="interrupted")

    assert judge_value(_value_claim(), found, [0]).word == "reduced protocol"


def test_two_results_of_a_seed_are_not_averaged(runs):
    found = runs(90, 91) + runs(95)

    verdict = judge_value(_value_claim(), found, [0, 1])

    assert verdict.word == "not comparable"
    assert verdict.note == "method seed 0 has two results: 90 and 95"


def test_a_copy_of_a_run_counts_once(runs):
    found = runs(90, 91, **FULL) + runs(90, **FULL)

    verdict = judge_value(_value_claim(), found, [0, 1])

    assert (verdict.word, verdict.ours, verdict.count) == ("reproduced", 90.5, 2)


def test_a_claim_may_name_what_the_paper_measured_with(measured):
    claim = _value_claim(passport={"extractor": "inception_2015", "n": 10_000})

    verdict = judge_value(claim, [measured(90, FID, **FULL)], [0])

    assert verdict.word == "reproduced"  # the claim says nothing of resizing


@pytest.mark.parametrize(
    ("passport", "found"),
    [({"extractor": "cai_vgg"}, "cai_vgg"), ({}, "absent"), (None, "absent")],
)
def test_a_claim_is_not_compared_with_another_extractor(measured, passport, found):
    claim = _value_claim(passport={"extractor": "inception_2015"})

    verdict = judge_value(claim, [measured(90, passport, **FULL)], [0])

    assert verdict.word == "not comparable"
    assert verdict.ours == 90  # shown, but without a difference
    assert verdict.note == (f"extractor is inception_2015 in the paper, ours {found}")
