"""Which GPU each of several processes may use."""

import os

import pynvml


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        names = [name.strip() for name in named.split(",")]
        # CUDA itself stops at the first name that is no device.
        ends = [n for n, name in enumerate(names) if name in ("", "-1")]
        return names[: ends[0]] if ends else names
    try:
        pynvml.nvmlInit()
        return [str(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []  # no driver: no GPU


def gpu_environment(slot: int, jobs: int, shares_all: bool) -> dict[str, str]:
    """What the process in place `slot` of `jobs` needs in its environment.

    One GPU each, in turn. Where there are fewer GPUs than jobs, or every process uses
    all of them, none may take the whole memory at its start, as TensorFlow and JAX
    both do.

    Args:
        shares_all: the processes' strategy uses every GPU that it sees.
    """
    gpus = visible_gpus()
    if not gpus:
        return {}
    environment = {}
    if not shares_all:
        environment["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    if shares_all or jobs > len(gpus):
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return environment
