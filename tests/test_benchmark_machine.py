"""What the driver and the system tell, against fakes of both."""
# ruff: noqa: N802  the driver's library has names like these

from collections import namedtuple
from types import SimpleNamespace

import pytest

from benchmarks import machine
from benchmarks.nvml import Gpus


class FakeError(Exception):
    pass


class FakeNvml:
    """Two GPUs; the second one cannot tell its energy."""

    NVMLError = FakeError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, reasons=0):
        self.reasons, self.millijoules = reasons, 5000

    def nvmlInit(self): ...

    def nvmlDeviceGetHandleByIndex(self, index):
        if index > 1:
            raise FakeError
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return {"GPU-a": 0}[uuid]

    def nvmlSystemGetDriverVersion(self):
        return b"570.1"

    def nvmlSystemGetCudaDriverVersion_v2(self):
        return 12080

    def nvmlDeviceGetName(self, handle):
        return f"GPU {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(total=100, used=20 + handle, free=80 - handle)

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=7)

    def nvmlDeviceGetClockInfo(self, handle, which):
        return {1: 1500, 2: 2000}[which]

    def nvmlDeviceGetMaxClockInfo(self, handle, which):
        return 1980

    def nvmlDeviceGetTemperature(self, handle, which):
        return 60

    def nvmlDeviceGetPowerUsage(self, handle):
        return 350_500

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        raise FakeError

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        return self.reasons if handle else 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if handle:
            raise FakeError
        return self.millijoules


class NoDriver(FakeNvml):
    def nvmlInit(self):
        raise FakeError


class FakePsutil:
    """Two processors, one of them busy for 3 s of each 4."""

    Error = FakeError

    def __init__(self):
        self.seconds = 0.0

    def cpu_freq(self):
        return SimpleNamespace(current=2596.0, max=0.0)

    def virtual_memory(self):
        return SimpleNamespace(total=1000, available=600)

    def getloadavg(self):
        return (1.0, 2.0, 3.0)

    def cpu_count(self):
        return 2

    def cpu_times(self):
        fields = ("user", "system", "idle", "iowait")
        busy, idle = 0.75 * self.seconds, 1.25 * self.seconds
        return namedtuple("Times", fields)(busy / 2, busy / 2, idle - 1, 1.0)


def test_a_gpu_is_described_and_what_it_does_not_tell_is_null():
    gpus = Gpus(["0", "1"], FakeNvml(reasons=0x1 | 0x2 | 0x4))
    first, second = gpus.describe()
    assert first == {
        "name": "GPU 0",
        "memory_bytes": 100,
        "memory_used_bytes": 20,
        "clock_mhz": 1500,
        "largest_clock_mhz": 1980,
        "memory_clock_mhz": 2000,
        "temperature_celsius": 60,
        "power_watts": 350.5,
        "power_limit_watts": None,
        "busy_percent": 7,
        "throttling": [],
    }
    assert second["throttling"] == ["power limit", "clocks set by an application"]
    assert gpus.driver() == {"driver": "570.1", "cuda": "12.8"}
    assert gpus.free_bytes() == 79


def test_idle_and_chosen_clocks_are_no_throttling():
    assert Gpus(["0", "1"], FakeNvml(reasons=0x1 | 0x2)).throttling() == []
    found = Gpus(["1"], FakeNvml(reasons=0x4 | 0x40)).throttling()
    assert found == ["power limit", "temperature, by hardware"]


def test_energy_is_in_joules_of_the_gpus_that_take_part():
    gpus = Gpus(["0", "1"], FakeNvml())
    assert gpus.joules(1) == 5.0
    assert gpus.joules() is None  # the second one does not tell
    assert Gpus([], FakeNvml()).joules() is None


def test_gpus_go_by_the_names_of_cuda_visible_devices():
    assert len(Gpus(["GPU-a"], FakeNvml())) == 1
    assert len(Gpus(["0", "7"], FakeNvml())) == 1  # there is no eighth


def test_without_a_driver_there_is_no_gpu():
    gpus = Gpus(["0"], NoDriver())
    assert (len(gpus), gpus.describe(), gpus.throttling()) == (0, [], [])
    assert gpus.driver() == {"driver": None, "cuda": None}
    assert gpus.free_bytes() is None


def test_a_host_is_described_and_an_unknown_clock_is_null():
    found = machine.describe_host(Gpus(["0"], FakeNvml()), FakePsutil())
    assert (found["cpu_clock_mhz"], found["largest_cpu_clock_mhz"]) == (2596.0, None)
    assert found["cpu_temperature_celsius"] is None
    assert (found["memory_bytes"], found["memory_available_bytes"]) == (1000, 600)
    assert found["driver"] == "570.1"
    assert [gpu["name"] for gpu in found["gpus"]] == ["GPU 0"]


def test_the_hottest_sensor_counts():
    library = FakePsutil()
    sensor = SimpleNamespace
    library.sensors_temperatures = lambda: {
        "a": [sensor(current=40.0), sensor(current=71.0)],
        "b": [sensor(current=50.0)],
    }
    found = machine.describe_host(Gpus([], FakeNvml()), library)
    assert found["cpu_temperature_celsius"] == 71.0


def watched(own):
    """What a watch of 8 seconds saw, of which `own` were ours."""
    library = FakePsutil()
    nvml = FakeNvml()
    times = iter([0.0, own])
    watch = machine.Watch(
        Gpus(["1"], nvml), library, lambda: library.seconds, lambda: next(times)
    )
    watch.look()
    nvml.reasons = 0x40
    watch.look()
    nvml.reasons = 0
    library.seconds = 8.0
    return watch.end()


def test_a_watch_tells_what_others_took_and_why_gpus_were_throttled():
    # 6 s busy, 4 of them ours: 2 of 2 * 8 processor seconds.
    found = watched(own=4.0)
    assert found["others_percent"] == pytest.approx(12.5)
    assert found["wall_seconds"] == 8.0
    assert found["throttling"] == ["temperature, by hardware"]


def test_others_took_nothing_where_clocks_differ_a_little():
    assert watched(own=6.1)["others_percent"] == 0.0


def test_doubts_are_named():
    gpus = [{"busy_percent": 60}, {"busy_percent": None}]
    during = {"others_percent": 12.5, "throttling": ["power limit"]}
    others, throttled, busy = machine.doubts({"gpus": gpus}, during)
    assert "12 % of the processors" in others
    assert throttled == "WARNING: GPU throttled: power limit"
    assert busy.startswith("WARNING: 1 GPU was busy")
    quiet = {"others_percent": 1.0, "throttling": []}
    assert machine.doubts({"gpus": []}, quiet) == []
