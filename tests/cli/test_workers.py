"""Groups of workers, and how `cai launch` leads them, with stand-ins for `cai`.

A stand-in is a few lines of Python that know `me`, the worker's number, `folder`, and
`said`, the arguments; the real thing: test_cli_launch.py.
"""

import os
import signal
import sys
import time
from functools import partial

import pytest

from cai_keras.cli import launch, workers
from cai_keras.cli.workers import WorkerFailure, WorkerGroup, free_addresses

PRELUDE = """\
import json, os, pathlib, signal, sys, time
me = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
folder, said = pathlib.Path(sys.argv[1]), sys.argv[2:]
def note(name, text=""):
    with open(folder / name, "a") as file:
        file.write(text + "\\n")
def on_sigterm(handler):
    signal.signal(signal.SIGTERM, handler)
    note(f"ready{me}")
def fail(text, code):
    print(f"cai: error: {text}", file=sys.stderr, flush=True)
    os._exit(code)
"""
# Hears SIGTERM as the engine does: the chief needs a while for its checkpoint.
STOPPABLE = """
def stop(number, frame):
    note(f"asked{me}")
    if me == 0:
        time.sleep(0.7)
        note("saved")
    fail("stopped by SIGTERM after step 3; continue with --resume", 1)
on_sigterm(stop)
time.sleep(60)
"""


@pytest.fixture
def stand_in(tmp_path):
    """Function from a script to the command that runs it; notes go to `tmp_path`."""

    def make(script):
        # Without `site` Python starts in a tenth of the time.
        return (sys.executable, "-I", "-S", "-c", PRELUDE + script, str(tmp_path))

    return make


@pytest.fixture
def lines(tmp_path):
    """Function from the name of a note to its lines."""

    def read(name):
        path = tmp_path / name
        return path.read_text().splitlines() if path.exists() else []

    return read


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def lead(cai, stand_in, monkeypatch):
    """Function (options, script) -> Result of `cai launch` with stand-ins."""

    def call(options, script, *more, group=WorkerGroup):
        command = stand_in(script)
        monkeypatch.setattr(launch, "WorkerGroup", partial(group, command=command))
        return cai("launch", *options, "--", "train", "some_paper", *more)

    return call


# A group


def test_every_worker_has_its_place_in_one_cluster(stand_in, lines):
    script = "note('cluster', os.environ['TF_CONFIG'])"
    with WorkerGroup([], 3, stand_in(script)) as group:
        assert group.wait() is None

    found = sorted(lines("cluster"), key=lambda text: text[-3:])
    assert [f'"index": {n}' in line for n, line in enumerate(found)] == [True] * 3
    assert len({line.partition('"task"')[0] for line in found}) == 1


def test_a_worker_can_see_when_its_launcher_is_gone(stand_in, lines):
    script = """
import select
note("variable", os.environ["CAI_LIFELINE"])
at_its_end, _, _ = select.select([0], [], [], 0.2)
note("input", "at its end" if at_its_end else "open")
"""
    with WorkerGroup([], 1, stand_in(script)) as group:
        assert group.wait() is None

    assert (lines("variable"), lines("input")) == (["1"], ["open"])


def test_free_addresses_are_different():
    addresses = free_addresses(20)
    assert len(set(addresses)) == 20
    assert all(address.startswith("127.0.0.1:") for address in addresses)


def test_the_worker_that_fails_is_named_and_the_others_are_asked_to_stop(
    stand_in, lines
):
    script = """
if me == 1:
    while not (folder / "ready0").exists():
        time.sleep(0.01)
    fail("no such paper", 2)
on_sigterm(lambda *_: (note("asked"), os._exit(7)))
time.sleep(60)
"""
    with WorkerGroup([], 2, stand_in(script)) as group:
        failure = group.wait()

    assert failure == WorkerFailure(1, 2, "no such paper")
    assert lines("asked") == [""]


def test_a_killed_worker_is_named_before_one_that_failed_with_it(stand_in):
    script = """
print("W0000 TensorFlow says something", file=sys.stderr, flush=True)
if me == 1:
    os.kill(os.getpid(), signal.SIGKILL)
fail("connection lost", 1)
"""
    with WorkerGroup([], 2, stand_in(script)) as group:
        wait_for(lambda: all(p.poll() is not None for p in group._started))
        failure = group.wait()

    assert failure == WorkerFailure(1, -signal.SIGKILL, "")


def test_a_worker_that_waits_for_a_dead_one_is_killed(stand_in, lines, monkeypatch):
    monkeypatch.setattr(workers, "_GRACE_SECONDS", 0.3)
    script = """
on_sigterm(lambda *_: note("asked"))
if me == 1:
    while not (folder / "ready0").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
while True:
    time.sleep(60)
"""
    with WorkerGroup([], 2, stand_in(script)) as group:
        assert group.wait() == WorkerFailure(1, -signal.SIGKILL, "")

    assert lines("asked") == [""]


def test_no_worker_outlives_its_group(stand_in):
    with WorkerGroup([], 2, stand_in("time.sleep(60)")) as group:
        started = list(group._started)

    assert [process.poll() for process in started] == [-signal.SIGKILL] * 2


def test_the_chief_is_asked_once_and_may_take_its_time(
    stand_in, lines, tmp_path, monkeypatch
):
    # Worker 1 ends at once, the chief 0.7 s later: another SIGTERM would break off its
    # checkpoint, and so would a kill.
    monkeypatch.setattr(workers, "_GRACE_SECONDS", 0.1)
    with WorkerGroup([], 2, stand_in(STOPPABLE)) as group:
        wait_for(lambda: len(list(tmp_path.glob("ready*"))) == 2)
        group.stop_gently()
        failure = group.wait()

    assert failure.is_stop
    assert lines("asked0") == lines("saved") == [""]


def test_a_worker_that_was_told_to_stop_gives_the_chief_time_too(
    stand_in, lines, tmp_path, monkeypatch
):
    # As when a cluster evicts one pod: it hears a signal that the launcher did not.
    monkeypatch.setattr(workers, "_GRACE_SECONDS", 0.1)
    with WorkerGroup([], 2, stand_in(STOPPABLE)) as group:
        wait_for(lambda: len(list(tmp_path.glob("ready*"))) == 2)
        os.kill(group.process_ids()[1], signal.SIGTERM)
        failure = group.wait()

    assert (failure.worker, failure.is_stop) == (1, True)
    assert lines("saved") == [""]


@pytest.mark.parametrize(
    ("failure", "text", "is_final"),
    [
        (WorkerFailure(1, -9, ""), "worker 1 ended with signal 9", False),
        (
            WorkerFailure(1, -9, "", was_asked=True),
            "worker 1 ended with signal 9",
            True,
        ),
        (WorkerFailure(0, 1, "nan"), "worker 0 ended with exit code 1: nan", False),
        (WorkerFailure(2, 2, "what?"), "worker 2 ended with exit code 2: what?", True),
        (
            WorkerFailure(0, 1, "stopped; continue with --resume"),
            "worker 0 ended with exit code 1: stopped; continue with --resume",
            True,
        ),
    ],
)
def test_a_failure_says_what_happened_and_whether_to_start_over(
    failure, text, is_final
):
    assert str(failure) == text
    assert failure.is_final is is_final


# The launcher


def test_the_launcher_adds_the_strategy(lead, lines):
    result = lead(["--workers", "3"], "note('said', ' '.join(said))", "--seeds", "1")

    assert result.code == 0, result.errors
    assert lines("said") == ["train some_paper --seeds 1 --strategy multiworker"] * 3


def test_a_dead_worker_starts_all_over_with_resume(lead, lines):
    script = """
note(f"said{me}", " ".join(said))
if me == 1 and len((folder / "said1").read_text().splitlines()) <= 2:
    os.kill(os.getpid(), signal.SIGKILL)
"""
    result = lead(["--restarts", "3"], script, "--overwrite")

    assert result.code == 0, result.errors
    first = "train some_paper --overwrite --strategy multiworker"
    again = "train some_paper --resume --strategy multiworker"
    assert lines("said1") == [first, again, again]
    assert (
        result.output.splitlines()
        == ["worker 1 ended with signal 9; starting over from the newest checkpoint"]
        * 2
    )


def test_when_restarts_are_used_up_the_last_failure_ends_the_call(lead, lines):
    script = "note('said'); os.kill(os.getpid(), signal.SIGKILL) if me else None"
    result = lead(["--restarts", "1"], script)

    assert result.code == 1
    assert result.errors == "cai: error: cai launch: worker 1 ended with signal 9\n"
    assert len(lines("said")) == 4


def test_wrong_usage_in_a_worker_is_wrong_usage_of_the_call(lead, lines):
    result = lead(["--restarts", "3"], "note('said'); fail('unknown paper', 2)")

    assert result.code == 2
    assert result.errors.endswith("ended with exit code 2: unknown paper\n")
    assert len(lines("said")) == 2


class Interrupted(WorkerGroup):
    """SIGTERM reaches the launcher as soon as both workers are ready for theirs."""

    folder = None

    def wait(self):
        wait_for(lambda: len(list(self.folder.glob("ready*"))) == 2)
        signal.raise_signal(signal.SIGTERM)
        return super().wait()


@pytest.fixture
def interrupted(tmp_path):
    return type("InterruptedHere", (Interrupted,), {"folder": tmp_path})


def test_sigterm_is_passed_on_and_nothing_starts_over(lead, lines, interrupted):
    before = signal.getsignal(signal.SIGTERM)

    result = lead(["--restarts", "3"], STOPPABLE, group=interrupted)

    assert result.code == 1
    assert "stopped by SIGTERM after step 3; continue with --resume" in result.errors
    assert lines("asked0") == lines("asked1") == lines("saved") == [""]
    assert "starting over" not in result.output
    assert signal.getsignal(signal.SIGTERM) is before


def test_workers_that_die_of_sigterm_do_not_start_over(lead, lines, interrupted):
    # Before a worker has loaded TensorFlow, nothing turns the signal into a note.
    script = "note(f'ready{me}'); time.sleep(60)"
    result = lead(["--restarts", "3"], script, group=interrupted)

    assert result.code == 1
    # Both die; which one is seen first is a matter of luck.
    errors = result.errors.replace("worker 1", "worker 0")
    assert errors == "cai: error: cai launch: worker 0 ended with signal 15\n"
    assert lines("ready0") == lines("ready1") == [""]
