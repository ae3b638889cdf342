"""The parent survives workers that die, hang, or take all memory."""

import sys
import textwrap

import pytest

from benchmarks.worker_process import WorkerError, WorkerProcess

# Answers as a worker does, without any framework.
WORKER = """
import json, os, signal, sys, time
for line in sys.stdin:
    told = json.loads(line)
    command = told.pop("do")
    if command == "echo":
        answer = {"state": "done", **told, "backend": os.environ["KERAS_BACKEND"]}
        print("a note of a library", flush=True)
        print(json.dumps(answer), flush=True)
    elif command == "refuse":
        print(json.dumps({"state": "failed", "reason": "not here"}), flush=True)
    elif command == "hang":
        time.sleep(60)
    elif command == "grow":
        kept = bytearray(300_000_000)
        time.sleep(60)
    elif command == "abort":
        print(told["note"], file=sys.stderr, flush=True)
        os.kill(os.getpid(), told["signal"])
    elif command == "leave":
        sys.exit(told["code"])
"""


@pytest.fixture
def worker():
    command = [sys.executable, "-c", textwrap.dedent(WORKER)]
    with WorkerProcess("jax", {"MORE": "1"}, command) as started:
        yield started


def failure(worker, command, timeout=30.0, memory_bytes=None, **arguments):
    with pytest.raises(WorkerError) as caught:
        worker.ask(command, timeout, memory_bytes, **arguments)
    return caught.value


def test_a_worker_answers_and_what_libraries_print_is_no_answer(worker):
    found = worker.ask("echo", 30.0, number=3)
    assert found == {"state": "done", "number": 3, "backend": "jax"}
    assert worker.ask("echo", 30.0)["state"] == "done"
    assert worker.resident_bytes() > 1_000_000


def test_a_worker_that_refuses_can_be_told_something_else(worker):
    error = failure(worker, "refuse")
    assert (error.state, str(error), error.is_alive) == ("failed", "not here", True)
    assert worker.ask("echo", 30.0)["state"] == "done"


def test_a_worker_that_hangs_is_killed_after_its_time(worker):
    error = failure(worker, "hang", timeout=0.5)
    assert (error.state, error.is_alive) == ("failed", False)
    assert str(error) == "no answer within 0.5 s"
    assert worker.resident_bytes() == 0


def test_a_worker_that_takes_too_much_memory_is_killed(worker):
    worker.ask("echo", 30.0)  # it has started
    error = failure(worker, "grow", memory_bytes=worker.resident_bytes() + 1e8)
    assert error.state == "out_of_memory"
    assert "stopped: it took more than 0." in str(error)
    assert worker.resident_bytes() == 0


def test_a_worker_that_dies_of_a_signal_says_which_and_its_last_line(worker):
    error = failure(worker, "abort", signal=6, note="\nCheck failed: size\n\n")
    assert error.state == "failed"
    assert str(error) == "the worker ended with signal 6 (SIGABRT): Check failed: size"


def test_memory_that_ran_out_is_recognised_in_what_it_printed(worker):
    error = failure(worker, "abort", signal=6, note="what(): std::bad_alloc")
    assert error.state == "out_of_memory"


def test_a_worker_that_the_system_kills_says_what_that_may_mean(worker):
    error = failure(worker, "abort", signal=9, note="")
    assert error.state == "out_of_memory"
    assert "signal 9 (SIGKILL): the system does that where memory runs out" in str(
        error
    )


def test_a_worker_that_leaves_early_says_its_exit_code(worker):
    assert str(failure(worker, "leave", code=7)) == "the worker ended with exit code 7"
    # Asked again, it has still ended.
    assert "exit code 7" in str(failure(worker, "echo"))


def test_closing_ends_a_busy_worker(worker):
    with pytest.raises(WorkerError):
        worker.ask("hang", 0.3)
    worker.close()
    worker.close()
    assert worker.resident_bytes() == 0
