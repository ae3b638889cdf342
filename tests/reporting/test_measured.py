"""What was measured: every metric of every variant, by scale and data set."""

import pytest

from cai_keras.reporting.formats import measured_markdown
from cai_keras.reporting.measured import measured_rows
from cai_keras.reporting.record import Metric

METRIC = "test/accuracy_percent"


@pytest.fixture
def run(make_record):
    """Function from a value, a variant and a seed to a run of `some_paper`."""

    def make(value, variant="method", seed=0, **changes):
        fields = {"variant": variant, "run_name": variant, "seed": seed, **changes}
        return make_record({METRIC: value}, **fields)

    return make


def test_measured_rows_by_hand(run):
    records = [
        run(50, train_seconds=10.0),
        run(53, seed=1, train_seconds=20.0),
        run(10, "plain"),
    ]

    first, second = measured_rows(records)

    # Mean of 50 and 53: 51.5; deviation 3 / sqrt(2) = 2.12; seconds (10 + 20) / 2.
    assert first == {
        "Paper": "some_paper",
        "Scale": "small",
        "Data": "glyphs (stand-in)",
        "Metric": METRIC,
        "Variant": "method",
        "Mean": "51.50 ± 2.12",
        "n": "2",
        "Examples": "20",
        "Training": "15 s",
        "Machine": "a CPU, 2 threads",
    }
    assert (second["Variant"], second["Mean"], second["n"]) == ("plain", "10.00", "1")


def test_measured_rows_show_what_was_changed_in_rows_of_their_own(run):
    records = [run(50), run(10, seed=1, overrides=["model.width=2"])]

    rows = measured_rows(records)

    assert [(row["Variant"], row["Mean"]) for row in rows] == [
        ("method", "50.00"),
        ("method [model.width=2]", "10.00"),
    ]


def test_measured_rows_leave_unfinished_runs_and_nulls_out(run):
    records = [run(50, state="failed"), run(float("nan"), seed=1), run(7, seed=2)]

    (row,) = measured_rows(records)

    assert (row["Mean"], row["n"]) == ("7.00", "1")


def test_measured_rows_name_gpus_before_the_cpu(run):
    record = run(50)
    machine = record.machine.model_copy(update={"gpus": ["H100"]})

    (row,) = measured_rows([record.model_copy(update={"machine": machine})])

    assert row["Machine"] == "H100"


def test_measured_markdown_escapes_pipes(run):
    text = measured_markdown([run(50, overrides=["model.name=a|b"])])

    assert "method [model.name=a\\|b]" in text


def test_unlike_results_have_rows_of_their_own(make_record):
    def run(seed, n):
        metric = Metric(value=50 + seed, count=20, passport={"extractor": "x", "n": n})
        return make_record(metrics={"test/fid": metric}, seed=seed)

    rows = measured_rows([run(0, 100), run(1, 100), run(2, 500)])

    assert [(row["Metric"], row["n"]) for row in rows] == [
        ("test/fid (extractor x, n 100)", "2"),
        ("test/fid (extractor x, n 500)", "1"),
    ]


def test_two_results_of_a_seed_are_not_averaged_and_a_copy_counts_once(run):
    rows = measured_rows([run(50), run(50), run(60), run(52, seed=1)])

    # Seed 0 gave 50 (twice the same) and 60; seed 1 gave 52.
    assert [(row["Mean"], row["n"]) for row in rows] == [
        ("51.00 ± 1.41", "2"),
        ("60.00", "1"),
    ]
