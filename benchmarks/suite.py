"""`cai bench train` and `cai bench infer`: every network of every paper, measured."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import psutil

from benchmarks import machine
from benchmarks.configurations import Asked, Request
from benchmarks.costs import COMPUTED_IN
from benchmarks.nvml import Gpus
from benchmarks.outputs import write_all
from benchmarks.planning import Costs, Planner
from benchmarks.probing import (
    Probe,
    Start,
    check_installed,
    environ_of,
    probe_backend,
    worker_environment,
)
from benchmarks.result_rows import make_row
from benchmarks.row_tables import ROW_COLUMNS, noise_lines, row_cells
from benchmarks.rows import BenchmarkFile, Row
from benchmarks.schedule import Measured, Schedule, Settings
from benchmarks.worker_process import WorkerProcess
from cai_keras.cli.output import errors, print_table, say
from cai_keras.errors import RunError, UsageError

# The search for the largest batch goes no further: on a CPU nothing gets faster.
LARGEST_BATCHES = {"cpu": 128}
LARGEST_BATCH = 4096
# Seconds of a configuration beside its steps: imports, building, compiling.
_LEAST_SECONDS, _MOST_SECONDS = 20, 90
_PEAK_SECONDS = 1.0  # at least, for each ceiling


def run(
    asked: Asked,
    settings: Settings,
    folder: Path,
    threads: int | None = None,
    logical_cpus: int = 1,
    largest_batch: int | None = None,
    start: Start = WorkerProcess,
) -> BenchmarkFile:
    """Measures, prints a table and the noise, writes the results.

    Args:
        folder: for the results, which are written whenever some are complete.
        threads: processors that a worker may use; all if None.
        logical_cpus: devices that TensorFlow's CPU is cut into.
        largest_batch: that a search goes to; the device's default if None.
        start: makes workers.
    Raises:
        UsageError: a backend that is not installed, or nothing to measure.
        RunError: a backend does not work here, or nothing could be measured.
    """
    check_installed(asked.backends)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder}: there is a file of this name")
    gpus = Gpus()
    host = {**machine.describe_host(gpus), "busy_percent": machine.busy_percent()}
    watch, environment = machine.Watch(gpus), worker_environment(threads, logical_cpus)
    planner = Planner(asked, start, environment, settings.timeout, _report)
    requests = planner.requests()
    _report(_announcement(requests, settings))
    probes = {}
    for backend in asked.backends:
        _report(f"{backend}: measuring what the device can do")
        computed_in = [COMPUTED_IN[one][0] for one in asked.precisions]
        probes[backend] = probe_backend(
            start,
            backend,
            environment,
            computed_in,
            max(_PEAK_SECONDS, settings.seconds),
        )
    settings = replace(settings, largest_batch=_largest(largest_batch, probes))
    options = {**asdict(asked), **asdict(settings), "threads": threads}

    def file_of(measured: Sequence[Measured]) -> BenchmarkFile:
        rows = [_row(one, probes, planner.costs, logical_cpus) for one in measured]
        about = environ_of(host, probes.values(), watch.end(), options)
        ceilings = tuple(one.ceilings for one in probes.values())
        return BenchmarkFile(
            name=asked.kind, environ=about, ceilings=ceilings, metrics=tuple(rows)
        )

    is_cpu = all(one.device == "cpu" for one in probes.values())
    schedule = Schedule(
        lambda request: start(request.backend, environment),
        settings,
        _report,
        _free_bytes if is_cpu else None,
        watch.look,
    )
    measured = schedule.run(
        requests, lambda found: write_results(file_of(found), folder)
    )
    file = file_of(measured)
    paths = write_all(file, folder)
    _print(file, paths)
    if not any(row.state == "done" for row in file.metrics):
        raise RunError("nothing could be measured; the table says why")
    return file


def write_results(file: BenchmarkFile, folder: Path) -> None:
    """Writes `folder/<kind>.json`, which may not have all rows yet."""
    file.write(folder / f"{file.name}.json")


def _row(
    one: Measured, probes: Mapping[str, Probe], costs: Costs, logical_cpus: int
) -> Row:
    request, probe = one.request, probes[one.request.backend]
    cost = costs.get((request.paper, request.variant, request.network))
    return make_row(one, probe.device, cost, probe.ceilings, logical_cpus > 1)


def _largest(given: int | None, probes: Mapping[str, Probe]) -> int:
    known = [LARGEST_BATCHES.get(one.device, LARGEST_BATCH) for one in probes.values()]
    return given or min(known)


def _free_bytes() -> float:
    return psutil.virtual_memory().available


def _announcement(requests: Sequence[Request], settings: Settings) -> str:
    """How many there are, and how long that may take."""
    count, steps = len(requests), settings.repeats * settings.seconds
    least = count * (_LEAST_SECONDS + steps + settings.seconds) / 60
    most = count * (_MOST_SECONDS + steps + 10 * settings.seconds) / 60
    searched = sum(request.batch_size is None for request in requests)
    more = f", and the search for {searched} batch sizes" if searched else ""
    return (
        f"{count} configuration{'s' if count > 1 else ''}, "
        f"{settings.repeats} repeats of {settings.seconds:g} s: "
        f"{least:.0f} to {most:.0f} minutes{more}; steps that take longer than "
        "a repeat take their time"
    )


def _print(file: BenchmarkFile, paths: Sequence[Path]) -> None:
    about = file.environ["machine"]
    title = f"{about['cpu']}, {file.environ['host']['usable_cpus']} processors"
    print_table(ROW_COLUMNS, [row_cells(row) for row in file.metrics], title)
    lines = noise_lines(file.metrics)
    lines += machine.doubts(file.environ["host"], file.environ["during"])
    for line in lines:
        say(line)
    for path in paths:
        say(f"written: {path}")


def _report(line: str) -> None:
    errors.print(line, highlight=False, markup=False, soft_wrap=True)
