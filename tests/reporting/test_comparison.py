"""Metric differences, ratios of costs, and what surrounds the runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_files import write_run
from scipy import stats

from cai_keras.reporting.comparison import compare_match
from cai_keras.reporting.config_diff import KeyDifference
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.record import Metric
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.reporting.selection import match_runs

ACCURACY = "test/accuracy_percent"


@pytest.fixture(scope="session")
def compare(make_record, tmp_path_factory):
    """Function from two lists of accuracies to their comparison, seed by seed.

    `a` and `b` change fields of the records of one side.
    """
    folder = tmp_path_factory.mktemp("unwritten")

    def run(side, seed, value, changes):
        values = {} if value is None else {ACCURACY: value}
        record = make_record(values, seed=seed, **changes)
        return FinishedRun(RunFolder(folder / side / str(seed)), record)

    def make(values_a, values_b, a=None, b=None, values_of=lambda run: {}):
        runs = [
            [run(side, seed, value, changes or {}) for seed, value in enumerate(values)]
            for side, values, changes in (("a", values_a, a), ("b", values_b, b))
        ]
        (match,) = match_runs(*runs).matches
        return compare_match(match, values_of)

    return make


def test_differences_are_b_minus_a_with_the_interval_of_their_mean(compare):
    (found,) = compare([50.0, 52.0, 51.0], [53.0, 54.0, 57.0]).metrics

    # Differences 3, 2, 6: mean 11/3, variance (4/9 + 25/9 + 49/9) / 2 = 13/3;
    # t(0.975, 2) = 4.30265; half width 4.30265 sqrt(13/3) / sqrt(3) = 5.17116.
    assert (found.mean_a, found.count) == (51.0, 3)
    assert found.mean_b == pytest.approx(164 / 3)
    assert found.difference == pytest.approx(11 / 3)
    assert found.interval.method == "t"
    assert found.interval.low == pytest.approx(11 / 3 - 5.17116, abs=1e-4)
    assert found.interval.high == pytest.approx(11 / 3 + 5.17116, abs=1e-4)
    assert not found.is_identical


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=9)
)
def test_the_interval_is_that_of_a_paired_t_test(compare, values):
    a, b = zip(*values, strict=True)
    (found,) = compare(a, b).metrics

    if found.interval.high - found.interval.low > 1e-9:
        expected = stats.ttest_rel(b, a).confidence_interval(0.95)
        ends = (found.interval.low, found.interval.high)
        assert ends == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


def test_a_single_pair_has_a_difference_and_no_interval(compare):
    (found,) = compare([50.0], [48.5]).metrics

    assert (found.difference, found.interval, found.count) == (-1.5, None, 1)


def test_pairs_that_agree_to_the_last_bit_are_identical(compare):
    same, other = [0.1, 0.2], [0.1, math.nextafter(0.2, 1)]

    assert compare(same, same).metrics[0].is_identical
    assert not compare(same, other).metrics[0].is_identical


def test_a_seed_without_a_value_is_left_out_with_its_reason(compare):
    null = {"metrics": {ACCURACY: Metric(value=None, reason="the value is nan")}}

    both = compare([50.0, 52.0], [51.0, None]).metrics[0]
    (never,) = compare([50.0], [50.0], b=null).not_compared

    assert (both.count, both.difference) == (1, 1.0)
    assert both.left_out == ("seed 1: not in B",)
    assert both.lost == both.left_out
    assert (never.reason, never.measured_in) == ("null in B: the value is nan", "A")


def test_what_only_b_measures_is_not_lost(compare):
    found = compare([50.0, None], [51.0, 52.0]).metrics[0]

    assert found.left_out == ("seed 1: not in A",)
    assert found.lost == ()


def test_a_metric_that_is_null_on_both_sides_is_not_measured_in_either(compare):
    null = {"metrics": {ACCURACY: Metric(value=None, reason="it ranks")}}

    (found,) = compare([None], [None], a=null, b=null).not_compared

    assert (found.reason, found.measured_in) == ("null in both: it ranks", "")


def _entry(**changes):
    return {"metrics": {ACCURACY: Metric(**{"value": 50.0, "count": 400, **changes})}}


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ({}, {"data": "digits"}, "data set glyphs against digits"),
        (
            _entry(),
            _entry(count=20),
            "number of examples 400 against 20",
        ),
        (
            _entry(passport={"extractor": "inception", "n": 5}),
            _entry(passport={"extractor": "lenet", "n": 5}),
            "passport: extractor inception against lenet",
        ),
        (
            _entry(),
            _entry(passport={"extractor": "lenet"}),
            "passport: extractor absent against lenet",
        ),
    ],
)  # fmt: skip
def test_unlike_metrics_are_not_compared(compare, a, b, reason):
    found = compare([50.0], [60.0], a=a, b=b)

    assert found.metrics == ()
    ((metric, why, where),) = [
        (m.metric, m.reason, m.measured_in) for m in found.not_compared
    ]
    assert (metric, why, where) == (ACCURACY, reason, "both")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "2.0.0"}, "data version 1.0.0 against 2.0.0"),
        ({"spec": "tfds:glyphs"}, "data source embedded against tfds"),
        ({"digest": "ffff"}, "data digest 0000 against ffff"),
        ({"digest": None}, ""),
    ],
)
def test_data_of_one_name_must_also_be_the_same_data(
    compare, make_record, change, reason
):
    first = make_record().dataset.model_copy(update={"digest": "0000"})
    second = first.model_copy(update=change)

    found = compare([50.0], [60.0], a={"dataset": first}, b={"dataset": second})

    assert [missing.reason for missing in found.not_compared] == [reason] * bool(reason)
    assert len(found.metrics) == (not reason)


def test_costs_are_compared_as_ratios(compare):
    slow = {"train_seconds": 10.0, "examples_per_second": 100.0}
    fast = {"train_seconds": 5.0, "examples_per_second": 200.0}

    ratios = {r.name: r for r in compare([1.0, 1.0], [1.0, 1.0], slow, fast).ratios}

    assert ratios["train_seconds"].ratio == pytest.approx(0.5)
    assert ratios["examples_per_second"].ratio == pytest.approx(2.0)
    assert ratios["peak_memory_bytes"].ratio == pytest.approx(1.0)
    assert ratios["train_seconds"].interval.low == pytest.approx(0.5)


def test_the_ratio_is_the_geometric_mean_and_its_interval_that_of_the_logarithms(
    make_record, tmp_path
):
    seconds = {"a": [2.0, 2.0], "b": [4.0, 16.0]}
    a, b = (
        [
            write_run(tmp_path / side, make_record(seed=seed, train_seconds=value))
            for seed, value in enumerate(values)
        ]
        for side, values in seconds.items()
    )
    (match,) = match_runs(a, b).matches

    ratios = compare_match(match, lambda run: {}).ratios

    (found,) = [ratio for ratio in ratios if ratio.name == "train_seconds"]
    # Ratios 2 and 8: geometric mean 4. Logarithms to base 2 are 1 and 3: mean 2, and
    # half width t(0.975, 1) sqrt(2) / sqrt(2) = 12.7062.
    assert found.ratio == pytest.approx(4.0)
    assert math.log2(found.interval.high) == pytest.approx(2 + 12.7062, abs=1e-3)
    assert math.log2(found.interval.low) == pytest.approx(2 - 12.7062, abs=1e-3)


def test_a_run_that_trained_nothing_has_no_cost_of_training(compare):
    still = {"train_seconds": 0.0, "examples_per_second": None}

    names = [ratio.name for ratio in compare([1.0], [1.0], still, still).ratios]

    assert names == ["peak_memory_bytes"]


def test_a_run_that_stands_for_many_seeds_has_no_costs(compare):
    still = {"run_name": "pixels", "steps_planned": 0, "parameters": {}}

    found = compare([20.0], [50.0, 54.0], a=still)

    assert found.metrics[0].difference == 32.0
    assert found.ratios == ()


def test_config_keys_that_differ_are_listed_once_for_all_seeds(compare):
    configs = {"a": {"train": {"steps": 2}}, "b": {"train": {"steps": 4}}}

    found = compare(
        [1.0, 2.0],
        [1.0, 2.0],
        values_of=lambda run: configs[run.folder.path.parent.name],
    )

    assert found.config == (KeyDifference("train.steps", "2", "4"),)


def test_configs_are_not_compared_where_one_is_missing(compare):
    assert compare([1.0], [1.0], values_of=lambda run: None).config is None


def test_what_surrounds_the_runs_is_listed_where_it_differs(compare, make_record):
    machine = make_record().machine.model_copy(
        update={"commit": "a" * 40, "commit_is_dirty": False}
    )
    other = machine.model_copy(
        update={
            "cpu": "another CPU",
            "commit": "b" * 40,
            "commit_is_dirty": True,
            "versions": {"python": "3.11", "keras": "3.15.1"},
        }
    )

    found = compare(
        [1.0, 2.0],
        [1.0, 2.0],
        a={"machine": machine},
        b={"machine": other, "precision": "mixed_bfloat16", "strategy": "mirrored"},
    )

    assert {fact.name: (fact.a, fact.b, fact.count) for fact in found.facts} == {
        "cpu": ("a CPU", "another CPU", 2),
        "commit": ("aaaaaaaa", "bbbbbbbb and changes", 2),
        "keras": ("unknown", "3.15.1", 2),
        "precision": ("float32", "mixed_bfloat16", 2),
        "strategy": ("one", "mirrored", 2),
    }


@pytest.mark.parametrize(
    ("commit", "dirty", "listed"),
    [("a" * 40, False, []), ("a" * 40, True, ["commit"]), (None, None, ["commit"])],
)
def test_equal_commits_are_the_same_code_only_where_they_are_clean(
    compare, make_record, commit, dirty, listed
):
    machine = make_record().machine.model_copy(
        update={"commit": commit, "commit_is_dirty": dirty}
    )
    side = {"machine": machine}

    found = compare([1.0], [1.0], a=side, b=side)

    assert [fact.name for fact in found.facts] == listed
