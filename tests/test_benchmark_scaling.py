"""`cai bench scale`: which points there are, and what their seconds come to."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import keras
import pytest

from benchmarks import scaling
from benchmarks.scaling import Asked, Point
from cai_keras.errors import RunError, UsageError

BASE = Point("base", 1, 1, 64, "logical")
STRONG = Point("strong", 2, 1, 64, "logical")
WEAK = Point("weak", 2, 1, 128, "logical")


def test_points_of_devices_and_workers_in_both_modes():
    found = scaling.plan(Asked(replicas=(1, 2, 4), workers=(1, 2)), batch=64)

    assert [(p.mode, p.replicas, p.workers, p.batch_size) for p in found] == [
        ("base", 1, 1, 64),
        ("strong", 2, 1, 64), ("strong", 4, 1, 64), ("strong", 2, 2, 64),
        ("weak", 2, 1, 128), ("weak", 4, 1, 256), ("weak", 2, 2, 128),
    ]  # fmt: skip
    assert [p.strategy for p in found[:4]] == [
        "one", "mirrored", "mirrored", "multiworker"
    ]  # fmt: skip
    assert [p.logical_cpus for p in found[:4]] == [1, 2, 4, 1]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(replicas=(0,)), "--replicas 0: expected 1 or more"),
        (Asked(workers=(-1,)), "--workers -1: expected 1 or more"),
        (Asked(modes=("strog",)), "--mode: unknown name 'strog'"),
        (Asked(replicas=(3,)), "3 replicas cannot share a batch of 64 equally"),
    ],
)
def test_numbers_and_names_that_do_not_fit_are_wrong_usage(asked, message):
    with pytest.raises(UsageError, match=message):
        scaling.plan(asked, batch=64)


def test_a_batch_that_grows_need_not_be_divisible():
    found = scaling.plan(Asked(replicas=(3,), modes=("weak",)), batch=64)

    assert found[-1].batch_size == 192


def test_strong_efficiency_is_the_speed_up_over_the_replicas():
    # 1 s alone, 0.625 s with two: 1.6 times as fast, 0.8 of two.
    found = scaling.efficiency(STRONG, [0.625] * 3, [1.0] * 3)

    assert found["efficiency"] == pytest.approx(0.8)
    assert found["efficiency_95"] == pytest.approx([0.8, 0.8])


def test_weak_efficiency_is_the_time_of_one_over_that_of_all():
    # Twice the examples in 1.25 times the time.
    found = scaling.efficiency(WEAK, [1.25] * 3, [1.0] * 3)

    assert found["efficiency"] == pytest.approx(0.8)


def test_an_efficiency_has_an_interval_from_the_repeats():
    found = scaling.efficiency(WEAK, [1.0, 1.25, 2.0], [1.0, 1.0, 0.5])

    low, high = found["efficiency_95"]
    # No median is outside of the repeats: 0.5 / 2 to 1 / 1.
    assert 0.25 <= low <= found["efficiency"] <= high <= 1.0


def test_communication_is_what_the_all_reduce_adds():
    # Pairs: 1 - 0.8 / 1, 1 - 0.9 / 1.2, 1 - 0.6 / 1: 0.2, 0.25, 0.4.
    found = scaling.communication([1.0, 1.2, 1.0], [0.8, 0.9, 0.6])

    assert found["communication_share"] == pytest.approx(0.25)
    low, high = found["communication_share_95"]
    assert low == pytest.approx(0.2)
    assert high == pytest.approx(0.4)


def test_communication_that_is_less_than_noise_may_be_negative():
    found = scaling.communication([1.0, 1.0], [1.02, 1.02])

    assert found["communication_share"] == pytest.approx(-0.02)


def answer_of(seconds, without=None):
    found = {"environ": {"cpu": "x"}, "step_seconds": seconds}
    return found if without is None else {**found, "without_seconds": without}


def test_rows_have_rates_efficiencies_and_shares():
    rows = scaling.rows_of(
        {
            BASE: answer_of([0.5, 0.5]),
            STRONG: answer_of([0.25, 0.25], [0.2, 0.2]),
            WEAK: {"reason": "out of memory"},
        }
    )

    base, strong, weak = rows
    assert base["samples_per_second"] == pytest.approx(128)
    assert base["efficiency"] is None
    assert strong["samples_per_second"] == pytest.approx(256)
    assert strong["efficiency"] == pytest.approx(1.0)
    assert strong["communication_share"] == pytest.approx(0.2)
    assert (weak["reason"], weak["efficiency"]) == ("out of memory", None)
    assert scaling.cells(strong)["communication"] == "20.0 % [20.0, 20.0]"
    assert scaling.cells(strong)["replicas"] == "2 logical CPUs"
    assert scaling.cells(weak)["step"] == "out of memory"


def test_without_a_base_there_is_no_efficiency():
    base, strong = scaling.rows_of(
        {BASE: {"reason": "killed"}, STRONG: answer_of([0.25, 0.25], [0.2, 0.2])}
    )

    assert base["reason"] == "killed"
    assert strong["efficiency"] is None
    assert strong["samples_per_second"] == pytest.approx(256)


def test_rounds_reverse_the_order_and_are_joined():
    asked, order = Asked(rounds=2), []

    def ask(request, point):
        order.append(point.mode)
        return answer_of([float(len(order))], [0.5])

    found = scaling.measure([BASE, WEAK], asked, ask)
    assert order == ["base", "weak", "weak", "base"]
    assert found[BASE]["step_seconds"] == [1.0, 4.0]
    assert found[WEAK]["step_seconds"] == [2.0, 3.0]


def test_a_point_that_failed_is_not_tried_again():
    order = []

    def ask(request, point):
        order.append(point.mode)
        return {"reason": "killed"} if point is WEAK else answer_of([1.0])

    found = scaling.measure([BASE, WEAK], Asked(rounds=3), ask)
    assert order.count("weak") == 1
    assert found[WEAK] == {"reason": "killed"}


def test_more_gpus_than_there_are_is_a_row_with_the_reason():
    point = Point("weak", 4, 1, 256, "real")

    found = scaling.ask_point({}, point, gpus=lambda: ["0", "1"])
    assert found == {"reason": "this machine has 2 GPUs"}


def test_a_process_sees_the_gpus_of_its_replicas_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(scaling, "call", lambda module, request: seen.append(request))
    gpus = ["3", "5", "6"]
    scaling.ask_point({}, Point("weak", 2, 1, 8, "real"), lambda: gpus)
    scaling.ask_point({}, Point("weak", 2, 1, 8, "logical"), lambda: gpus)

    assert [request["visible_gpus"] for request in seen] == ["3,5", "-1"]


def test_workers_form_a_group_and_its_failure_is_the_reason(monkeypatch):
    started = []

    def group(arguments, count, command):
        started.append((count, command[-1]))
        return nullcontext(SimpleNamespace(wait=lambda: "worker 1 ended with signal 9"))

    monkeypatch.setattr(scaling, "WorkerGroup", group)
    found = scaling.ask_point({}, Point("weak", 2, 2, 8, "logical"))

    assert found == {"reason": "worker 1 ended with signal 9"}
    assert started == [(2, "benchmarks.scaling_worker")]


def test_the_output_says_that_replicas_share_the_processors(capsys, tmp_path):
    path = tmp_path / "scale.json"
    asked = Asked(slug="siamese_one_shot", modes=("weak",), rounds=1)
    scaling.run(asked, path, lambda *_: answer_of([0.5, 0.5], [0.4, 0.4]))

    output = capsys.readouterr().out
    assert "2 replicas share the" in output
    assert "what distributing costs, not what more devices would gain" in output
    result = json.loads(path.read_text())
    assert (result["name"], result["variant"]) == ("scale", "conv")
    assert [row["mode"] for row in result["metrics"]] == ["base", "weak"]


def test_gpus_are_not_said_to_share_anything():
    points = [Point("base", 1, 1, 8, "real"), Point("weak", 2, 1, 16, "real")]

    assert scaling.sharing_lines(points, cpus=8) == []


def test_a_base_that_failed_is_an_error_after_the_table(capsys):
    with pytest.raises(RunError, match="one replica: killed"):
        scaling.run(Asked(rounds=1), ask=lambda *_: {"reason": "killed"})
    assert "killed" in capsys.readouterr().out


def test_a_paper_without_training_is_wrong_usage():
    with pytest.raises(UsageError, match="nothing is trained at the scale small"):
        scaling.find_recipe(Asked(slug="siamese_one_shot", variant="pixels"))


# The worker.

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the strategies are TensorFlow's"
)


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def steps_of(self, seconds):
        def call(steps):
            self.now += seconds * steps

        return call


@tensorflow_only
def test_steps_are_timed_in_turns_and_as_many_as_fill_a_repeat():
    from benchmarks import scaling_worker
    from cai_keras.training.distribution import make_strategy

    clock = FakeClock()
    calls = {"step": clock.steps_of(0.3), "without": clock.steps_of(0.1)}
    found = scaling_worker.time_steps(calls, 4, make_strategy("one"), 5.0, 3, clock)

    # A step takes 0.2 s on average: 25 of them in 5 s, 24 in cycles of 4.
    assert found["steps"] == 24
    assert found["step_seconds"] == pytest.approx([0.3] * 3)
    assert found["without_seconds"] == pytest.approx([0.1] * 3)


@tensorflow_only
def test_without_the_all_reduce_a_step_keeps_its_own_gradients():
    from benchmarks import scaling_worker
    from cai_keras.layers.batch_normalization import BatchNormalization
    from cai_keras.training import tensorflow_step

    layer = BatchNormalization(0.9, 1e-3, synchronized=True)
    network = keras.Sequential([keras.Input((2,)), layer])
    experiment = SimpleNamespace(networks=lambda: {"network": network})
    original = tensorflow_step.sum_over_replicas
    with scaling_worker.without_all_reduce(experiment):
        assert tensorflow_step.sum_over_replicas([1.0, None]) == [1.0, None]
        assert tensorflow_step.sum_over_replicas is not original
        assert not layer.synchronized
    assert tensorflow_step.sum_over_replicas is original
    assert layer.synchronized


@tensorflow_only
def test_a_cached_batch_gives_any_rows_of_the_first_one():
    import tensorflow as tf

    from benchmarks.cached_batches import CachedBatches

    def batches(first_step):
        return tf.data.Dataset.range(first_step, 100).map(
            lambda step: {"x": 10 * step + tf.range(4, dtype=tf.int64)}
        )

    cached = CachedBatches(batches)
    iterator = iter(cached(7, range(1, 3)))
    found = [next(iterator)["x"].numpy().tolist() for _ in range(2)]
    assert found == [[1, 2], [1, 2]]
    assert next(iter(cached()))["x"].numpy().tolist() == [0, 1, 2, 3]


@pytest.mark.slow
@tensorflow_only
def test_two_logical_devices_and_two_workers_are_measured(capsys):
    asked = Asked(
        slug="gan", variant="ring", scale="smoke", modes=("weak",), workers=(2,),
        seconds=0.1, repeats=2, rounds=1,
    )  # fmt: skip
    rows = scaling.run(asked)["metrics"]

    assert [row["reason"] for row in rows] == [None] * 3
    assert [row["batch_size"] for row in rows] == [8, 16, 16]
    assert all(row["efficiency"] > 0 for row in rows[1:])
    assert all(row["communication_share"] < 1 for row in rows[1:])
