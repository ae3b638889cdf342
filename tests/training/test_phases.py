"""Phases of one run: what they share, what is done before and after each."""

import dataclasses
import os
import signal

import keras
import numpy as np
import pytest

from cai_keras.training import engine
from cai_keras.training.preparation import state_of


class Counted:
    """The tiny experiment in two phases of 8 steps with the same learner.

    Before a phase the critic's weights are set to the phase's number, after it they
    are kept in `kept`, a variable of the learner.
    """

    def __init__(self, tiny):
        self.tiny = tiny
        self.calls = []

    def build(self, recipe, seed):
        experiment = self.tiny.build(recipe, seed)
        (phase,) = experiment.phases
        learner = phase.learner
        learner.kept = keras.Variable(np.zeros(2), trainable=False, name="kept")
        phases = tuple(self._phase(phase, number) for number in (0, 1))
        self.experiment = dataclasses.replace(experiment, phases=phases)
        return self.experiment

    def _phase(self, phase, number):
        learner = phase.learner
        weights = learner.networks["critic"].weights

        def start():
            self.calls.append(f"start {number}")
            for weight in weights:
                weight.assign(keras.ops.full(weight.shape, float(number)))

        def finish():
            self.calls.append(f"finish {number}")
            kept = np.array(keras.ops.convert_to_numpy(learner.kept))
            kept[number] = float(weights[0][0, 0])
            learner.kept.assign(kept)

        return dataclasses.replace(phase, steps=8, start=start, finish=finish)

    @property
    def kept(self):
        return keras.ops.convert_to_numpy(self.experiment.phases[0].learner.kept)


@pytest.fixture
def run(tiny, paper, tmp_path):
    """Runs the two phases; returns them and the record."""

    def once(output="runs", stop_at=None, resume=False):
        def signal_once(done):
            if done == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)

        counted = Counted(tiny)
        request = tiny.request(paper, tmp_path / output, resume=resume)
        reporter = tiny.QuietReporter(signal_once)
        if stop_at is None:
            engine.run(request, counted.build, reporter)
        else:
            with pytest.raises(engine.InterruptedRunError):
                engine.run(request, counted.build, reporter)
        return counted

    return once


def test_a_phase_is_started_and_finished_once_and_in_order(run):
    whole = run()

    assert whole.calls == ["start 0", "finish 0", "start 1", "finish 1"]
    # The critic of either phase was kept, and they are not the same.
    assert (whole.kept != 0).all()
    assert whole.kept[0] != whole.kept[1]


@pytest.mark.parametrize(
    ("stop_at", "before", "after"),
    [
        (4, ["start 0"], ["finish 0", "start 1", "finish 1"]),
        (8, ["start 0", "finish 0"], ["start 1", "finish 1"]),
        (12, ["start 0", "finish 0", "start 1"], ["finish 1"]),
    ],
)
def test_a_resumed_run_starts_no_phase_twice(run, stop_at, before, after):
    whole = run("whole")

    stopped = run(stop_at=stop_at)
    resumed = run(resume=True)

    assert stopped.calls == before
    assert resumed.calls == after
    np.testing.assert_array_equal(resumed.kept, whole.kept)


def test_a_variable_of_two_phases_is_saved_once(run):
    state = state_of(run().experiment)

    assert len({id(variable) for variable in state.values()}) == len(state)
    assert all(name.startswith("0/") for name in state)
    assert sum("kept" in name for name in state) == 1
