"""Turns, room for workers, and the search for a batch, with workers of arithmetic."""

import pytest

from benchmarks.configurations import Request
from benchmarks.costs import Cost
from benchmarks.result_rows import cost_of_json, make_row
from benchmarks.row_tables import noise_lines, row_cells
from benchmarks.rows import Ceilings
from benchmarks.schedule import Measured, Schedule, Settings
from benchmarks.worker_process import WorkerError

SETTINGS = Settings(repeats=3, seconds=1.0, alive=2, largest_batch=64)


def request(name, batch_size=8, **changes):
    fields = {
        "kind": "infer", "paper": "gan", "scale": "smoke", "variant": "ring",
        "network": name, "backend": "tensorflow", "precision": "float32",
        "xla": False, "batch_size": batch_size,
    }  # fmt: skip
    return Request(**{**fields, **changes})


class Machine:
    """Workers that fit or fail as told, and everything that they were told.

    Args:
        room: examples of all workers that are alive, which fit into memory.
        fails: network -> (command, state) at which its worker fails for good.
    """

    def __init__(self, room=10**6, fails=None):
        self.room, self.fails = room, fails or {}
        self.log, self.alive, self.most_alive = [], [], 0

    def start(self, asked):
        return FakeWorker(self, asked)

    def schedule(self, settings=SETTINGS, **options):
        self.lines = []
        return Schedule(self.start, settings, self.lines.append, **options)


class FakeWorker:
    def __init__(self, machine, asked):
        self.machine, self.network, self.size = machine, asked.network, 0

    def __enter__(self):
        self.machine.alive.append(self)
        self.machine.most_alive = max(self.machine.most_alive, len(self.machine.alive))
        return self

    def __exit__(self, *error):
        self.machine.alive.remove(self)

    def resident_bytes(self):
        return 100

    def ask(self, command, timeout, memory_bytes=None, **arguments):
        asked = arguments.get("request", {})
        self.size = asked.get("batch_size", self.size)
        self.machine.log.append((command, self.network, self.size, memory_bytes))
        fails = self.machine.fails.get(self.network)
        if fails and fails[0] == command:
            raise WorkerError(fails[1], "told to")
        if sum(worker.size for worker in self.machine.alive) > self.machine.room:
            raise WorkerError("out_of_memory", "no room")
        memory = {"peak_host_bytes": 1000 + self.size, "peak_device_bytes": None}
        if command == "repeat":
            return {"step_seconds": [0.5, 0.5], "block": 4, "joules": 2.0, **memory}
        return {
            "image_shape": [4, 4, 3], "replicas": 1, "first_step_seconds": 9.0,
            "warmup_steps": 5, "is_steady": True, **memory,
        }  # fmt: skip


def commands(machine, name):
    return [network for command, network, *_ in machine.log if command == name]


def test_workers_take_turns_in_an_order_that_is_reversed_every_other_round():
    machine = Machine()
    found = machine.schedule().run([request("a"), request("b"), request("c")])
    # Two are alive at a time: a and b, then c alone.
    assert "".join(commands(machine, "repeat")) == "abbaab" + "ccc"
    assert machine.most_alive == 2
    assert not machine.alive
    assert [(one.request.network, one.state) for one in found] == [
        ("a", "done"), ("b", "done"), ("c", "done"),
    ]  # fmt: skip
    assert found[0].repeats == [(0.5, 0.5)] * 3
    assert (found[0].steps, found[0].joules) == (24, [2.0] * 3)


def test_a_worker_that_dies_is_a_row_and_the_others_go_on():
    machine = Machine(fails={"a": ("repeat", "failed"), "c": ("prepare", "failed")})
    found = machine.schedule().run([request(name) for name in "abcd"])
    assert [(one.state, one.reason) for one in found] == [
        ("failed", "told to"), ("done", None), ("failed", "told to"), ("done", None),
    ]  # fmt: skip
    assert "".join(commands(machine, "repeat")) == "ab" + "bb" + "ddd"


def test_what_finds_no_room_beside_others_is_tried_again_alone():
    machine = Machine(room=12)
    found = machine.schedule().run([request("a"), request("b"), request("c", 2)])
    assert [one.state for one in found] == ["done"] * 3
    assert machine.most_alive == 2
    assert any("no room beside the others; again alone" in x for x in machine.lines)
    # b was prepared beside a, and again alone.
    assert "".join(commands(machine, "prepare")) == "abbc"


def test_what_does_not_even_fit_alone_is_out_of_memory():
    machine = Machine(room=4)
    first, second = machine.schedule().run([request("a"), request("b", 4)])
    assert (first.state, first.reason) == ("out_of_memory", "no room")
    assert second.state == "done"


def test_auto_finds_the_largest_batch_that_fits():
    machine = Machine(room=20)
    (one,) = machine.schedule().run([request("a", None)])
    # 8 and 16 fit, 32 and 24 do not, 20 does, 22 does not: 20 and 22 are within 2.
    tried = [size for command, _, size, _ in machine.log if command == "try_out"]
    assert tried == [8, 16, 32, 24, 20, 22]
    assert (one.state, one.request.batch_size) == ("done", 20)


def test_auto_ends_at_the_largest_batch_of_the_settings():
    machine = Machine()
    (one,) = machine.schedule().run([request("a", None)])
    assert one.request.batch_size == 64


def test_auto_backs_off_where_a_batch_does_not_fit_after_all():
    machine = Machine(room=20)
    schedule = machine.schedule()
    find = schedule._search

    def too_large(asked):
        find(asked)
        return 24, ""

    schedule._search = too_large
    (one,) = schedule.run([request("a", None)])
    # 24 * 7 / 8 = 21, and 18.
    assert (one.state, one.request.batch_size) == ("done", 18)
    assert any("does not fit after all; now batch 21" in x for x in machine.lines)


def test_auto_where_not_one_example_fits_is_a_row():
    (one,) = Machine(room=0).schedule().run([request("a", None)])
    assert (one.state, one.reason) == ("out_of_memory", "no room")


def test_auto_survives_workers_that_die_of_anything():
    machine = Machine(fails={"a": ("try_out", "failed")})
    (one, other) = machine.schedule().run([request("a", None), request("b")])
    assert (one.state, other.state) == ("out_of_memory", "done")


def test_a_worker_may_take_a_share_of_the_memory_that_is_free():
    machine = Machine()
    settings = Settings(repeats=2, memory_share=0.5)
    machine.schedule(settings, free_bytes=lambda: 1000.0).run([request("a")])
    # What it has already, and half of what is free.
    assert {limit for *_, limit in machine.log} == {600.0}


def test_results_are_kept_whenever_some_are_complete_and_the_machine_is_looked_at():
    kept, looks = [], []
    machine = Machine()
    schedule = machine.schedule(look=lambda: looks.append(1))
    schedule.run(
        [request(name) for name in "abc"],
        lambda found: kept.append([one.request.network for one in found]),
    )
    assert kept == [["a", "b"], ["a", "b", "c"]]
    assert len(looks) == 9


# Rows


CEILINGS = Ceilings(
    backend="tensorflow", device="cpu", device_name="a CPU",
    matrix_flops_per_second={"float32": 1e6}, convolution_flops_per_second={},
    copy_bytes_per_second=1e6, launch_seconds=1e-6,
)  # fmt: skip
COST = Cost(100, 5000.0, 10.0, 0, 48, (4, 4, 3))


def measured(**changes):
    (one,) = Machine().schedule().run([request("a")])
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def test_a_row_has_what_was_measured_and_what_it_costs():
    row = make_row(measured(), "cpu", COST, CEILINGS)
    assert row.configuration.model == "gan/ring/a"
    assert row.configuration.image_shape == (4, 4, 3)
    # 8 examples in half a second.
    assert (row.samples_per_second, row.noise) == (16.0, "quiet")
    assert (row.first_step_seconds, row.warmup_steps) == (9.0, 5)
    assert (row.peak_host_bytes, row.peak_device_bytes) == (1008, None)
    assert row.flops_per_second == 80_000.0
    assert row.share_of_peak == pytest.approx(0.08)
    assert row.bound == "compute"
    # 3 repeats of 2 joules; 24 steps of 8.
    assert row.joules_per_sample == pytest.approx(6 / 192)


def test_a_row_without_cost_or_energy_has_nulls():
    row = make_row(measured(joules=[None] * 3), "cpu", None, CEILINGS)
    assert row.samples_per_second == 16.0
    assert (row.sample_flops, row.share_of_peak, row.bound) == (None, None, None)
    assert row.joules_per_sample is None


def test_a_row_that_failed_has_its_reason_and_the_shape_that_was_counted():
    one = Measured(request("a"), "failed", "told to")
    row = make_row(one, "cpu", COST, CEILINGS)
    assert (row.state, row.reason) == ("failed", "told to")
    assert row.configuration.image_shape == (4, 4, 3)
    assert row.samples_per_second is None
    assert row_cells(row)["speed"] == "failed: told to"


def test_a_cost_comes_back_from_json():
    told = {**vars(COST), "image_shape": [4, 4, 3]}
    assert cost_of_json(told) == COST


def test_a_table_shows_speed_spread_and_share():
    cells = row_cells(make_row(measured(), "cpu", COST, CEILINGS))
    assert cells["how"] == "tensorflow cpu float32"
    assert (cells["speed"], cells["spread"], cells["noise"]) == ("16", "0.0 %", "quiet")
    assert cells["p50"] == "500.0 ms / 500.0 ms"
    assert (cells["share"], cells["bound"]) == ("8.0 %", "compute")


def test_noise_names_the_widest_row_and_warns():
    quiet = make_row(measured(), "cpu", COST, CEILINGS)
    noisy = make_row(measured(repeats=[(1.0,), (0.5,), (0.25,)]), "cpu", COST, CEILINGS)
    restless = noisy.model_copy(update={"is_steady": False})
    failed = make_row(Measured(request("b"), "failed", "x"), "cpu", None, None)
    (line,) = noise_lines([quiet, failed])
    assert line.startswith(
        "noise: largest spread 0.0 % (gan/ring/a tensorflow float32;"
    )
    # Speeds 8, 16 and 32: quartiles 12, 16 and 24.
    first, warning, more = noise_lines([quiet, restless])
    assert first.startswith("noise: largest spread 75.0 %")
    assert warning.startswith(
        "WARNING: noisy: gan/ring/a tensorflow float32: the machine is not quiet"
    )
    assert more.startswith(
        "WARNING: not steady after the warm-up: gan/ring/a tensorflow"
    )
    assert noise_lines([failed]) == []
