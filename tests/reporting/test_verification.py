"""Identical, within the tolerance, within the interval, or different."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cai_keras.errors import UsageError
from cai_keras.reporting.record import Metric
from cai_keras.reporting.verification import (
    DIFFERENT,
    IDENTICAL,
    INSIDE,
    TOLERATED,
    Verification,
    check_names,
    compare_curves,
    differences_around,
    draw_sample,
    parse_tolerances,
    prediction_interval,
    verify_record,
)

ACCURACY = "test/accuracy_percent"
OTHER = "test/other"


@pytest.fixture(scope="session")
def verify(make_record):
    """Function from two values, the seeds' values and tolerances to one check."""

    def make(then, now, seeds=(), tolerances=None, **changes):
        record, again = make_record({ACCURACY: then}), make_record({ACCURACY: now})
        others = [
            make_record({ACCURACY: value}, seed=s) for s, value in enumerate(seeds)
        ]
        found = verify_record(
            record, again.model_copy(update=changes), others, tolerances or {}
        )
        (check,) = found.checks
        assert found.outcome == check.outcome
        return check

    return make


def test_equal_values_are_identical(verify):
    assert verify(81.25, 81.25).outcome == IDENTICAL


def test_the_last_bit_counts(verify):
    assert verify(0.1, math.nextafter(0.1, 1)).outcome == DIFFERENT


def test_the_prediction_interval_is_that_of_one_more_run():
    low, high = prediction_interval([50.0, 52.0, 54.0])

    # mean 52, sd 2, t(0.975, 2) = 4.30265: 4.30265 * 2 * sqrt(4/3) = 9.93656.
    assert low == pytest.approx(52 - 9.93656, abs=1e-4)
    assert high == pytest.approx(52 + 9.93656, abs=1e-4)


def test_one_more_run_lies_in_the_prediction_interval_in_95_percent_of_the_cases():
    draws = np.random.default_rng(0).normal(50.0, 2.0, (2_000, 4))

    inside = [
        low <= new <= high
        for *seeds, new in draws.tolist()
        for low, high in [prediction_interval(seeds)]
    ]

    # The standard error of the share is sqrt(0.95 * 0.05 / 2000) = 0.5 %.
    assert statistics.fmean(inside) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("now", "outcome"), [(61.9, INSIDE), (62.0, DIFFERENT), (42.1, INSIDE)]
)
def test_a_value_inside_the_interval_of_the_seeds_is_within_it(verify, now, outcome):
    check = verify(50.0, now, seeds=[50.0, 52.0, 54.0])

    # The interval of the test above: 42.06 to 61.94.
    assert check.outcome == outcome
    assert check.interval == prediction_interval([50.0, 52.0, 54.0])


def test_two_seeds_have_no_interval(verify):
    check = verify(50.0, 50.1, seeds=[50.0, 60.0])

    assert (check.outcome, check.interval) == (DIFFERENT, None)
    assert "too few" in check.note


def test_seeds_that_agree_exactly_leave_no_room(verify):
    assert verify(50.0, 50.001, seeds=[50.0] * 3).outcome == DIFFERENT


def test_seeds_on_other_data_do_not_widen_the_interval(make_record):
    record, again = make_record({ACCURACY: 50.0}), make_record({ACCURACY: 50.1})
    seeds = [record, make_record({ACCURACY: 40.0}, data="digits", seed=1)]
    seeds.append(make_record({ACCURACY: 60.0}, seed=2))

    (check,) = verify_record(record, again, seeds, {}).checks

    assert (check.outcome, check.note) == (
        DIFFERENT,
        "2 seeds: too few for an interval",
    )


@pytest.mark.parametrize(
    ("tolerances", "outcome"),
    [
        ({"": 0.5}, TOLERATED),
        ({"": 0.25}, DIFFERENT),
        ({ACCURACY: 0.5, "": 0.0}, TOLERATED),
        ({ACCURACY: 0.0, "": 0.5}, DIFFERENT),
        ({OTHER: 0.5}, DIFFERENT),
    ],
)
def test_a_tolerance_is_of_all_metrics_or_of_one(verify, tolerances, outcome):
    assert verify(50.0, 50.5, tolerances=tolerances).outcome == outcome


def test_a_metric_that_is_null_in_both_is_identical(verify):
    assert verify(math.nan, math.nan).outcome == IDENTICAL


@pytest.mark.parametrize(
    ("then", "now", "where"),
    [(50.0, math.nan, "second run"), (math.nan, 50.0, "record")],
)
def test_a_metric_that_is_null_on_one_side_is_different(verify, then, now, where):
    check = verify(then, now, seeds=[50.0, 40.0, 60.0])

    assert check.outcome == DIFFERENT
    assert f"null in the {where}" in check.note
    assert "nan" in check.note


def test_a_metric_that_is_gone_is_different_and_a_new_one_is_no_matter(verify):
    check = verify(50.0, 50.0, metrics={OTHER: Metric(value=1.0, count=20)})

    assert (check.metric, check.outcome) == (ACCURACY, DIFFERENT)


def test_a_metric_of_another_number_of_examples_is_different(verify):
    fewer = {ACCURACY: Metric(value=50.0, count=10)}

    check = verify(50.0, 50.0, metrics=fewer)

    assert check.outcome == DIFFERENT
    assert check.note == "number of examples 20 against 10"


def test_a_run_is_as_good_as_its_worst_metric(make_record):
    record = make_record({ACCURACY: 50.0, OTHER: 1.0})
    again = make_record({ACCURACY: 50.0, OTHER: 1.5})

    assert verify_record(record, again, [], {}).outcome == DIFFERENT
    assert verify_record(record, again, [], {OTHER: 1.0}).outcome == TOLERATED
    assert Verification(record, None, failure="the loss is nan").outcome == "failed"


def test_timings_and_memory_do_not_count(make_record):
    record = make_record({ACCURACY: 50.0})
    slow = {"wall_seconds": 9.0, "train_seconds": 8.0, "peak_memory_bytes": 1}

    found = verify_record(record, record.model_copy(update=slow), [], {})

    assert found.outcome == IDENTICAL
    assert [check.metric for check in found.checks] == [ACCURACY]


def test_what_may_explain_a_difference_is_listed(make_record):
    record = make_record({ACCURACY: 50.0})
    clean = {"commit": "c" * 40, "commit_is_dirty": False}
    then = record.machine.model_copy(update=clean)
    now = then.model_copy(
        update={"intra_op_threads": 8, "memory_bytes": 1 << 40, "cpu": "another CPU"}
    )
    first, second = (record.model_copy(update={"machine": m}) for m in (then, now))

    facts = differences_around([verify_record(first, second, [], {})])

    assert {fact.name: (fact.a, fact.b) for fact in facts} == {
        "cpu": ("a CPU", "another CPU"),
        "threads": ("2 intra-op, 2 inter-op", "8 intra-op, 2 inter-op"),
    }


class TestCurves:
    @pytest.fixture
    def files(self, tmp_path):
        """Function from the lines of two files to what their comparison says."""

        def make(*texts):
            paths = [tmp_path / "then.csv", tmp_path / "now.csv"]
            for path, text in zip(paths, texts, strict=True):
                path.write_text("step,metric,value\n" + text)
            return compare_curves(*paths)

        return make

    def test_equal_values_are_counted(self, files):
        rows = "2,train/a,0.5\n4,train/a,0.25\n"

        assert files(rows, rows) == "identical in all 2 values"

    def test_the_first_step_at_which_they_part_is_named(self, files):
        then = "2,train/a,0.5\n10,train/a,0.25\n4,train/b,1.0\n"
        now = "2,train/a,0.5\n10,train/a,0.2\n4,train/b,1.5\n"

        assert files(then, now) == "part at step 4: train/b 1.0 against 1.5"

    def test_a_value_that_is_gone_is_named(self, files):
        said = files("2,train/a,0.5\n4,train/a,0.25\n", "2,train/a,0.5\n")

        assert said == "part at step 4: train/a 0.25 against nothing"

    @pytest.mark.parametrize("text", ["", "what is this\n", "x,y,z\n"])
    def test_nothing_is_said_of_an_empty_or_damaged_file(self, files, text):
        assert files("2,train/a,0.5\n", text) == ""

    def test_nothing_is_said_of_a_missing_file(self, tmp_path):
        assert compare_curves(tmp_path / "no.csv", tmp_path / "no.csv") == ""


class TestSample:
    @given(st.integers(0, 9), st.integers(1, 12), st.integers(0, 5))
    def test_a_sample_is_of_different_runs_in_their_order(self, size, count, seed):
        runs = list(range(size))

        chosen = draw_sample(runs, count, seed)

        assert len(chosen) == min(size, count)
        assert chosen == sorted(set(chosen))
        assert set(chosen) <= set(runs)

    def test_the_seed_chooses(self):
        runs = list(range(100))

        assert draw_sample(runs, 3, 0) == draw_sample(runs, 3, 0)
        assert draw_sample(runs, 3, 0) != draw_sample(runs, 3, 1)

    def test_no_number_means_all(self):
        assert draw_sample([1, 2], None, 0) == [1, 2]

    def test_every_run_is_drawn_about_equally_often(self):
        drawn = [run for seed in range(900) for run in draw_sample([0, 1, 2], 1, seed)]

        # 300 each; the standard deviation is sqrt(900 * 1/3 * 2/3) = 14.
        assert all(abs(drawn.count(run) - 300) < 70 for run in (0, 1, 2))


class TestTolerances:
    def test_a_number_is_of_all_metrics_and_a_name_of_one(self):
        found = parse_tolerances(["0.25", "test/accuracy:1e-3", "a:b:2."])

        assert found == {"": 0.25, "test/accuracy": 0.001, "a:b": 2.0}

    @pytest.mark.parametrize(
        "text", ["", "x", "a:", ":1", "-1", "a:-1", "nan", "a:inf"]
    )
    def test_anything_else_is_refused(self, text):
        with pytest.raises(UsageError, match="expected X or METRIC:X"):
            parse_tolerances([text])

    def test_an_unknown_metric_is_refused_with_the_nearest(self, make_record):
        records = [make_record({ACCURACY: 50.0})]

        check_names({"": 1.0, ACCURACY: 1.0}, records)
        with pytest.raises(UsageError, match="did you mean 'test/accuracy_percent'"):
            check_names({"test/acuracy_percent": 1.0}, records)
