"""Gates: what they read, and when they let a comparison pass."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cai_keras.errors import UsageError
from cai_keras.reporting.comparison import Comparison, MetricDifference, NotCompared
from cai_keras.reporting.gates import Gate, check_gate
from cai_keras.reporting.selection import Match

ACCURACY = "test/accuracy_percent"


def _difference(value: float, metric: str = ACCURACY, **changes) -> MetricDifference:
    found = MetricDifference(metric, 50.0, 50.0 + value, value, None, 3, value == 0)
    return replace(found, **changes)


def _comparison(*metrics, name="conv", not_compared=(), lost=()) -> Comparison:
    match = Match(name, name, (), lost=lost)
    return Comparison(match, (), (), metrics, not_compared, ())


@pytest.mark.parametrize(
    ("text", "metric", "is_upper", "bound"),
    [
        ("test/accuracy:+0.5", "test/accuracy", False, 0.5),
        ("test/accuracy:-0.5", "test/accuracy", False, -0.5),
        ("test/accuracy:2", "test/accuracy", False, 2.0),
        ("test/accuracy:>=-.5", "test/accuracy", False, -0.5),
        ("test/fid_10k:<=0", "test/fid_10k", True, 0.0),
        ("test/fid_10k:<=-1e-3", "test/fid_10k", True, -0.001),
        ("a:b:<=+1.", "a:b", True, 1.0),
    ],
)
def test_a_gate_is_a_metric_and_a_bound(text, metric, is_upper, bound):
    gate = Gate.parse(text)

    assert (gate.metric, gate.is_upper, gate.bound) == (metric, is_upper, bound)


@pytest.mark.parametrize(
    "text",
    ["", "test/accuracy", ":+1", "a:", "a:+", "a:x", "a:nan", "a:inf", "a:1e999",
     "a:=1", "a:<1"],
)  # fmt: skip
def test_anything_else_is_no_gate(text):
    with pytest.raises(UsageError, match="expected METRIC:\\+X"):
        Gate.parse(text)


@given(st.text())
def test_any_text_is_a_gate_or_a_clear_error(text):
    try:
        gate = Gate.parse(text)
    except UsageError:
        return
    assert gate.metric in text


@pytest.mark.parametrize(
    ("bound", "difference", "passes"),
    [
        ("+0.5", 0.6, True),
        ("+0.5", 0.5, True),
        ("+0.5", 0.4, False),
        ("-0.5", -0.4, True),
        ("-0.5", -0.5, True),
        ("-0.5", -0.6, False),
        ("<=1", 1.0, True),
        ("<=1", 1.1, False),
        ("<=-1", -0.9, False),
        # 0.3 - 0.1 - 0.2 in binary: a rounding is no failure, a real loss is one.
        ("+0", -2.8e-17, True),
        ("+0", -1e-6, False),
    ],
)
def test_a_gate_passes_when_the_difference_keeps_the_bound(bound, difference, passes):
    gate = Gate.parse(f"{ACCURACY}:{bound}")

    result = check_gate(gate, [_comparison(_difference(difference))])

    assert (not result.failures) is passes


def test_a_failure_names_variant_difference_and_bound():
    result = check_gate(
        Gate.parse(f"{ACCURACY}:+0.5"), [_comparison(_difference(0.25))]
    )

    assert result.failures == ("conv: B - A is +0.25 (n = 3), at least +0.5 was asked",)


def test_every_variant_that_has_the_metric_must_pass():
    comparisons = [
        _comparison(_difference(1.0), name="good"),
        _comparison(_difference(-1.0), name="bad"),
        _comparison(_difference(-1.0, "test/other"), name="other"),
        _comparison(name="ranks", not_compared=(NotCompared(ACCURACY, "null", ""),)),
    ]

    (failure,) = check_gate(Gate.parse(f"{ACCURACY}:0"), comparisons).failures

    assert failure.startswith("bad: ")


@pytest.mark.parametrize("measured_in", ["A", "both"])
def test_a_metric_that_b_lost_in_one_variant_fails_the_gate(measured_in):
    lost = NotCompared(ACCURACY, "null in B: the value is nan", measured_in)
    comparisons = [
        _comparison(_difference(1.0), name="good"),
        _comparison(name="broken", not_compared=(lost,)),
    ]

    (failure,) = check_gate(Gate.parse(f"{ACCURACY}:0"), comparisons).failures

    assert failure == "broken: not compared: null in B: the value is nan"


def test_a_metric_that_only_b_measures_in_one_variant_does_not_fail_the_gate():
    new = NotCompared(ACCURACY, "not in A", "B")
    comparisons = [_comparison(_difference(1.0)), _comparison(not_compared=(new,))]

    assert check_gate(Gate.parse(f"{ACCURACY}:0"), comparisons).failures == ()


def test_a_seed_that_b_lost_fails_the_gate():
    found = _difference(5.0, lost=("seed 1: null in B: the value is nan",))

    (failure,) = check_gate(Gate.parse(f"{ACCURACY}:0"), [_comparison(found)]).failures

    assert failure == ("conv: measured in A only: seed 1: null in B: the value is nan")


def test_a_run_that_broke_in_b_fails_the_gates_of_its_metrics_only(make_record):
    class Run:
        record = make_record({ACCURACY: 50.0})

    lost = ((Run(), "seed 1: failed in B (nan)"),)
    found = _comparison(_difference(5.0), _difference(5.0, "test/other"), lost=lost)

    mine = check_gate(Gate.parse(f"{ACCURACY}:0"), [found])
    other = check_gate(Gate.parse("test/other:0"), [found])

    assert mine.failures == ("conv: seed 1: failed in B (nan)",)
    assert other.failures == ()


def test_a_gate_on_an_unknown_metric_names_the_nearest():
    with pytest.raises(UsageError, match="not measured in both") as caught:
        check_gate(
            Gate.parse("test/acuracy_percent:0"), [_comparison(_difference(1.0))]
        )

    assert f"did you mean '{ACCURACY}'?" in str(caught.value)


def test_a_gate_on_a_metric_that_nothing_has_on_both_sides_gives_the_reason():
    missing = NotCompared(ACCURACY, "null in B: the value is nan", "A")

    with pytest.raises(UsageError, match="nothing to compare") as caught:
        check_gate(Gate.parse(f"{ACCURACY}:0"), [_comparison(not_compared=(missing,))])

    assert "the value is nan" in str(caught.value)
