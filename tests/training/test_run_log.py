"""metrics.csv, TensorBoard and log.txt."""

import csv
import math

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.run_log import RunLog


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def rows_of(folder):
    with open(folder.metrics_path, newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def log_once(folder, first_step=0, **arguments):
    log = RunLog(folder, first_step, **arguments)
    log.close()


HEADER = ("step", "metric", "value")


def test_scalars_are_rows_with_every_digit(folder):
    log = RunLog(folder, 0)
    log.scalars("train", 2, {"a/b": 0.1, "c": 1e-30})
    log.close()
    assert rows_of(folder) == [
        HEADER, ("2", "train/a/b", "0.1"), ("2", "train/c", "1e-30")
    ]  # fmt: skip


def test_rows_are_on_disk_before_the_log_is_closed(folder):
    log = RunLog(folder, 0)
    log.scalars("train", 1, {"a": 1.0})
    assert rows_of(folder)[1:] == [("1", "train/a", "1.0")]
    log.close()


def test_half_a_row_of_a_killed_writer_is_dropped(folder):
    folder.path.mkdir()
    folder.metrics_path.write_text("step,metric,value\n1,train/a,1.0\n2,trai")
    log_once(folder, first_step=5)
    assert rows_of(folder) == [HEADER, ("1", "train/a", "1.0")]


def test_rows_after_the_first_step_are_dropped(folder):
    log = RunLog(folder, 0)
    for step in (2, 4, 6):
        log.scalars("train", step, {"a": float(step)})
    log.close()
    log_once(folder, first_step=4)
    assert [row[0] for row in rows_of(folder)[1:]] == ["2", "4"]


def test_a_run_that_starts_anew_drops_every_row(folder):
    log = RunLog(folder, 0)
    log.scalars("test", 0, {"a": 1.0})
    log.scalars("train", 2, {"a": 1.0})
    log.close()
    log_once(folder)
    assert rows_of(folder) == [HEADER]


def test_of_a_trained_run_only_the_last_evaluation_is_dropped(folder):
    log = RunLog(folder, 0)
    log.scalars("validation", 4, {"a": 1.0})
    for group in ("train", "validation", "test"):
        log.scalars(group, 8, {"a": 1.0})
    log.close()
    log_once(folder, first_step=8, is_trained=True)
    assert [row[:2] for row in rows_of(folder)[1:]] == [
        ("4", "validation/a"), ("8", "train/a")
    ]  # fmt: skip


def test_tensorboard_gets_the_same_scalars(folder):
    log = RunLog(folder, 0)
    log.scalars("train", 3, {"loss": 0.25})
    log.close()
    events = EventAccumulator(str(folder.tensorboard / "train")).Reload()
    (event,) = events.Tensors("loss")
    assert event.step == 3
    assert tf.make_ndarray(event.tensor_proto) == 0.25


def test_hyperparameters_lie_above_the_metrics_that_belong_to_them(folder):
    log = RunLog(folder, 0)
    log.hyperparameters({"model.norm": "none", "model.units": 8, "fast": True})
    log.scalars("test", 1, {"error": 0.5})
    log.close()
    assert list((folder.tensorboard / "test").glob("*tfevents*"))
    events = EventAccumulator(str(folder.tensorboard)).Reload()
    content = events.summary_metadata["_hparams_/session_start_info"]
    session = metadata.parse_session_start_info_plugin_data(content.plugin_data.content)
    # TensorBoard names a session without a name as its run: one row for each seed.
    assert session.group_name == ""
    assert session.hparams["model.norm"].string_value == "none"
    assert session.hparams["model.units"].number_value == 8
    assert session.hparams["fast"].bool_value is True


def test_messages_are_lines_with_a_time_and_are_appended(folder):
    for text in ("one", "two"):
        log = RunLog(folder, 0)
        log.message(text)
        log.close()
    lines = folder.log_path.read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["one", "two"]
    assert all(line.partition(" ")[0].endswith("+00:00") for line in lines)


def test_a_value_that_is_not_finite_is_written_as_it_is(folder):
    log = RunLog(folder, 0)
    log.scalars("train", 1, {"a": math.inf})
    log.close()
    assert rows_of(folder)[1] == ("1", "train/a", "inf")
