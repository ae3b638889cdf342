"""What the machine is and does while it is measured, without any framework."""

import datetime
import os
import time
from collections.abc import Callable
from typing import Any

import psutil

from benchmarks.nvml import Gpus
from cai_keras.training.cpus import usable_cpus

# Others that take more of the processors than this make a measurement doubtful.
BUSY_PERCENT = 5.0


def describe_host(gpus: Gpus, library=psutil) -> dict[str, Any]:
    """Processors, memory, GPUs and their drivers, as they are now."""
    frequency = library.cpu_freq()
    memory = library.virtual_memory()
    return {
        "usable_cpus": usable_cpus(),
        "cpu_clock_mhz": frequency and frequency.current,
        # 0 where a virtual machine does not tell.
        "largest_cpu_clock_mhz": (frequency and frequency.max) or None,
        "cpu_temperature_celsius": _hottest(library),
        "load_averages": list(library.getloadavg()),
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "gpus": gpus.describe(),
        **gpus.driver(),
    }


class Watch:
    """What happens on the machine beside the measurement, from now to `end`.

    Args:
        gpus: asked for throttling whenever `look` is called.
        library: psutil, or what stands for it.
        clock: gives seconds.
        own: gives the processor seconds of this process and of its ended children.
    """

    def __init__(
        self,
        gpus: Gpus,
        library=psutil,
        clock: Callable[[], float] = time.perf_counter,
        own: Callable[[], float] = lambda: sum(os.times()[:4]),
    ):
        self._gpus, self._psutil, self._clock, self._own = gpus, library, clock, own
        self._throttling: dict[str, None] = {}
        self._began = datetime.datetime.now(datetime.UTC)
        self._begin = clock()
        self._used_before, self._own_before = _busy_seconds(library), own()

    def look(self) -> None:
        """Notes why GPUs are throttled at this moment."""
        self._throttling.update(dict.fromkeys(self._gpus.throttling()))

    def end(self) -> dict[str, Any]:
        """What was seen, all worker processes having ended.

        Returns:
            started: UTC; wall_seconds; others_percent: share of the machine's
            processors that were busy with something else; throttling: all reasons
            that were seen.
        """
        wall = self._clock() - self._begin
        used = _busy_seconds(self._psutil) - self._used_before
        others = used - (self._own() - self._own_before)
        available = wall * (self._psutil.cpu_count() or 1)
        share = others / available if available else 0.0
        return {
            "started": self._began.isoformat(timespec="seconds"),
            "wall_seconds": wall,
            "others_percent": 100 * min(1.0, max(0.0, share)),
            "throttling": list(self._throttling),
        }


def busy_percent(seconds: float = 1.0, library=psutil) -> float:
    """Share of all processors that are busy while this process sleeps."""
    return library.cpu_percent(interval=seconds)


def doubts(host: dict[str, Any], during: dict[str, Any]) -> list[str]:
    """Lines about what makes the numbers doubtful; none on a quiet machine."""
    lines = []
    if (others := during["others_percent"]) > BUSY_PERCENT:
        lines.append(
            f"WARNING: other processes took {others:.0f} % of the processors "
            "meanwhile; the numbers are too low"
        )
    if during["throttling"]:
        lines.append(f"WARNING: GPU throttled: {', '.join(during['throttling'])}")
    used = [gpu for gpu in host["gpus"] if (gpu["busy_percent"] or 0) > BUSY_PERCENT]
    if used:
        lines.append(f"WARNING: {len(used)} GPU was busy before anything was measured")
    return lines


def _busy_seconds(library) -> float:
    times = library.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Time of virtual machines inside is part of user time already, on Linux.
    inside = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - idle - inside


def _hottest(library) -> float | None:
    """The highest temperature that is told; None on most virtual machines."""
    sensors = getattr(library, "sensors_temperatures", dict)()
    found = [one.current for several in sensors.values() for one in several]
    return max(found, default=None)
