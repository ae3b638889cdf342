"""Measures the set of a score: `score.Measure`, by workers that take turns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from benchmarks import machine
from benchmarks.configurations import Request
from benchmarks.nvml import Gpus
from benchmarks.probing import Start, describe_backend, environ_of
from benchmarks.result_rows import make_row
from benchmarks.rows import BenchmarkFile, Configuration
from benchmarks.schedule import Schedule, Settings
from benchmarks.worker_process import WorkerProcess
from cai_keras.cli.output import errors
from cai_keras.errors import RunError

REPEATS = 12
# The rest of the time is for starting processes, building, compiling and warming up.
_MEASURED_SHARE = 0.5
_LEAST_SECONDS = 0.2  # of a repeat
_WORKER_BYTES = 2e9  # of the largest network of the set, with its framework
_FEWEST_AT_ONCE = 4


def measure(
    configurations: Sequence[Configuration],
    budget_seconds: float,
    start: Start = WorkerProcess,
    clock: Callable[[], float] = time.monotonic,
) -> BenchmarkFile:
    """See `score.Measure`. Says so where it took longer than the budget.

    Ceilings are not measured and operations not counted: a score is of speeds alone.

    Raises:
        RunError: the device that was asked for is not the one that is computed on, or
            the backend does not work here.
    """
    began, gpus = clock(), Gpus()
    host = {**machine.describe_host(gpus), "busy_percent": machine.busy_percent()}
    watch = machine.Watch(gpus)
    (backend,) = {each.backend for each in configurations}
    (device,) = {each.device for each in configurations}
    probe = describe_backend(start, backend, {})
    if probe.device != device:
        raise RunError(
            f"--device {device}: {backend} computes on a {probe.device} here"
        )
    settings = Settings(
        repeats=REPEATS,
        seconds=_repeat_seconds(len(configurations), budget_seconds),
        alive=_at_once(len(configurations), host["memory_available_bytes"]),
    )
    schedule = Schedule(
        lambda request: start(request.backend, {}), settings, _report, look=watch.look
    )
    measured = schedule.run([_request_of(each) for each in configurations])
    seconds = clock() - began
    if seconds > budget_seconds:
        _report(
            f"took {seconds:.0f} s, more than the {budget_seconds:.0f} s of a score"
        )
    options = {**asdict(settings), "seconds_of_everything": seconds}
    return BenchmarkFile(
        name="score",
        environ=environ_of(host, [probe], watch.end(), options),
        metrics=tuple(make_row(one, device, None, None) for one in measured),
    )


def _repeat_seconds(count: int, budget_seconds: float) -> float:
    shared = _MEASURED_SHARE * budget_seconds / (count * REPEATS)
    return max(_LEAST_SECONDS, shared)


def _at_once(count: int, free_bytes: float) -> int:
    """All where there is room: then the repeats of each are spread over the call."""
    return min(count, max(_FEWEST_AT_ONCE, int(free_bytes / _WORKER_BYTES)))


def _request_of(configuration: Configuration) -> Request:
    return Request(
        **{name: getattr(configuration, name) for name in Request.__dataclass_fields__}
    )


def _report(line: str) -> None:
    errors.print(line, highlight=False, markup=False, soft_wrap=True)
