"""Finished runs as figures and tables read them."""

from pathlib import Path

import pytest

from cai_keras.errors import UsageError
from cai_keras.reporting.damage import read_sound_runs
from cai_keras.reporting.finished import group_runs
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

    runs, problems = read_sound_runs(tmp_path)

    assert [run.record.state for run in runs] == states
    assert problems == []


def test_a_missing_output_folder_is_named_with_the_fix(tmp_path):
    with pytest.raises(UsageError, match="no such folder; cai train") as caught:
        read_sound_runs(tmp_path / "nowhere")

    assert str(tmp_path / "nowhere") in str(caught.value)


def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path, make_record):
    sound = _write(tmp_path, make_record(seed=0))
    damaged = _write(tmp_path, make_record(seed=1))
    damaged.record_path.write_text("{")

    runs, (problem,) = read_sound_runs(tmp_path)

    assert [run.folder for run in runs] == [sound]
    assert problem.startswith(f"{damaged.record_path}: not a record: ")


def test_config_and_metrics_of_a_run_are_read(tmp_path, make_record):
    folder = _write(tmp_path, make_record())
    folder.config_path.write_text("recipe:\n  train: {steps: 10}\n")
    folder.metrics_path.write_text("step,metric,value\n2,train/a,0.5\n4,train/a,0.25\n")

    ((run,), _) = read_sound_runs(tmp_path)

    assert run.config() == {"recipe": {"train": {"steps": 10}}}
    rows = run.metrics()
    assert list(rows.columns) == ["step", "metric", "value"]
    assert list(rows.value) == [0.5, 0.25]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\xff\xfe", b"step,value\n1,2\n", b"step,metric,value\n1,train/a,x\n"],
    ids=["none", "empty", "not UTF-8", "a missing column", "no number"],
)
def test_metrics_that_are_no_table_of_metrics_are_named(tmp_path, make_record, content):
    folder = _write(tmp_path, make_record())
    if content is not None:
        folder.metrics_path.write_bytes(content)
    ((run,), _) = read_sound_runs(tmp_path)

    with pytest.raises(UsageError, match="columns step, metric, value") as caught:
        run.metrics()

    assert str(folder.metrics_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read .No such file"),
        (b"\xff\xfe", "cannot be read"),
        (b"a: [1", "cannot be read"),
        (b"- 1\n", "not the resolved config.yaml"),
        (b"", "not the resolved config.yaml"),
    ],
)
def test_a_config_that_is_none_is_named(tmp_path, make_record, content, message):
    folder = _write(tmp_path, make_record())
    if content is not None:
        folder.config_path.write_bytes(content)
    ((run,), _) = read_sound_runs(tmp_path)

    with pytest.raises(UsageError, match=message) as caught:
        run.config()

    assert str(caught.value).startswith(f"{folder.config_path}: ")


def test_groups_hold_finished_runs_of_one_paper_scale_and_data_set(
    tmp_path, make_record
):
    _write(tmp_path, make_record(seed=0))
    _write(tmp_path, make_record(seed=1))
    _write(tmp_path, make_record(seed=2, state="failed"))
    _write(tmp_path, make_record(scale="paper"))
    _write(tmp_path, make_record(run_name="method@digits", data="digits"))

    groups = group_runs(read_sound_runs(tmp_path)[0])

    assert {key: len(runs) for key, runs in groups.items()} == {
        ("some_paper", "small", "glyphs"): 2,
        ("some_paper", "small", "digits"): 1,
        ("some_paper", "paper", "glyphs"): 1,
    }
