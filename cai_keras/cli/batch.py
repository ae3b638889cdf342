"""Many runs at once, each in a process of its own, up to a number of jobs."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from cai_keras.cli import lifeline
from cai_keras.cli.gpus import gpu_environment
from cai_keras.cli.run_status import DONE, FAILED, INTERRUPTED, RunStatus
from cai_keras.cli.single_run import RunOptions, process_arguments
from cai_keras.errors import UsageError
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import write_record

_COMMAND = (sys.executable, "-m", "cai_keras.cli.single_run")
_SECONDS_BETWEEN_LOOKS = 0.25
# What a process printed before it died; its end says why.
_LAST_CHARACTERS = 20_000


class Batch:
    """Runs processes until all runs have ended; one that fails stops no other.

    Args:
        statuses: of the runs to do; they change while `run` goes on.
        jobs: processes at a time.
        options: of every run.
        command: takes `process_arguments` as JSON.
    """

    def __init__(
        self,
        statuses: Sequence[RunStatus],
        jobs: int,
        options: RunOptions,
        command: Sequence[str] = _COMMAND,
    ):
        self._statuses = statuses
        self._jobs = jobs
        self._options = options
        self._command = command
        self._lock = threading.Lock()
        self._queue: SimpleQueue[RunStatus] = SimpleQueue()
        self._processes: set[subprocess.Popen] = set()
        self._times_asked = 0

    def run(self, show: Callable[[Sequence[RunStatus]], None]) -> None:
        """Works the queue off; `show` is called a few times a second.

        SIGINT and SIGTERM let the processes save and end, and start no other; a
        second one ends them at once.
        """
        for status in self._statuses:
            self._queue.put(status)
        with ThreadPoolExecutor(self._jobs) as pool, self._passing_signals_on():
            slots = [pool.submit(self._work, slot) for slot in range(self._jobs)]
            left = slots
            while left:
                show(self._statuses)
                left = wait(left, timeout=_SECONDS_BETWEEN_LOOKS).not_done
        show(self._statuses)
        for slot in slots:
            slot.result()  # a mistake of ours must not pass for an end

    @property
    def was_stopped(self) -> bool:
        return self._times_asked > 0

    def stop(self) -> None:
        """Asks every process to save and end; called again, ends them at once."""
        with self._lock:
            self._times_asked += 1
            for process in self._processes:
                process.kill() if self._times_asked > 1 else process.terminate()

    def _work(self, slot: int) -> None:
        while not self.was_stopped:
            try:
                status = self._queue.get_nowait()
            except Empty:
                return
            self._run_one(status, slot)

    def _run_one(self, status: RunStatus, slot: int) -> None:
        status.begin()
        read_end, write_end = os.pipe()
        with (
            open(read_end, encoding="utf-8") as events,
            tempfile.TemporaryFile("w+", errors="replace") as printed,
        ):
            try:
                process = self._start(status, slot, write_end, printed)
            finally:
                os.close(write_end)
            with process.stdin, self._listed(process):
                for line in events:
                    status.hear(json.loads(line))
                code = process.wait()
            _conclude(status, code, _tail(printed), self.was_stopped)

    def _start(self, status: RunStatus, slot: int, events: int, printed):
        strategy = self._options.strategy or status.run.recipe.train.strategy
        arguments = process_arguments(status.run, status.resume, self._options)
        return subprocess.Popen(
            [*self._command, json.dumps(arguments)],
            env={
                **os.environ,
                **gpu_environment(slot, self._jobs, shares_all=strategy != "one"),
                lifeline.VARIABLE: "1",
                "CAI_EVENTS": str(events),
            },
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=printed,
            pass_fds=(events,),
            # Ctrl-C reaches this process alone, which asks the others in its turn.
            start_new_session=True,
        )

    @contextmanager
    def _listed(self, process: subprocess.Popen) -> Iterator[None]:
        with self._lock:
            self._processes.add(process)
            if self._times_asked:  # while it was being started
                process.terminate()
        try:
            yield
        finally:
            with self._lock:
                self._processes.remove(process)

    @contextmanager
    def _passing_signals_on(self) -> Iterator[None]:
        # Not in the handler itself: it may interrupt the holder of the lock.
        def stop(*_):
            threading.Thread(target=self.stop).start()

        names = (signal.SIGINT, signal.SIGTERM)
        previous = {name: signal.signal(name, stop) for name in names}
        try:
            yield
        finally:
            for name, handler in previous.items():
                signal.signal(name, handler)


def _conclude(status: RunStatus, code: int, printed: str, was_asked: bool) -> None:
    """The run's end, as its record has it; a process that died could not write it."""
    try:
        record = status.run.folder.record()
    except UsageError as error:
        status.end(FAILED, str(error))
        return
    state = record.state if record else None
    if code == 0 and state == DONE:
        status.end(DONE)
    elif status.failure is not None:
        end = INTERRUPTED if state == INTERRUPTED else FAILED
        status.end(end, status.failure)
    elif was_asked:
        status.end(INTERRUPTED, "ended before it could save")
    else:
        _conclude_death(status, record, code, printed)


def _conclude_death(status: RunStatus, record, code: int, printed: str) -> None:
    folder, lines = status.run.folder, printed.strip().splitlines()
    reason = f"its process ended with {_how(code)}"
    if lines:
        write_atomic(folder.path / "crash.txt", printed)
        said = f"{one_line(lines[-1])}; " if code > 0 else ""
        reason = f"{said}{reason}; see crash.txt"
    if record is not None and record.state == "running":
        failed = record.model_copy(update={"state": "failed", "reason": reason})
        write_record(folder.record_path, failed)
    status.end(FAILED, reason)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"{name}{hint}"


def _tail(file) -> str:
    file.seek(0)
    return file.read()[-_LAST_CHARACTERS:]
