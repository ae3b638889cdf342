"""Worker processes end when the process that started them is gone."""

import os
import signal
import subprocess
import sys
import time

import pytest

_WORKER = """
import signal, sys, time
from cai_keras.cli.lifeline import end_with_parent
def stop(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
end_with_parent()
print("ready", flush=True)
time.sleep(60)
print("outlived", flush=True)
"""
_PARENT = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE,
                          env={**os.environ, "CAI_LIFELINE": "1"})
print(worker.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent():
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT, _WORKER], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()


def test_a_worker_saves_and_ends_when_its_parent_is_killed(parent):
    lines = [parent.stdout.readline().strip() for _ in range(2)]
    assert "ready" in lines

    parent.send_signal(signal.SIGKILL)

    began = time.monotonic()
    # The worker holds the other end: reading ends when it has.
    assert parent.stdout.read().split() == ["saved"]
    assert time.monotonic() - began < 30


def test_a_process_that_nobody_asked_to_does_not_watch_its_input():
    done = subprocess.run(
        [sys.executable, "-c", _WORKER.replace("60", "0.2")],
        stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "CAI_LIFELINE"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["ready", "outlived"]
