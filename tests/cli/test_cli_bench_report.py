"""`cai bench report`: what it measures is a report over what it says."""

import json
import statistics

import pytest

from benchmarks import report
from cai_keras.errors import RunError, UsageError
from cai_keras.reporting.damage import read_sound_runs

COUNT = 2 * report.PAPERS * report.VARIANTS  # two seeds of every variant


@pytest.fixture(scope="module")
def measured(cai, tmp_path_factory):
    """What `cai bench report` printed, wrote and kept."""
    folder = tmp_path_factory.mktemp("bench")
    kept, path = folder / "kept", folder / "speed.json"
    result = cai(
        "bench", "report", "--records", COUNT, "--rounds", 2,
        "--output", kept, "--json", path,
    )  # fmt: skip
    assert result.code == 0, result.errors
    return result.output, json.loads(path.read_text()), kept


def test_every_format_is_a_row_with_the_median_of_its_rounds(measured):
    output, written, _ = measured

    assert (written["records"], written["rounds"]) == (COUNT, 2)
    assert [row["format"] for row in written["rows"]] == list(report.FORMATS)
    for row in written["rows"]:
        assert len(row["all_seconds"]) == 2
        assert row["seconds"] == statistics.median(row["all_seconds"]) > 0
        assert f"{row['seconds']:.2f}" in output
    slowest = max(written["rows"], key=lambda row: row["seconds"])
    assert f"slowest: {slowest['format']}" in output


def test_the_reports_are_of_all_papers_and_records(measured):
    _, written, kept = measured

    for row in written["rows"]:
        text = (kept / f"report.{row['format']}").read_text()
        assert len(text.encode()) == row["bytes"]
        assert "paper_19" in text or r"paper\_19" in text
    rows = json.loads((kept / "report.json").read_text())
    # 10 value claims and 5 effect claims of each paper, on one data set.
    assert len(rows) == 15 * report.PAPERS
    assert {row["count"] for row in rows} == {2}
    assert {row["verdict"] for row in rows} & {"reproduced", "holds", "inconclusive"}


def test_the_records_are_the_same_every_time(measured, tmp_path):
    _, _, kept = measured
    report.write_records(tmp_path / "runs", COUNT)

    again, problems = read_sound_runs(tmp_path / "runs")
    first, _ = read_sound_runs(kept / "runs")

    assert problems == []
    assert [run.record for run in again] == [run.record for run in first]
    assert len(again) == COUNT


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rounds": 1}, "--rounds 1"), ({"records": 0}, "--records 0")],
)
def test_too_few_are_wrong_usage(options, message):
    with pytest.raises(UsageError, match=message):
        report.run(**options)


def test_a_folder_with_something_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="expected an empty folder"):
        report.run(10, 2, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_report_that_fails_is_no_measurement(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "write_records", lambda output, count: None)

    with pytest.raises(RunError, match="no such folder"):
        report.run(10, 2, tmp_path)
