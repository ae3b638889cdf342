"""Many runs at once: how processes are started, and how each of them may end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cai_keras.cli import papers
from cai_keras.cli.batch import Batch
from cai_keras.cli.plan import plan_runs
from cai_keras.cli.run_status import RunStatus, count_states
from cai_keras.cli.single_run import (
    RunOptions,
    planned_again,
    process_arguments,
)
from cai_keras.reporting.record import read_record, write_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
FAKE = (sys.executable, str(Path(__file__).with_name("fake_run.py")))


class Fakes:
    """A batch of fake runs; the seed of each is its place in `behaviours`."""

    def __init__(self, folder, monkeypatch, record):
        self._folder = folder
        self._log = folder / "log"
        self._log.touch()
        self._set = monkeypatch.setenv
        write_record(folder / "template.json", record)
        self._set("FAKE_RECORD", str(folder / "template.json"))
        self._set("FAKE_LOG", str(self._log))

    def make(self, behaviours, jobs=2, options=None):
        """(the statuses, a batch over them)."""
        self._set("FAKE_BEHAVIOURS", ",".join(behaviours))
        paper = papers.find_paper(PAPER)
        seeds = range(len(behaviours))
        runs = plan_runs([paper], "small", ["conv"], None, [], seeds, self._folder)
        statuses = [RunStatus(run, resume=False) for run in runs]
        return statuses, Batch(statuses, jobs, options or RunOptions(), FAKE)

    def run(self, behaviours, jobs=2):
        statuses, batch = self.make(behaviours, jobs)
        batch.run(lambda _: None)
        return statuses

    def notes(self) -> list[tuple[float, int, str]]:
        lines = [line.split(" ", 2) for line in self._log.read_text().splitlines()]
        return [(float(when), int(seed), text) for when, seed, text in lines]

    def until_noted(self, text: str, count: int) -> None:
        give_up = time.monotonic() + 60
        while sum(note == text for *_, note in self.notes()) < count:
            assert time.monotonic() < give_up, self.notes()
            time.sleep(0.05)


@pytest.fixture
def fakes(tmp_path, monkeypatch, siamese_record):
    return Fakes(tmp_path, monkeypatch, siamese_record(97.0))


def _states(statuses) -> list[str]:
    return [status.state for status in statuses]


def _record(status):
    return read_record(status.run.folder.record_path)


def test_every_run_is_done_and_says_its_result(fakes):
    statuses = fakes.run(["fine", "fine", "fine"])

    assert _states(statuses) == ["done"] * 3
    assert {status.detail for status in statuses} == {"accuracy 97"}
    assert [(status.step, status.steps) for status in statuses] == [(10, 10)] * 3


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_processes_run_at_a_time_than_there_are_jobs(fakes, jobs):
    fakes.run(["fine"] * 5, jobs)

    running, most = 0, 0
    for _, _, text in sorted(fakes.notes()):
        running += {"began": 1, "ended": -1}[text]
        most = max(most, running)
    # Fewer than three at a time would be luck: each of them takes a tenth of a second.
    assert most <= jobs
    assert jobs > 1 or most == 1


def test_a_run_that_fails_stops_no_other(fakes):
    statuses = fakes.run(["fails", "fine", "raises", "fine", "dies", "fine"], jobs=1)

    assert _states(statuses) == ["failed", "done"] * 3
    assert statuses[0].detail == "the loss is nan"
    assert _record(statuses[0]).reason == "the loss is nan"


def test_a_process_that_was_killed_leaves_a_failed_record_and_its_last_words(fakes):
    (status,) = fakes.run(["dies"])

    assert status.detail.startswith("its process ended with SIGKILL (out of memory?)")
    record = _record(status)
    assert (record.state, record.reason) == ("failed", status.detail)
    assert (status.run.folder.path / "crash.txt").read_text() == "the last words\n"


def test_an_exception_without_an_event_is_the_reason_and_its_traceback_is_kept(fakes):
    (status,) = fakes.run(["raises"])

    assert status.detail.startswith("ValueError: no such layer; its process ended")
    assert _record(status).state == "failed"
    assert "Traceback" in (status.run.folder.path / "crash.txt").read_text()


def test_a_signal_lets_the_running_ones_save_and_starts_no_other(fakes):
    statuses, batch = fakes.make(["waits", "waits", "fine"])

    def interrupt():
        fakes.until_noted("waiting", 2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    began = time.monotonic()
    batch.run(lambda _: None)

    assert time.monotonic() - began < 50  # they wait for a minute
    assert batch.was_stopped
    assert _states(statuses) == ["interrupted", "interrupted", "waiting"]
    assert [_record(status).state for status in statuses[:2]] == ["interrupted"] * 2
    assert not statuses[2].run.folder.path.exists()


def test_a_second_signal_ends_a_process_that_does_not_listen(fakes):
    statuses, batch = fakes.make(["deaf"])

    def insist():
        fakes.until_noted("waiting", 1)
        batch.stop()
        batch.stop()

    threading.Thread(target=insist).start()
    began = time.monotonic()
    batch.run(lambda _: None)

    assert time.monotonic() - began < 50
    assert _states(statuses) == ["interrupted"]
    assert statuses[0].detail == "ended before it could save"


def test_the_handlers_of_signals_are_those_of_before(fakes):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    fakes.run(["fine"])

    after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert after == before


def test_each_process_gets_a_gpu_of_its_own_in_turn(fakes, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    fakes.run(["environment"] * 2, jobs=2)

    told = [json.loads(text) for *_, text in fakes.notes() if text.startswith("{")]
    assert {one["CUDA_VISIBLE_DEVICES"] for one in told} == {"4", "7"}
    assert {one["TF_FORCE_GPU_ALLOW_GROWTH"] for one in told} == {None}


def test_the_view_sees_the_runs_change(fakes):
    _, batch = fakes.make(["fine", "fine"], jobs=1)
    seen = []

    batch.run(lambda found: seen.append(count_states(found)))

    assert seen[-1] == {"done": 2}
    assert any("waiting" in counts for counts in seen)


def test_the_arguments_of_a_process_plan_the_same_run_again(tmp_path):
    paper = papers.find_paper(PAPER)
    changes = ["train.steps=7", "data.batch_size=4"]
    (run,) = plan_runs(
        [paper], "small", ["conv"], "embedded:glyphs", changes, [3], tmp_path
    )

    arguments = process_arguments(run, True, RunOptions("mirrored", (2, 4), 2, 1))
    again = planned_again(arguments)

    assert json.loads(json.dumps(arguments)) == {**arguments, "profile": [2, 4]}
    assert again.folder == run.folder
    assert again.recipe.values == run.recipe.values
    assert again.recipe.overrides == run.recipe.overrides
    assert again.recipe.run_name == "conv@glyphs"


@pytest.fixture(scope="module")
def trained(cai, tmp_path_factory):
    """(output folder, result) of two real runs beside one that somebody else writes."""
    output = tmp_path_factory.mktemp("batch")
    with RunFolder.of(output, PAPER, "smoke", "hausdorff", 0).lock():
        result = cai(
            *("train", PAPER, "--scale", "smoke", "--variant", "hausdorff,pixels,conv"),
            *("--jobs", "2", "--threads", "1", "--output", output),
        )
    return output, result


def test_real_runs_go_on_beside_one_that_fails(trained):
    output, result = trained

    assert result.code == 1
    states = {
        path.parts[-3]: read_record(path).state for path in output.rglob("record.json")
    }
    assert states == {"pixels": "done", "conv": "done"}
    assert "runs: 2 done, 1 failed, in" in result.output
    reason = "hausdorff/seed0: failed: "
    (line,) = [line for line in result.output.splitlines() if reason in line]
    assert line.endswith("another process is writing this run")
    assert "1 of 3 runs failed:" in result.errors


def test_a_run_of_a_batch_has_the_threads_and_the_numbers_of_a_run_alone(
    trained, tmp_path
):
    record = read_record(
        trained[0] / PAPER / "smoke" / "conv" / "seed0" / "record.json"
    )
    arguments = ("train", PAPER, "--scale", "smoke", "--variant", "conv")
    command = [sys.executable, "-m", "cai_keras", *arguments, "--threads", "1"]

    subprocess.run([*command, "--output", str(tmp_path)], check=True)

    alone = read_record(tmp_path / PAPER / "smoke" / "conv" / "seed0" / "record.json")
    assert record.machine.intra_op_threads == alone.machine.intra_op_threads == 1
    assert record.metrics == alone.metrics
    assert record.code == alone.code


def test_the_whole_batch_continues_with_resume(trained, cai):
    output, _ = trained

    result = cai(
        *("train", PAPER, "--scale", "smoke", "--variant", "hausdorff,pixels,conv"),
        *("--jobs", "2", "--resume", "--output", output),
    )

    assert result.code == 0, result.errors
    assert result.output.count("done already") == 2
    assert "runs: 1 done, 2 kept, in" in result.output


def test_workers_of_one_cluster_cannot_be_jobs(cai, tmp_path):
    result = cai(
        *("train", PAPER, "--jobs", "2", "--strategy", "multiworker"),
        *("--output", tmp_path),
    )

    assert result.code == 2
    assert "--jobs and the strategy multiworker exclude each other" in result.errors
