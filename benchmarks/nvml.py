"""What NVIDIA's driver tells of the GPUs: names, clocks, memory, throttling, energy.

Every function takes the library as an argument, so that tests can give a fake. A
driver that cannot answer a question, as on laptops and in slices of a GPU, leaves null.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pynvml

from cai_keras.cli.gpus import visible_gpus

# Bits of the driver's mask that mean "slower than it could be"; being idle, or held
# to clocks that somebody chose, is none of them.
THROTTLING = {
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x20: "temperature, by software",
    0x40: "temperature, by hardware",
    0x80: "power brake",
}
_CHOSEN = {0x2: "clocks set by an application"}


class Gpus:
    """The GPUs that this process may use, by the names of CUDA_VISIBLE_DEVICES.

    Args:
        names: numbers or UUIDs; those that are visible if None.
        library: pynvml, or what stands for it.
    """

    def __init__(
        self, names: list[str] | None = None, library: ModuleType | Any = pynvml
    ):
        self._nvml = library
        self._handles = []
        try:
            library.nvmlInit()
        except library.NVMLError:
            return  # no driver: no GPU
        for name in visible_gpus() if names is None else names:
            if (handle := self._handle(name)) is not None:
                self._handles.append(handle)

    def __len__(self) -> int:
        return len(self._handles)

    def describe(self) -> list[dict[str, Any]]:
        """One entry for each GPU, as it is now; what is not told is null."""
        return [self._describe(handle) for handle in self._handles]

    def driver(self) -> dict[str, str | None]:
        """Versions of the driver and of the CUDA that it supports."""
        if not self._handles:
            return {"driver": None, "cuda": None}
        cuda = self._ask("nvmlSystemGetCudaDriverVersion_v2")
        return {
            "driver": _text(self._ask("nvmlSystemGetDriverVersion")),
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        }

    def throttling(self) -> list[str]:
        """Why any of the GPUs runs slower than it could, now; empty if none does."""
        found = {}
        for handle in self._handles:
            mask = self._reasons(handle) or 0
            found.update({name: None for bit, name in THROTTLING.items() if mask & bit})
        return list(found)

    def joules(self, count: int | None = None) -> float | None:
        """Energy of the first `count` GPUs since the driver was loaded; all if None."""
        used = self._handles[:count]
        found = [self._ask("nvmlDeviceGetTotalEnergyConsumption", one) for one in used]
        if not found or None in found:
            return None
        return sum(found) / 1000  # told in millijoules

    def free_bytes(self) -> int | None:
        """The least free memory of all GPUs."""
        found = [self._ask("nvmlDeviceGetMemoryInfo", one) for one in self._handles]
        known = [memory.free for memory in found if memory is not None]
        return min(known) if known else None

    def _describe(self, handle) -> dict[str, Any]:
        ask, nvml = self._ask, self._nvml
        memory = ask("nvmlDeviceGetMemoryInfo", handle)
        use = ask("nvmlDeviceGetUtilizationRates", handle)
        mask = self._reasons(handle)
        reasons = {**THROTTLING, **_CHOSEN}
        sm, mem = nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM
        return {
            "name": _text(ask("nvmlDeviceGetName", handle)),
            "memory_bytes": memory and memory.total,
            "memory_used_bytes": memory and memory.used,
            "clock_mhz": ask("nvmlDeviceGetClockInfo", handle, sm),
            "largest_clock_mhz": ask("nvmlDeviceGetMaxClockInfo", handle, sm),
            "memory_clock_mhz": ask("nvmlDeviceGetClockInfo", handle, mem),
            "temperature_celsius": ask(
                "nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU
            ),
            "power_watts": _thousandth(ask("nvmlDeviceGetPowerUsage", handle)),
            "power_limit_watts": _thousandth(
                ask("nvmlDeviceGetEnforcedPowerLimit", handle)
            ),
            "busy_percent": use and use.gpu,
            "throttling": None
            if mask is None
            else [name for bit, name in reasons.items() if mask & bit],
        }

    def _reasons(self, handle) -> int | None:
        # The name of older drivers' headers; newer ones have both.
        return self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)

    def _handle(self, name: str):
        if name.isdecimal():
            return self._ask("nvmlDeviceGetHandleByIndex", int(name))
        return self._ask("nvmlDeviceGetHandleByUUID", name)

    def _ask(self, question: str, *arguments):
        """The driver's answer, or None where it has none."""
        function: Callable = getattr(self._nvml, question)
        try:
            return function(*arguments)
        except self._nvml.NVMLError:
            return None


def _text(value: str | bytes | None) -> str | None:
    """Older versions of the library give bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _thousandth(value: int | None) -> float | None:
    return None if value is None else value / 1000
