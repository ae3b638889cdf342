"""L-BFGS over a whole phase: the same points as SciPy's, and a run of the engine."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops
from scipy import optimize

from cai_keras.errors import UsageError
from cai_keras.training import engine
from cai_keras.training.lbfgs import Minimisation, WholePhaseLbfgs
from cai_keras.training.lbfgs_loop import LbfgsLoop
from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import make_optimizer
from cai_keras.training.settings import Lbfgs


def valley(x):
    """Rosenbrock's function; its minimum is 0 at (1, 1)."""
    return optimize.rosen(x), optimize.rosen_der(x)


def test_the_minimiser_asks_for_the_points_that_scipy_evaluates():
    evaluated = []

    def noted(x):
        evaluated.append(np.array(x))
        return valley(x)

    found = optimize.minimize(
        noted, [-1.2, 1.0], jac=True, method="L-BFGS-B",
        options={"maxcor": 7, "ftol": 0.0, "gtol": 0.0},
    )  # fmt: skip
    search = Minimisation(np.array([-1.2, 1.0]), memory=7)

    asked = []
    while (x := search.ask()) is not None:
        asked.append(x)
        search.tell(*valley(x))

    np.testing.assert_array_equal(asked, evaluated)
    np.testing.assert_array_equal(search.accepted, found.x)
    assert search.accepted == pytest.approx([1.0, 1.0])


def test_a_minimisation_can_be_left_before_its_end():
    search = Minimisation(np.zeros(2), memory=3)
    search.ask()

    search.close()  # returns: the thread has ended

    np.testing.assert_array_equal(search.accepted, [0.0, 0.0])


class Points(Learner):
    """Two weights that look for the targets of the batch, at different scales."""

    def updates(self):
        return [Update("points", ("points",), self.losses_of_points, {"far": 3.0})]

    def losses_of_points(self, batch):
        x = self.networks["points"](batch["one"])
        distance = ops.square(x - batch["target"])
        return {"near": distance[:, 0], "far": distance[:, 1]}


def make_learner(**optimizers):
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros")
    network = keras.Model(inputs, layer(inputs))
    optimizers = optimizers or {"points": WholePhaseLbfgs(5)}
    return Points({"points": network}, optimizers)


BATCH = {
    "one": np.ones((2, 1), "float32"),
    "target": np.array([[1.0, 10.0], [3.0, 20.0]], "float32"),
}


def weights_of(learner):
    return ops.convert_to_numpy(learner.networks["points"].weights[0]).ravel()


def test_a_phase_ends_at_the_minimum():
    learner = make_learner()
    learner.build_optimizers()
    loop = LbfgsLoop(learner, global_batch=2)

    first = loop.run(iter([BATCH]), 1)
    rest = loop.run(iter([]), 40)

    # From (0, 0): near is (1 + 9) / 2, far (100 + 400) / 2 and counts three times.
    assert first.losses == {
        "points/near": 5.0, "points/far": 250.0, "points/total": 755.0
    }  # fmt: skip
    # Means of the targets; what remains are the variances 1 and 25.
    assert weights_of(learner) == pytest.approx([2.0, 15.0], abs=1e-3)
    assert rest.steps == 40
    assert int(learner.steps) == 41
    last = loop.run(iter([]), 5)
    assert last.losses["points/far"] == pytest.approx(25.0)


def test_between_calls_the_weights_are_a_point_that_was_accepted():
    learner = make_learner()
    loop = LbfgsLoop(learner, global_batch=2)

    loop.run(iter([BATCH]), 1)

    np.testing.assert_array_equal(weights_of(learner), [0.0, 0.0])
    loop.close()


def test_a_loss_that_is_not_finite_ends_the_call():
    learner = make_learner()
    loop = LbfgsLoop(learner, global_batch=2)
    bad = {**BATCH, "target": np.full((2, 2), np.nan, "float32")}

    result = loop.run(iter([bad]), 9)

    assert (result.steps, result.broken) == (1, "points/far")
    loop.close()


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="this is JAX")
def test_all_of_this_holds_on_jax():
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", __file__],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert finished.returncode == 0, finished.stdout


def test_what_a_minimisation_does_not_have_is_refused():
    learner = make_learner()
    learner.accumulate = 2
    with pytest.raises(UsageError, match=r"goes without train\.accumulate"):
        LbfgsLoop(learner, 2)
    with pytest.raises(UsageError, match="only the engine can minimise"):
        make_learner().update_optimizers["points"].update_step(0, 0, 0)


def test_the_recipe_names_it_with_its_memory():
    optimizer = make_optimizer(Lbfgs(name="lbfgs", memory=20), total_steps=10)

    assert isinstance(optimizer, WholePhaseLbfgs)
    assert optimizer.memory == 20
    assert WholePhaseLbfgs.from_config(optimizer.get_config()).memory == 20


class TwoPhases:
    """The tiny paper's regressor, minimised in two phases of 8 evaluations."""

    def __init__(self, tiny):
        self.tiny = tiny

    def build(self, recipe, seed):
        experiment = self.tiny.build(recipe, seed)
        (phase,) = experiment.phases
        # Without dropout: a minimisation needs the same objective each time.
        networks = {"regressor": phase.learner.networks["regressor"]}
        self.learner = Regression(networks, {"regress": WholePhaseLbfgs(5)})
        phase = replace(phase, learner=self.learner, steps=8)
        return replace(experiment, phases=(phase, phase))

    def weights(self):
        network = self.learner.networks["regressor"]
        return np.concatenate(
            [ops.convert_to_numpy(weight).ravel() for weight in network.weights]
        )


class Regression(Learner):
    def updates(self):
        return [Update("regress", ("regressor",), self.losses_of_points)]

    def losses_of_points(self, batch):
        found = self.networks["regressor"](batch["x"], training=False)[:, 0]
        return {"error": ops.square(found - batch["y"])}


@pytest.fixture
def run(tiny, paper, tmp_path):
    """Runs the two phases; returns them, and what was shown."""

    def once(output="runs", stop_at=None, resume=False):
        shown = []

        def note(done):
            shown.append(done)
            if done == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)

        phases = TwoPhases(tiny)
        request = tiny.request(paper, tmp_path / output, resume=resume)
        reporter = tiny.QuietReporter(note)
        if stop_at is None:
            engine.run(request, phases.build, reporter)
        else:
            with pytest.raises(engine.InterruptedRunError):
                engine.run(request, phases.build, reporter)
        return phases, shown

    return once


@pytest.mark.parametrize(("stop_at", "again"), [(4, 0), (8, 8), (12, 8)])
def test_a_stopped_run_begins_its_phase_again_and_ends_at_the_same_weights(
    run, stop_at, again
):
    whole, _ = run("whole")

    run(stop_at=stop_at)
    resumed, shown = run(resume=True)

    assert shown[0] > again
    assert shown[0] - again <= 3  # steps_per_call
    np.testing.assert_array_equal(resumed.weights(), whole.weights())
