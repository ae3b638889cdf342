"""All of `cai bench machine`, `train` and `infer`: with fakes, and with workers."""

import subprocess
import sys
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from worker_answers import ANSWERS

from benchmarks import machine_bench, planning, suite
from benchmarks.configurations import read_request
from benchmarks.costs import Cost
from benchmarks.probing import check_installed, worker_environment
from benchmarks.rows import Ceilings, read_benchmark
from benchmarks.schedule import Settings
from benchmarks.worker_process import WorkerError
from cai_keras.errors import RunError, UsageError

SETTINGS = Settings(repeats=2, seconds=0.5, alive=2)
COST = Cost(100, 5000.0, 10.0, 0, 48, (4, 4, 3))
CEILINGS = Ceilings(
    backend="tensorflow", device="cpu", device_name="a CPU",
    matrix_flops_per_second={"float32": 1e6}, convolution_flops_per_second={},
    copy_bytes_per_second=1e6, launch_seconds=1e-6,
)  # fmt: skip


class FakeWorker:
    """Answers every command; `refuses` are those that it cannot do."""

    def __init__(self, backend, environment, log, refuses):
        self.backend, self.environment = backend, environment
        self.log, self.refuses = log, refuses

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.log.append(("close", self.backend))

    def resident_bytes(self):
        return 0

    def ask(self, command, timeout, memory_bytes=None, **arguments):
        self.log.append((command, self.backend))
        if command in self.refuses:
            raise WorkerError("failed", f"cannot {command}", is_alive=True)
        return {
            **ANSWERS,
            "ceilings": {"ceilings": CEILINGS.model_dump()},
            "networks": {"costs": {"generator": asdict(COST), "other": asdict(COST)}},
            "training_cost": {"cost": asdict(COST)},
        }[command]


@pytest.fixture
def machine(monkeypatch):
    """What starts fake workers; they are told of in `log`."""
    monkeypatch.setattr(suite.machine, "busy_percent", lambda: 0.0)
    made = SimpleNamespace(log=[], refuses=set(), environments=[])

    def start(backend, environment):
        made.environments.append(environment)
        return FakeWorker(backend, environment, made.log, made.refuses)

    made.start = start
    return made


def asked(kind="infer", slugs=("gan",), **changes):
    options = {
        "scale": "smoke", "variants": None, "networks": None, "batch": "8",
        "precisions": ["float32"], "xla": ["off"], "backends": ["tensorflow"],
        "strategy": "one", "data": "synthetic",
    }  # fmt: skip
    return read_request(kind, slugs, **{**options, **changes})


def test_every_network_is_a_row_of_a_file_that_can_be_read(machine, tmp_path, capsys):
    file = suite.run(asked(), SETTINGS, tmp_path, start=machine.start)

    assert read_benchmark(tmp_path / "infer.json") == file
    rows = {row.configuration.network: row for row in file.metrics}
    assert set(rows) == {"generator", "other"}
    # 8 examples in a quarter of a second.
    assert {row.samples_per_second for row in rows.values()} == {32.0}
    assert rows["other"].share_of_peak == 32 * 5000 / 1e6
    assert file.ceilings == (CEILINGS,)
    assert file.environ["backends"] == {"tensorflow": {"device": "cpu", "version": "1"}}
    assert file.environ["options"]["repeats"] == 2
    assert file.environ["during"]["wall_seconds"] > 0
    shown = capsys.readouterr()
    assert "gan/ring/generator" in shown.out
    assert f"written: {tmp_path / 'infer.json'}" in shown.out.replace("\n", "")
    assert "2 configurations, 2 repeats of 0.5 s" in shown.err


def test_counting_is_done_without_gpus_and_before_anything_is_measured(
    machine, tmp_path
):
    suite.run(asked("train"), SETTINGS, tmp_path, threads=1, start=machine.start)

    assert [command for command, _ in machine.log] == [
        "training_cost", "close", "hello", "ceilings", "close",
        "prepare", "repeat", "repeat", "close",
    ]  # fmt: skip
    counting, *measuring = machine.environments
    assert counting["CUDA_VISIBLE_DEVICES"] == "-1"
    assert all("CUDA_VISIBLE_DEVICES" not in one for one in measuring)
    assert all(one["CAI_BENCH_CPUS"] == "1" for one in machine.environments)


def test_what_cannot_be_counted_is_measured_all_the_same(machine, tmp_path):
    machine.refuses = {"training_cost"}
    (row,) = suite.run(asked("train"), SETTINGS, tmp_path, start=machine.start).metrics
    assert (row.state, row.samples_per_second) == ("done", 32.0)
    assert (row.sample_flops, row.share_of_peak) == (None, None)


def test_networks_that_cannot_be_built_are_one_row_with_the_reason(machine, tmp_path):
    machine.refuses = {"networks", "prepare"}
    with pytest.raises(RunError, match="nothing could be measured"):
        suite.run(asked(), SETTINGS, tmp_path, start=machine.start)
    (row,) = read_benchmark(tmp_path / "infer.json").metrics
    assert (row.state, row.reason) == ("failed", "cannot prepare")


def test_a_backend_that_does_not_work_ends_the_call(machine, tmp_path):
    machine.refuses = {"ceilings"}
    with pytest.raises(RunError, match="--backend tensorflow: cannot ceilings"):
        suite.run(asked(), SETTINGS, tmp_path, start=machine.start)
    assert not list(tmp_path.iterdir())


def test_named_networks_are_measured_and_unknown_ones_refused(machine, tmp_path):
    file = suite.run(asked(networks=["other"]), SETTINGS, tmp_path, start=machine.start)
    assert [row.configuration.network for row in file.metrics] == ["other"]
    with pytest.raises(UsageError, match="has no network 'othr'; did you mean 'other'"):
        suite.run(asked(networks=["othr"]), SETTINGS, tmp_path, start=machine.start)


def test_an_auto_batch_is_counted_with_a_plausible_one(machine):
    told = []
    planner = planning.Planner(
        asked("train", batch="auto"), machine.start, {}, 1.0, lambda line: None
    )
    ask = FakeWorker.ask

    def spy(self, command, timeout, **arguments):
        told.append(arguments["request"]["batch_size"])
        return ask(self, command, timeout, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeWorker, "ask", spy)
        (request,) = planner.requests()
    assert (request.batch_size, told) == (None, [32])
    assert planner.costs == {("gan", "ring", "all"): COST}


def test_a_file_in_the_way_is_refused_before_anything_is_measured(machine, tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(UsageError, match="there is a file of this name"):
        suite.run(asked(), SETTINGS, path, start=machine.start)
    assert not machine.log


def test_a_backend_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="--backend torch: not installed; pip install"):
        check_installed(["tensorflow", "torch"])


def test_a_workers_environment_says_threads_and_devices():
    assert worker_environment(None) == {}
    assert worker_environment(1, 2) == {
        "CAI_BENCH_CPUS": "1",
        "OMP_NUM_THREADS": "1",
        "CAI_BENCH_LOGICAL_CPUS": "2",
    }


def test_the_machine_is_described_and_its_ceilings_are_printed(
    machine, tmp_path, capsys
):
    path = tmp_path / "machine.json"
    file = machine_bench.run(
        ["tensorflow", "jax"], 0.1, None, path, start=machine.start
    )
    assert read_benchmark(path) == file
    assert (file.name, len(file.ceilings)) == ("machine", 2)
    output = capsys.readouterr().out
    assert "a CPU, " in output
    assert "matrix product, float32" in output
    with pytest.raises(UsageError, match="no folder"):
        machine_bench.run(["jax"], 0.1, None, tmp_path / "no" / "x.json")


@pytest.mark.parametrize(
    ("verb", "flops", "parameters"),
    [
        # 16 -> 8 -> 8 -> 2: 208 multiply-adds.
        (("infer", "--network", "generator"), 416, 226),
        # Discriminator's update: 208 and twice 88 forward, 88 for kernels and 72
        # between layers back. Generator's: 208 and 88 forward; 88 back to its
        # pictures, 208 for kernels and 80 between layers.
        pytest.param(("train",), 2752, 331, marks=pytest.mark.slow),
    ],
    ids=["infer", "train"],
)
def test_real_workers_measure(verb, flops, parameters, tmp_path):
    """The smoke benchmark of continuous integration."""
    options = (
        "gan", "--variant", "ring", "--scale", "smoke", "--repeats", "2",
        "--seconds", "0.05", "--batch", "4", "--output", str(tmp_path),
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "cai_keras", "bench", *verb, *options],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file = read_benchmark(tmp_path / f"{verb[0]}.json")
    (row,) = file.metrics
    assert (row.state, len(row.repeats)) == ("done", 2)
    assert (row.sample_flops, row.parameters) == (flops, parameters)
    assert row.samples_per_second > 0
    assert row.share_of_peak > 0
    assert row.peak_host_bytes > 10**8
    assert file.environ["machine"]["versions"]["tensorflow"]
