"""`cai tensorboard` serves the runs, on this machine only, until it is ended."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

RUN = "some_paper/small/conv/seed0/tb/train"


@pytest.fixture
def output(tmp_path):
    """A folder with one run that logged `loss` at steps 1 and 2."""
    writer = EventFileWriter(str(tmp_path / RUN))
    for step, value in ((1, 0.5), (2, 0.25)):
        summary = Summary(value=[Summary.Value(tag="loss", simple_value=value)])
        writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
    writer.close()
    return tmp_path


@pytest.fixture
def server(output):
    """(process, address) of `cai tensorboard` on a free port."""
    command = [sys.executable, "-m", "cai_keras", "tensorboard", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--output", str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    give_up = threading.Timer(120, process.kill)
    give_up.start()
    try:
        address = None
        for line in process.stderr:
            found = re.search(r"at (http://\S+)", line)
            if found:
                address = found[1].rstrip("/")
                break
        assert address, "TensorBoard ended without an address"
        # Its pipe must not fill up while it serves.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield process, address
    finally:
        give_up.cancel()
        process.kill()
        process.wait()


def _get(address: str):
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.load(answer)


def _tags(address: str) -> dict:
    """The scalar tags; its first look at the folder takes a moment."""
    until = time.monotonic() + 60
    tags = _get(f"{address}/data/plugin/scalars/tags")
    while not tags and time.monotonic() < until:
        time.sleep(0.5)
        tags = _get(f"{address}/data/plugin/scalars/tags")
    return tags


@pytest.mark.slow
def test_the_runs_are_served_on_localhost_until_the_command_is_ended(server):
    process, address = server

    tags = _tags(address)

    assert re.fullmatch(r"http://localhost:\d+", address)
    assert list(tags) == [RUN]
    assert list(tags[RUN]) == ["loss"]
    points = _get(f"{address}/data/plugin/scalars/scalars?run={RUN}&tag=loss")
    assert [(step, value) for _, step, value in points] == [(1, 0.5), (2, 0.25)]

    process.terminate()
    process.wait(timeout=20)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=5)
