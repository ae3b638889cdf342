"""Atomic writes: killed writers, full disks, permissions."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time

import pytest

from cai_keras.reporting.atomic import write_atomic

_SIZE = 1 << 20
_WRITER = """
import sys
from pathlib import Path
from cai_keras.reporting.atomic import write_atomic
path, size = Path(sys.argv[1]), int(sys.argv[2])
write_atomic(path, b"a" * size)
print("ready", flush=True)
while True:
    write_atomic(path, b"b" * size)
    write_atomic(path, b"a" * size)
"""


def _kill_a_writer_after(path, seconds: float) -> None:
    command = [sys.executable, "-c", _WRITER, str(path), str(_SIZE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)


def test_a_killed_writer_leaves_the_whole_old_or_the_whole_new_file(tmp_path):
    path = tmp_path / "file"
    moments = random.Random(0)

    found = []
    for _ in range(25):
        _kill_a_writer_after(path, moments.uniform(0, 0.03))
        found.append(path.read_bytes())

    assert set(found) <= {b"a" * _SIZE, b"b" * _SIZE}


def test_what_a_killed_writer_leaves_beside_the_file_is_hidden_and_temporary(tmp_path):
    path = tmp_path / "file"
    moments = random.Random(1)

    for _ in range(5):
        _kill_a_writer_after(path, moments.uniform(0, 0.03))

    left = [other.name for other in tmp_path.iterdir() if other != path]
    assert all(n.startswith(".file.") and n.endswith(".tmp") for n in left)


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(
    tmp_path, monkeypatch, call
):
    path = tmp_path / "file"
    path.write_text("old")

    def full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file", "new")

    assert list(tmp_path.iterdir()) == []


def test_others_can_read_the_file_whatever_the_umask(tmp_path):
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        write_atomic(path, "text")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_missing_folders_are_made_and_text_is_utf8(tmp_path):
    path = tmp_path / "a" / "b" / "file"

    write_atomic(path, "± 1")

    assert path.read_bytes() == b"\xc2\xb1 1"
