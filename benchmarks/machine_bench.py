"""`cai bench machine`: what this machine is, and what it can do at best."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.backends import NAMES, PRECISIONS
from benchmarks.nvml import Gpus
from benchmarks.probing import (
    Start,
    check_installed,
    environ_of,
    probe_backend,
    worker_environment,
)
from benchmarks.row_tables import CEILING_COLUMNS, ceiling_cells
from benchmarks.rows import BenchmarkFile
from benchmarks.worker_process import WorkerProcess
from cai_keras.cli.output import errors, print_table, say
from cai_keras.errors import UsageError, choose


def run(
    backends: Sequence[str],
    seconds: float = 2.0,
    threads: int | None = None,
    json_file: Path | None = None,
    start: Start = WorkerProcess,
) -> BenchmarkFile:
    """Measures, prints a table, writes JSON where asked for.

    Args:
        backends: of Keras.
        seconds: for each precision of products, and of convolutions.
        threads: processors to use; all if None.
        start: makes workers.
    Raises:
        UsageError: an unknown backend, one that is not installed, or no folder.
        RunError: a backend does not work here.
    """
    for name in backends:
        choose("--backend", name, dict.fromkeys(NAMES))
    check_installed(backends)
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    gpus = Gpus()
    host = {**machine.describe_host(gpus), "busy_percent": machine.busy_percent()}
    watch, probes = machine.Watch(gpus), []
    for name in backends:
        errors.print(f"{name}: measuring", highlight=False)
        environment = worker_environment(threads)
        probes.append(probe_backend(start, name, environment, PRECISIONS, seconds))
        watch.look()
    options = {"seconds": seconds, "threads": threads}
    file = BenchmarkFile(
        name="machine",
        environ=environ_of(host, probes, watch.end(), options),
        ceilings=tuple(one.ceilings for one in probes),
    )
    if json_file is not None:
        file.write(json_file)
    _print(file)
    return file


def _print(file: BenchmarkFile) -> None:
    environ = file.environ
    host, about = environ["host"], environ["machine"]
    say(
        f"{about['cpu']}, {host['usable_cpus']} processors"
        f"{_clock(host['cpu_clock_mhz'])}, {host['memory_bytes'] / 1e9:.0f} GB; "
        f"{host['busy_percent']:.0f} % busy before"
    )
    for gpu in host["gpus"]:
        say(
            f"{gpu['name']}, {gpu['memory_bytes'] / 1e9:.0f} GB"
            f"{_clock(gpu['clock_mhz'])}; driver {host['driver']}, "
            f"CUDA {host['cuda']}; throttled: {', '.join(gpu['throttling'] or ['no'])}"
        )
    for name, settings in environ["backends"].items():
        shown = {k: v for k, v in settings.items() if v is not None}
        say(f"{name}: {', '.join(f'{k} {v}' for k, v in shown.items())}")
    rows = [cells for found in file.ceilings for cells in ceiling_cells(found)]
    print_table(CEILING_COLUMNS, rows)
    for line in machine.doubts(host, environ["during"]):
        say(line)


def _clock(megahertz: float | None) -> str:
    return f" at {megahertz / 1000:.2f} GHz" if megahertz else ""
