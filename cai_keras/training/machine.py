"""The machine, the versions and the commit that a record names."""

import importlib.metadata
import platform
import resource
import subprocess
import sys
from pathlib import Path

import keras
import psutil
import tensorflow as tf

from cai_keras.reporting.record import Machine
from cai_keras.training.cpus import usable_cpus

_PACKAGES = (
    "cai-keras", "tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy"
)  # fmt: skip

_CODE = ("cai_keras", "reproductions", "benchmarks")  # folders of the project


def describe_machine() -> Machine:
    """Devices, processor, memory, threads, versions and commit, as they are now."""
    commit, dirty = _commit(Path(__file__).resolve().parents[2])
    logical = usable_cpus()
    devices, gpus = _devices()
    return Machine(
        devices=devices,
        cpu=_cpu_name(),
        logical_cpus=logical,
        memory_bytes=psutil.virtual_memory().total,
        gpus=gpus,
        # 0 means "as many as there are processors": the record names the number,
        # because it changes the bits of a sum.
        intra_op_threads=tf.config.threading.get_intra_op_parallelism_threads()
        or logical,
        inter_op_threads=tf.config.threading.get_inter_op_parallelism_threads()
        or logical,
        versions={
            "python": platform.python_version(),
            **{name: _version(name) for name in (*_PACKAGES, *_backend_packages())},
        },
        commit=commit,
        commit_is_dirty=dirty,
    )


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far, all of its runs included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _devices() -> tuple[list[str], list[str]]:
    """The names of the devices that the Keras backend computes on, and of the GPUs."""
    if keras.backend.backend() == "jax":
        import jax

        found = jax.devices()
        gpus = [device.device_kind for device in found if device.platform == "gpu"]
        return [str(device) for device in found], gpus
    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return [device.name for device in tf.config.list_logical_devices()], gpus


def _backend_packages() -> tuple[str, ...]:
    return ("jax", "jaxlib") if keras.backend.backend() == "jax" else ()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.machine()


def _commit(folder: Path) -> tuple[str | None, bool | None]:
    def git(*arguments: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", "-C", str(folder), *arguments],
                capture_output=True, text=True, timeout=20, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        return result.stdout.strip()

    if git("rev-parse", "--show-toplevel") != str(folder):
        return None, None  # installed, or inside somebody else's repository
    # Results are written while the runs go on; they are not code. Nor are new files
    # outside of the packages: other runs, or pictures to learn from.
    changed = git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"
    )
    added = git("status", "--porcelain", "--", *_CODE)
    if changed is None or added is None:
        return git("rev-parse", "HEAD"), None
    return git("rev-parse", "HEAD"), bool(changed or added)
