"""How the set of a score is measured: by fake workers, with a fake clock."""

import itertools
from types import SimpleNamespace

import pytest
from worker_answers import ANSWERS

from benchmarks import score_runner
from benchmarks.score import rows_of
from benchmarks.score_runner import measure
from benchmarks.score_set import ENTRIES, configurations
from cai_keras.errors import RunError


class FakeWorker:
    """Every step takes a quarter of a second."""

    def __init__(self, log):
        self.log = log

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.log.append(("close", None))

    def resident_bytes(self):
        return 0

    def ask(self, command, timeout, memory_bytes=None, **arguments):
        self.log.append((command, arguments))
        return ANSWERS[command]


@pytest.fixture
def measured(monkeypatch):
    """Function from a device and the seconds of everything to file and log."""
    monkeypatch.setattr(score_runner.machine, "busy_percent", lambda: 0.0)

    def run(device="cpu", took=100.0, free=64e9):
        host = {"memory_available_bytes": free}
        monkeypatch.setattr(score_runner.machine, "describe_host", lambda gpus: host)
        log, clock = [], itertools.chain([0.0], itertools.repeat(took))
        file = measure(
            configurations(device), 300.0,
            start=lambda backend, environment: FakeWorker(log),
            clock=lambda: next(clock),
        )  # fmt: skip
        return SimpleNamespace(file=file, log=log)

    return run


def test_every_entry_of_the_set_has_a_row(measured):
    rows, missing = rows_of(measured().file)

    assert missing == {}
    batches = {entry.id: entry.batch_size for entry in ENTRIES}
    # One batch in a quarter of a second.
    assert {name: row.samples_per_second for name, row in rows.items()} == {
        name: 4.0 * batch for name, batch in batches.items()
    }


def test_repeats_share_half_of_the_time(measured):
    log = measured().log

    (seconds,) = {each["seconds"] for name, each in log if name == "repeat"}
    # 150 s for 12 entries of 12 repeats.
    assert seconds == pytest.approx(150 / 144)


@pytest.mark.parametrize(("gigabytes", "at_once"), [(64, 12), (15, 7), (1, 4)])
def test_as_many_workers_wait_as_memory_has_room_for(measured, gigabytes, at_once):
    log = measured(free=gigabytes * 1e9).log

    # What comes before the first repeat: so many have been prepared.
    commands = [name for name, _ in log]
    assert commands[: commands.index("repeat")].count("prepare") == at_once


def test_more_time_than_a_score_may_take_is_said(measured, capsys):
    measured(took=299.0)
    assert "more than" not in capsys.readouterr().err
    measured(took=301.0)
    assert "took 301 s, more than the 300 s of a score" in capsys.readouterr().err


def test_another_device_than_was_asked_for_is_refused(measured):
    with pytest.raises(RunError, match="--device gpu: tensorflow computes on a cpu"):
        measured("gpu")
