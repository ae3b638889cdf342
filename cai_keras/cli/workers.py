"""Local worker processes that form a TensorFlow cluster over loopback."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

_POLL_SECONDS = 0.2
# How long a worker may take to end after a signal. One that waits for a dead peer
# never hears it: then it is killed.
_GRACE_SECONDS = 15.0


@dataclass(frozen=True)
class WorkerFailure:
    """The first worker that ended badly.

    Attributes:
        code: exit code; negative is the number of a signal.
        last_line: of what it printed, where that is known.
    """

    worker: int
    code: int
    last_line: str

    @property
    def is_final(self) -> bool:
        """Wrong usage, or asked to stop: starting over would not help."""
        return self.code == 2 or "continue with --resume" in self.last_line

    def __str__(self) -> str:
        how = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        detail = f": {self.last_line}" if self.last_line else ""
        return f"worker {self.worker} ended with {how}{detail}"


class WorkerGroup:
    """Starts `count` processes `cai <arguments>`, each with its TF_CONFIG.

    Worker 0 writes to this process's output; of the others only the last line is
    shown, when they fail.
    """

    def __init__(self, arguments: Sequence[str], count: int):
        addresses = free_addresses(count)
        self._stack = ExitStack()
        self._files = [
            self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115
            for _ in range(count)
        ]
        self._started = [
            self._start(arguments, addresses, number) for number in range(count)
        ]
        self._stopping_since: float | None = None

    def __enter__(self) -> "WorkerGroup":
        return self

    def __exit__(self, *error) -> None:
        self.kill()
        self._stack.close()

    def wait(self) -> WorkerFailure | None:
        """Waits until all have ended; stops the others once one ends badly."""
        failure = None
        while True:
            codes = [process.poll() for process in self._started]
            for number, code in enumerate(codes):
                if code and failure is None:
                    failure = WorkerFailure(number, code, self._last_line(number))
                    self.stop_gently()
            if None not in codes:
                return failure
            since = self._stopping_since
            if since is not None and time.monotonic() - since > _GRACE_SECONDS:
                self.kill()
            time.sleep(_POLL_SECONDS)

    def stop_gently(self) -> None:
        """Asks all workers to save and end."""
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
        for process in self._started:
            if process.poll() is None:
                process.terminate()

    def kill(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def process_ids(self) -> list[int]:
        return [process.pid for process in self._started]

    def _start(self, arguments, addresses, number: int) -> subprocess.Popen:
        cluster = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": number},
        }
        output = self._files[number]
        return subprocess.Popen(
            [sys.executable, "-m", "cai_keras", *arguments],
            env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
            stdout=None if number == 0 else output,
            stderr=output,
            # Ctrl-C reaches the launcher alone, which asks the workers in its turn.
            start_new_session=True,
        )

    def _last_line(self, number: int) -> str:
        self._files[number].seek(0)
        lines = [line.strip() for line in self._files[number] if line.strip()]
        said = [line for line in lines if line.startswith("cai: error: ")]
        return (said or lines or [""])[-1].removeprefix("cai: error: ")


def free_addresses(count: int) -> list[str]:
    """Loopback addresses whose ports were free a moment ago, all different."""
    with ExitStack() as stack:
        addresses = []
        for _ in range(count):
            sock = stack.enter_context(closing(socket.socket()))
            sock.bind(("127.0.0.1", 0))
            addresses.append(f"127.0.0.1:{sock.getsockname()[1]}")
        return addresses
