"""When a call of the loop ends, what the clock says, and when a profile is taken."""

import itertools
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.step_batches import StepBatches
from cai_keras.training import training_loop
from cai_keras.training.loop_result import CallResult
from cai_keras.training.settings import TrainSettings
from cai_keras.training.training_loop import (
    Clock,
    PhaseLoop,
    Profiler,
    steps_until_event,
)


def settings(steps_per_call, log_every, evaluate_every, checkpoint_every):
    return TrainSettings(
        steps=100,
        steps_factor=1.0,
        steps_per_call=steps_per_call,
        optimizers={},
        precision="float32",
        deterministic=True,
        log_every=log_every,
        evaluate_every=evaluate_every,
        checkpoint_every=checkpoint_every,
        keep_checkpoints=1,
    )


# Events


@pytest.mark.parametrize(
    ("done", "steps"),
    [
        (0, 4),  # the first log line
        (4, 4),
        (8, 2),  # validation at 10
        (10, 2),  # the log line of 12
        (14, 1),  # a checkpoint at 15
        (21, 2),  # the phase ends at 23
    ],
)
def test_a_call_ends_where_the_next_thing_is_due(done, steps):
    train = settings(6, log_every=4, evaluate_every=10, checkpoint_every=15)

    assert steps_until_event(done, 23, train) == steps


def test_without_events_a_call_is_as_long_as_the_recipe_says():
    train = settings(6, log_every=100, evaluate_every=0, checkpoint_every=0)

    assert steps_until_event(0, 50, train) == 6


def test_a_call_ends_at_the_stops_that_are_still_to_come():
    train = settings(50, log_every=100, evaluate_every=0, checkpoint_every=0)

    found = [steps_until_event(done, 50, train, stops=(5, 9)) for done in (0, 5, 7, 9)]

    assert found == [5, 4, 2, 41]


PERIODS = (0, 1, 2, 3, 7)


@pytest.mark.parametrize("steps_per_call", [1, 2, 5, 100])
def test_no_call_is_empty_or_passes_an_event(steps_per_call):
    # All settings of three periods, at every step of a phase of 24.
    for log, *others in itertools.product(PERIODS[1:], PERIODS, PERIODS):
        train = settings(steps_per_call, log, *others)
        due = {step for n in (log, *others) if n for step in range(n, 24, n)}
        due |= {11, 13, 24}
        for done in range(24):
            steps = steps_until_event(done, 24, train, stops=(11, 13))
            inside = set(range(done + 1, done + steps))
            assert 1 <= steps <= steps_per_call
            assert not inside & due
            # Nor is it shorter than it must be.
            assert steps == steps_per_call or done + steps in due


# The clock


def result(wait):
    return CallResult(steps=2, losses={}, broken=None, wait_seconds=wait)


def test_a_clock_without_a_warm_call_has_no_rates():
    clock = Clock()

    clock.add(result(wait=3.0), seconds=5.0, examples=8, warm=False)

    assert clock.train_seconds == 5.0
    assert clock.examples_per_second is None
    assert clock.wait_share is None


def test_rates_leave_the_first_call_out():
    clock = Clock(train_seconds=100.0)  # of an earlier session

    clock.add(result(wait=4.0), seconds=5.0, examples=8, warm=False)
    clock.add(result(wait=0.5), seconds=1.0, examples=8, warm=True)
    clock.add(result(wait=0.25), seconds=2.0, examples=4, warm=True)

    assert clock.train_seconds == 108.0
    assert clock.examples_per_second == 4.0  # 12 examples in 3 seconds
    assert clock.wait_share == 0.25  # 0.75 of 3 seconds


@pytest.mark.parametrize(("wait", "share"), [(0.0, 0.0), (2.0, 1.0), (2.5, 1.0)])
def test_the_share_of_waiting_stays_within_0_and_1(wait, share):
    # Two clocks measure: the wait can come out longer than the call.
    clock = Clock()

    clock.add(result(wait), seconds=2.0, examples=8, warm=True)

    assert clock.wait_share == share


# A run


LOCK = threading.Lock()


def pause(seconds):
    """A float32 zero that takes some time, one caller after the other."""

    def wait():
        with LOCK:
            time.sleep(seconds)
        return np.float32(0)

    return tf.ensure_shape(tf.numpy_function(wait, [], tf.float32), [])


def zeros(step, rows):
    return {"x": tf.zeros([len(rows), 4]), "y": tf.zeros([len(rows)])}


def slow_data(experiment):
    """20 ms for each batch, against a step of well below 1 ms."""

    def make(step, rows):
        nothing = pause(0.02)
        return {name: value + nothing for name, value in zeros(step, rows).items()}

    (phase,) = experiment.phases
    phase = replace(phase, batches=StepBatches(make, batch_size=4))
    return replace(experiment, phases=(phase,))


def slow_steps(experiment):
    """Zeros are there at once, and each step takes 20 ms."""
    (phase,) = experiment.phases
    plain = phase.learner.regression_losses

    def regression_losses(batch):
        return {"error": plain(batch)["error"] + pause(0.02)}

    phase.learner.regression_losses = regression_losses
    phase = replace(phase, batches=StepBatches(zeros, batch_size=4))
    return replace(experiment, phases=(phase,))


def run_of_16_steps(tiny, paper, tmp_path, change):
    session = tiny.Session(paper, tmp_path / "runs", change)
    return session.run("train.steps_per_call=4", "train.log_every=4"), session.folder


def test_a_slow_pipeline_shows_as_waiting_in_the_record_and_the_log(
    tiny, paper, tmp_path
):
    record, folder = run_of_16_steps(tiny, paper, tmp_path, slow_data)

    assert 0.5 < record.input_wait_share <= 1.0
    percent = f"{100 * record.input_wait_share:.1f}"
    line = f" waited for data {percent} % of the training time\n"
    assert line in folder.log_path.read_text()


def test_a_fast_pipeline_does_not(tiny, paper, tmp_path):
    record, _ = run_of_16_steps(tiny, paper, tmp_path, slow_steps)

    assert 0.0 <= record.input_wait_share < 0.5


def test_the_loop_counts_its_examples_and_leaves_the_first_call_out(tiny, paper):
    recipe = paper.recipe("paper", "narrow")
    (phase,) = tiny.build(recipe, 0).phases
    phase.learner.build_optimizers()
    strategy = tf.distribute.get_strategy()
    loop, clock = PhaseLoop(phase, 0, recipe.train, strategy), Clock()

    for _ in range(3):
        loop.run(4, clock)

    assert clock.steady_examples == 2 * 4 * 4  # two of three calls of four steps
    assert 0 < clock.steady_seconds < clock.train_seconds


# Profiles


@pytest.fixture
def calls(monkeypatch):
    """What a profiler is told, in place of TensorFlow's own."""
    calls = []
    monkeypatch.setattr(
        training_loop, "_start_profile", lambda folder: calls.append(("start", folder))
    )
    monkeypatch.setattr(training_loop, "_stop_profile", lambda: calls.append("stop"))
    return calls


def profile(folder, window, steps):
    """What stands in `calls` after a run that asks at these steps."""
    profiler = Profiler(folder, window)
    for done in steps:
        profiler.at(done)
    profiler.close()
    return profiler


def test_a_profile_starts_and_stops_at_its_steps(tmp_path, calls):
    profiler = Profiler(tmp_path, (2, 4))
    assert profiler.stops == (2, 4)

    seen = {}
    for done in range(6):
        profiler.at(done)
        seen[done] = len(calls)

    assert calls == [("start", str(tmp_path)), "stop"]
    assert seen == {0: 0, 1: 0, 2: 1, 3: 1, 4: 2, 5: 2}


def test_without_a_window_nothing_is_profiled(tmp_path, calls):
    profiler = profile(tmp_path, None, range(6))

    assert calls == []
    assert profiler.stops == ()


def test_a_run_that_ends_in_the_window_stops_the_profile_once(tmp_path, calls):
    profiler = profile(tmp_path, (2, 9), range(4))
    profiler.close()

    assert calls == [("start", str(tmp_path)), "stop"]


def test_a_resumed_run_profiles_what_is_left_of_the_window(tmp_path, calls):
    profile(tmp_path, (2, 9), [7, 8, 9])

    assert calls == [("start", str(tmp_path)), "stop"]


def test_a_run_that_resumes_after_the_window_profiles_nothing(tmp_path, calls):
    profile(tmp_path, (2, 4), [4, 6, 8])

    assert calls == []


def test_a_profile_that_cannot_be_written_is_one_line(tmp_path, calls, monkeypatch):
    def fail():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training_loop, "_stop_profile", fail)
    profiler = Profiler(tmp_path, (0, 4))
    profiler.at(0)

    with pytest.raises(training_loop.WriteError, match="cannot be written"):
        profiler.close()
    # The profile is over: a second attempt would hide the first one's reason.
    profiler.close()


def test_abandoning_a_profile_hides_no_other_error(tmp_path, calls, monkeypatch):
    def fail():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training_loop, "_stop_profile", fail)
    profiler = Profiler(tmp_path, (0, 4))
    profiler.at(0)

    profiler.abandon()
