"""The page's records: their order, their limit, and where they come from."""

from pathlib import Path

import pytest

from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.page_records import provenance, record_table
from cai_keras.reporting.record import Metric
from cai_keras.reporting.run_folder import RunFolder


@pytest.fixture
def run(make_record):
    def make(values=None, **changes):
        record = make_record(values, **changes)
        path = Path(record.scale, record.run_name, str(record.seed))
        return FinishedRun(RunFolder(path), record)

    return make


def test_records_are_in_the_papers_order_of_variants_then_by_seed(run):
    runs = [
        run(variant=variant, run_name=variant, seed=seed)
        for variant in ("another", "plain", "method")
        for seed in (10, 9)
    ]

    table = record_table(runs, ["plain", "method"])

    assert [(row.label, row.record.seed) for row in table.rows] == [
        ("plain", 9), ("plain", 10), ("method", 9), ("method", 10),
        ("another", 9), ("another", 10),
    ]  # fmt: skip


def test_of_very_many_records_the_failed_ones_are_always_shown(run):
    runs = [run(seed=seed) for seed in range(500)]
    runs += [run(seed=seed, state="failed") for seed in (500, 501)]

    table = record_table(runs, ["method"])

    assert table.total == 502
    assert len(table.rows) == 120
    assert [row.record.seed for row in table.rows] == [*range(118), 500, 501]


def test_tests_come_before_other_metrics_and_a_null_has_a_footnote(run):
    null = Metric(value=None, reason="no threshold")
    metrics = {"validation/b": Metric(value=0.5), "test/c": null, "test/a": null}

    table = record_table([run(metrics=metrics), run({"test/a": 95.5}, seed=1)], [])

    assert list(table.metrics) == ["test/a", "test/c", "validation/b"]
    assert list(table.reasons) == ["no threshold"]
    assert [row.metrics for row in table.rows] == [
        [("none [1]", None), ("none [1]", None), ("0.500", 0.5)],
        [("95.50", 95.5), ("", None), ("", None)],
    ]


def test_provenance_counts_states_commits_and_what_is_left_out(run, make_record):
    machine = make_record().machine
    known = machine.model_copy(update={"commit": "0123456789", "commit_is_dirty": True})
    runs = [
        run(seed=0, machine=known),
        run(seed=1, machine=known),
        run(seed=2, state="failed"),
        run(scale="smoke"),
        run(paper="gone"),
    ]

    found = provenance(runs, ["some_paper"])

    assert (found.total, found.smoke) == (4, 1)
    assert found.states == [("done", 3), ("failed", 1)]
    assert found.commits == [("01234567 and changes", 2), ("unknown", 2)]
    assert found.unknown_papers == [("gone", 1)]
