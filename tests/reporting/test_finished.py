"""Finished runs as figures and tables read them."""

from pathlib import Path

import pytest

from cai_keras.errors import UsageError
from cai_keras.reporting.finished import group_runs, read_runs
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder


def _write(output: Path, record) -> RunFolder:
    place = (record.paper, record.scale, record.run_name, record.seed)
    folder = RunFolder.of(output, *place)
    write_record(folder.record_path, record)
    return folder


def test_every_run_below_the_folder_is_read_whatever_its_state(tmp_path, make_record):
    states = ["done", "failed", "interrupted", "running"]
    for seed, state in enumerate(states):
        _write(tmp_path, make_record(seed=seed, state=state))

    assert [run.record.state for run in read_runs(tmp_path)] == states


def test_the_runs_of_one_paper_are_picked(tmp_path, make_record):
    _write(tmp_path, make_record(paper="resnet"))
    _write(tmp_path, make_record(paper="cyclegan"))

    assert [r.record.paper for r in read_runs(tmp_path, "cyclegan")] == ["cyclegan"]


def test_a_missing_output_folder_is_named_with_the_fix(tmp_path):
    with pytest.raises(UsageError, match="no such folder; cai train") as caught:
        read_runs(tmp_path / "nowhere")

    assert str(tmp_path / "nowhere") in str(caught.value)


def test_a_damaged_record_is_named(tmp_path, make_record):
    folder = _write(tmp_path, make_record())
    folder.record_path.write_text("{")

    with pytest.raises(UsageError, match="not a record") as caught:
        read_runs(tmp_path)

    assert str(folder.record_path) in str(caught.value)


def test_config_and_metrics_of_a_run_are_read(tmp_path, make_record):
    folder = _write(tmp_path, make_record())
    folder.config_path.write_text("recipe:\n  train: {steps: 10}\n")
    folder.metrics_path.write_text("step,metric,value\n2,train/a,0.5\n4,train/a,0.25\n")

    (run,) = read_runs(tmp_path)

    assert run.config() == {"recipe": {"train": {"steps": 10}}}
    rows = run.metrics()
    assert list(rows.columns) == ["step", "metric", "value"]
    assert list(rows.value) == [0.5, 0.25]


def test_groups_hold_finished_runs_of_one_paper_scale_and_data_set(
    tmp_path, make_record
):
    _write(tmp_path, make_record(seed=0))
    _write(tmp_path, make_record(seed=1))
    _write(tmp_path, make_record(seed=2, state="failed"))
    _write(tmp_path, make_record(scale="paper"))
    _write(tmp_path, make_record(run_name="method@digits", data="digits"))

    groups = group_runs(read_runs(tmp_path))

    assert {key: len(runs) for key, runs in groups.items()} == {
        ("some_paper", "small", "glyphs"): 2,
        ("some_paper", "small", "digits"): 1,
        ("some_paper", "paper", "glyphs"): 1,
    }
