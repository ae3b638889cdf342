"""A worker as the parent sees it: a process that may die, hang, or take all memory."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from cai_keras.reporting.plain_text import one_line

COMMAND = (sys.executable, "-m", "benchmarks.worker")
_POLL_SECONDS = 0.2
_NO_MEMORY = ("bad_alloc", "out of memory", "cannot allocate memory")


class WorkerError(Exception):
    """A worker could not do what it was told.

    Attributes:
        state: failed or out_of_memory.
        is_alive: whether it can be told something else.
    """

    def __init__(self, state: str, reason: str, is_alive: bool = False):
        super().__init__(reason)
        self.state, self.is_alive = state, is_alive


class WorkerProcess:
    """Starts a worker; ends it on leaving the `with`.

    Args:
        backend: of Keras.
        environment: more variables.
        command: what is started; its messages are those of `worker.py`.
    """

    def __init__(
        self,
        backend: str,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ):
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **_environment(backend), **(environment or {})},
            # Ctrl-C reaches the parent alone.
            start_new_session=True,
        )
        self._answers: queue.Queue = queue.Queue()
        self._end: WorkerError | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def ask(
        self,
        command: str,
        timeout: float,
        memory_bytes: float | None = None,
        **arguments,
    ) -> dict[str, Any]:
        """The answer to a message.

        Args:
            command: of `worker.Worker`.
            timeout: seconds, after which the worker is killed.
            memory_bytes: resident size beyond which it is killed; no limit if None.
        Raises:
            WorkerError: it said why not, died, or was killed.
        """
        if self._end is not None:
            raise self._end
        try:
            self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._wait(timeout, memory_bytes)
        except OSError:  # it has ended
            answer = None
        if answer is None:
            raise self._ended(*self._why_it_ended())
        if answer["state"] != "done":
            raise WorkerError(answer["state"], answer["reason"], is_alive=True)
        return answer

    def resident_bytes(self) -> int:
        """Of the process now; 0 once it is gone."""
        try:
            return psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:
            return 0

    def close(self) -> None:
        """Ends the process, however busy it is."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                stream.close()
            except OSError:  # what it was told last lies in the pipe yet
                continue

    def _wait(self, timeout: float, memory_bytes: float | None):
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self._answers.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                pass
            if memory_bytes is not None and self.resident_bytes() > memory_bytes:
                reason = f"stopped: it took more than {memory_bytes / 1e9:.1f} GB"
                raise self._ended("out_of_memory", reason)
            if time.monotonic() > deadline:
                raise self._ended("failed", f"no answer within {timeout:g} s")

    def _ended(self, state: str, reason: str) -> WorkerError:
        """Ends the process; the error that every later question gets too."""
        self.close()
        self._end = WorkerError(state, reason)
        return self._end

    def _read(self) -> None:
        """Puts every answer, and None at the end of them."""
        for line in self._process.stdout:
            try:
                self._answers.put(json.loads(line))
            except json.JSONDecodeError:
                continue  # something that it printed while it died
        self._answers.put(None)

    def _why_it_ended(self) -> tuple[str, str]:
        """State and reason, by its exit code and the last line that it printed."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        said = next((line for line in reversed(lines) if line.strip()), "")
        everything = "\n".join(lines).lower()
        is_memory = any(words in everything for words in _NO_MEMORY)
        how = f"exit code {code}"
        if code < 0:
            how = f"signal {-code} ({signal.Signals(-code).name})"
        if code == -signal.SIGKILL:  # nobody else kills so, and it says nothing
            said = "the system does that where memory runs out"
        tail = f": {one_line(said)}" if said else ""
        is_memory |= code == -signal.SIGKILL
        state = "out_of_memory" if is_memory else "failed"
        return state, f"the worker ended with {how}{tail}"


def _environment(backend: str) -> dict[str, str]:
    return {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Several workers share a GPU: none may take its whole memory at its start.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
