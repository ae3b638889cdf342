"""One process that measures, told what to do line by line.

    python -m benchmarks.worker

A message is a JSON object on a line of standard input, `{"do": COMMAND, ...}`; every
one is answered by one line, `{"state": "done", ...}` with what was found, or
`{"state": "failed" or "out_of_memory", "reason": ...}`. What libraries print goes to
standard error. The process ends when its input does, whatever it is doing: it does not
outlive the one that started it.

The backend is KERAS_BACKEND's; threads and the frameworks' own switches are those of
the environment too, since they count before the first import.
"""

import json
import os
import queue
import resource
import sys
import threading
from dataclasses import asdict
from typing import Any, TextIO

from benchmarks.backends import load_backend
from benchmarks.configurations import Request
from benchmarks.stepping import Stepper
from cai_keras.errors import CaiError

CPUS_VARIABLE = "CAI_BENCH_CPUS"
LOGICAL_CPUS_VARIABLE = "CAI_BENCH_LOGICAL_CPUS"


class Worker:
    """What the commands share.

    Attributes:
        backend: of this process, imported when it is first needed.
    """

    def __init__(self):
        self.name = os.environ.get("KERAS_BACKEND") or "tensorflow"
        self._stepper: Stepper | None = None
        self._gpus = None
        self._replicas = 1

    @property
    def backend(self):
        _prepare_tensorflow(self.name)
        return load_backend(self.name)

    def hello(self) -> dict[str, Any]:
        """The device, versions and switches."""
        backend = self.backend
        from cai_keras.training.machine import describe_machine

        return {
            "device": backend.kind(),
            "device_name": backend.name(),
            "settings": backend.settings(),
            "machine": describe_machine().model_dump(),
        }

    def ceilings(self, processor: str, precisions: list[str], seconds: float):
        """See `ceilings.measure_ceilings`."""
        from benchmarks.ceilings import measure_ceilings

        found = measure_ceilings(
            self.backend, self.name, processor, precisions, seconds
        )
        return {"ceilings": found.model_dump()}

    def networks(self, request: dict[str, Any]) -> dict[str, Any]:
        """Costs of all networks of a variant, by name."""
        _prepare_tensorflow(self.name)
        from benchmarks.subjects import network_costs

        costs = network_costs(Request(**request))
        return {"costs": {name: asdict(cost) for name, cost in costs.items()}}

    def training_cost(self, request: dict[str, Any]) -> dict[str, Any]:
        _prepare_tensorflow(self.name)
        from benchmarks.subjects import training_cost

        return {"cost": asdict(training_cost(Request(**request)))}

    def try_out(self, request: dict[str, Any]) -> dict[str, Any]:
        """Two steps, to see whether they fit into memory."""
        self._open(request).start()
        self._stepper.warm_up(budget=0.0)
        return self._memory()

    def prepare(
        self, request: dict[str, Any], budget: float, least: float
    ) -> dict[str, Any]:
        """Compiles, and steps until nothing changes any more."""
        first = self._open(request).start()
        warm_up = self._stepper.warm_up(budget, least)
        return {
            "image_shape": self._shape,
            "replicas": self._replicas,
            "first_step_seconds": first,
            "warmup_steps": self._stepper.cycle + warm_up.steps,
            "is_steady": warm_up.is_steady,
            **self._memory(),
        }

    def repeat(self, seconds: float) -> dict[str, Any]:
        """Steps for so long; the energy that they took where the device tells it."""
        from benchmarks.nvml import Gpus

        if self._gpus is None:
            is_gpu = self.backend.kind() == "gpu"
            self._gpus = Gpus(None if is_gpu else [])
        before = self._gpus.joules(self._replicas)
        found = self._stepper.repeat(seconds)
        after = self._gpus.joules(self._replicas)
        return {
            "step_seconds": found,
            "block": self._stepper.block,
            "joules": None if after is None else after - before,
            **self._memory(),
        }

    def _open(self, request: dict[str, Any]) -> Stepper:
        backend = self.backend
        from benchmarks.subjects import open_subject

        self._stepper = None  # the one before it frees its memory
        subject = open_subject(Request(**request), backend)
        self._shape, self._replicas = subject.image_shape, subject.replicas
        self._stepper = Stepper(subject.make, subject.cycle)
        return self._stepper

    def _memory(self) -> dict[str, int | None]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "peak_host_bytes": peak * (1 if sys.platform == "darwin" else 1024),
            "peak_device_bytes": self.backend.peak_bytes(),
        }

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What a message asks for, or why there is no answer."""
        command = getattr(self, message.pop("do"))
        try:
            return {"state": "done", **command(**message)}
        except Exception as error:
            return self._failure(error)

    def _failure(self, error: Exception) -> dict[str, Any]:
        from cai_keras.training.failures import one_line

        reason = one_line(error)
        if isinstance(error, MemoryError) or self.backend.is_out_of_memory(error):
            return {"state": "out_of_memory", "reason": reason}
        if not isinstance(error, CaiError):
            reason = f"{type(error).__name__}: {reason}"
        return {"state": "failed", "reason": reason}


def _prepare_tensorflow(backend: str) -> None:
    """Imports it; beside another backend it may not touch the GPUs."""
    if "tensorflow" in sys.modules:
        return
    import tensorflow as tf

    if backend != "tensorflow":
        tf.config.set_visible_devices([], "GPU")
        return
    count = int(os.environ.get(LOGICAL_CPUS_VARIABLE, 1))
    if count > 1:
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        device = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(device, parts)


def _use_cpus(count: int) -> None:
    """As many processors as this, which every framework then takes threads from."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, usable[:count])


def _messages(lines: TextIO) -> queue.Queue:
    """Messages as they come; the end of the input ends the process at once."""
    found: queue.Queue = queue.Queue()

    def read() -> None:
        for line in lines:
            found.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return found


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not stand between the answers
    if count := os.environ.get(CPUS_VARIABLE):
        _use_cpus(int(count))
    messages, worker = _messages(sys.stdin), Worker()
    while True:
        answers.write(json.dumps(worker.answer(messages.get())) + "\n")


if __name__ == "__main__":
    main()
