"""What a backend computes on and what that can do, asked of a worker."""

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.rows import Ceilings
from benchmarks.worker import CPUS_VARIABLE, LOGICAL_CPUS_VARIABLE
from benchmarks.worker_process import WorkerError, WorkerProcess
from cai_keras.errors import RunError, UsageError

# backend, environment -> worker
Start = Callable[[str, Mapping[str, str]], WorkerProcess]
_TIMEOUT = 600.0
_EXTRAS = {"jax": "cai-keras[bench]", "torch": "cai-keras[bench]"}


@dataclass(frozen=True)
class Probe:
    """One backend on this machine.

    Attributes:
        device: cpu, gpu or tpu.
        settings: versions and switches that change its speed.
        machine: as a run's record describes it.
        ceilings: None where they were not measured.
    """

    backend: str
    device: str
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    ceilings: Ceilings | None = None


def check_installed(backends: Iterable[str]) -> None:
    """Refuses a backend whose framework is absent, before anything is measured."""
    for name in backends:
        if importlib.util.find_spec(name) is None:
            extra = _EXTRAS.get(name, "cai-keras")
            raise UsageError(f"--backend {name}: not installed; pip install {extra!r}")


def worker_environment(threads: int | None, logical_cpus: int = 1) -> dict[str, str]:
    """For every worker of a call.

    Args:
        threads: processors that it may use; all if None.
        logical_cpus: devices that TensorFlow's CPU is cut into.
    """
    found = {}
    if threads is not None:
        found[CPUS_VARIABLE] = str(threads)
        # Where processors cannot be taken away from a process.
        found["OMP_NUM_THREADS"] = str(threads)
    if logical_cpus > 1:
        found[LOGICAL_CPUS_VARIABLE] = str(logical_cpus)
    return found


def probe_backend(
    start: Start,
    backend: str,
    environment: Mapping[str, str],
    precisions: Iterable[str],
    seconds: float,
) -> Probe:
    """Describes the device and measures its ceilings.

    Args:
        precisions: float32, bfloat16, float16.
        seconds: for each precision of products, and of convolutions.
    Raises:
        RunError: the backend does not work here.
    """
    precisions = list(dict.fromkeys(precisions))
    try:
        with start(backend, environment) as worker:
            hello = worker.ask("hello", _TIMEOUT)
            found = worker.ask(
                "ceilings",
                _TIMEOUT,
                processor=hello["machine"]["cpu"],
                precisions=precisions,
                seconds=seconds,
            )
    except WorkerError as error:
        raise RunError(f"--backend {backend}: {error}") from error
    return Probe(
        backend=backend,
        device=hello["device"],
        settings=hello["settings"],
        machine=hello["machine"],
        ceilings=Ceilings(**found["ceilings"]),
    )


def describe_backend(
    start: Start, backend: str, environment: Mapping[str, str]
) -> Probe:
    """The device, without its ceilings.

    Raises:
        RunError: the backend does not work here.
    """
    try:
        with start(backend, environment) as worker:
            hello = worker.ask("hello", _TIMEOUT)
    except WorkerError as error:
        raise RunError(f"--backend {backend}: {error}") from error
    return Probe(backend, hello["device"], hello["settings"], hello["machine"])


def environ_of(
    host: Mapping[str, Any],
    probes: Iterable[Probe],
    during: Mapping[str, Any],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The `environ` of a benchmark's file.

    Returns:
        host: processors, memory, GPUs and driver before the measurement; machine:
        devices, versions and commit; backends: the settings of each; during: what
        else the machine did meanwhile; options: how it was measured.
    """
    probes = list(probes)
    return {
        "host": dict(host),
        "machine": dict(probes[0].machine) if probes else {},
        "backends": {
            one.backend: {"device": one.device, **one.settings} for one in probes
        },
        "during": dict(during),
        # As JSON gives them back.
        "options": {
            k: list(v) if isinstance(v, tuple) else v for k, v in options.items()
        },
    }
