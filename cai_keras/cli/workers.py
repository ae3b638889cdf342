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

from cai_keras.cli import lifeline
from cai_keras.errors import UsageError

_POLL_SECONDS = 0.2
# How long a worker may take to end after a signal. One that waits for a dead peer
# never hears it: then it is killed. Asked to stop, the chief first ends its call of
# the loop and writes a checkpoint.
_GRACE_SECONDS = 15.0
_SAVE_SECONDS = 300.0
_CAI = (sys.executable, "-m", "cai_keras")


@dataclass(frozen=True)
class WorkerFailure:
    """The first worker that ended badly.

    Attributes:
        code: exit code; negative is the number of a signal.
        last_line: of what it printed, where that is known.
        was_asked: all workers had been asked to stop before.
    """

    worker: int
    code: int
    last_line: str
    was_asked: bool = False

    @property
    def is_wrong_usage(self) -> bool:
        return self.code == UsageError.exit_code

    @property
    def is_stop(self) -> bool:
        """It ended because somebody asked for that."""
        heard = self.code == 1 and "continue with --resume" in self.last_line
        return self.was_asked or heard

    @property
    def is_final(self) -> bool:
        """Starting over would not help, or is not wanted."""
        return self.is_wrong_usage or self.is_stop

    def __str__(self) -> str:
        how = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        detail = f": {self.last_line}" if self.last_line else ""
        return f"worker {self.worker} ended with {how}{detail}"


class WorkerGroup:
    """Starts `count` processes `cai <arguments>`, each with its TF_CONFIG.

    Worker 0 writes to this process's output; of the others only the last line is
    shown, when they fail.

    Args:
        command: what the arguments are for.
    """

    def __init__(
        self, arguments: Sequence[str], count: int, command: Sequence[str] = _CAI
    ):
        addresses = free_addresses(count)
        self._stack = ExitStack()
        self._files = [
            self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115
            for _ in range(count)
        ]
        self._started = [
            self._start([*command, *arguments], addresses, number)
            for number in range(count)
        ]
        self._was_asked = False
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
            if failure is None and any(codes):
                failure = self._first_failure(codes)
                # Workers that are asked twice end at once, without a checkpoint.
                if not self._was_asked:
                    self._terminate()
            if None not in codes:
                return failure
            is_stop = failure.is_stop if failure else self._was_asked
            patience = _SAVE_SECONDS if is_stop else _GRACE_SECONDS
            since = self._stopping_since
            if since is not None and time.monotonic() - since > patience:
                self.kill()
            time.sleep(_POLL_SECONDS)

    def stop_gently(self) -> None:
        """Asks all workers to save and end; asked again, they end at once."""
        self._was_asked = True
        self._terminate()

    def kill(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def process_ids(self) -> list[int]:
        return [process.pid for process in self._started]

    def _terminate(self) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
        for process in self._started:
            if process.poll() is None:
                process.terminate()

    def _first_failure(self, codes: Sequence[int | None]) -> WorkerFailure:
        bad = [number for number, code in enumerate(codes) if code]
        # A worker that was killed is why others fail a moment later.
        first = min(bad, key=lambda number: codes[number] > 0)
        # What a killed worker printed last says nothing about its end.
        last_line = self._last_line(first) if codes[first] > 0 else ""
        return WorkerFailure(first, codes[first], last_line, self._was_asked)

    def _start(self, command, addresses, number: int) -> subprocess.Popen:
        cluster = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": number},
        }
        output = self._files[number]
        return subprocess.Popen(
            command,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps(cluster),
                lifeline.VARIABLE: "1",
            },
            stdin=subprocess.PIPE,  # held open until this process ends
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
