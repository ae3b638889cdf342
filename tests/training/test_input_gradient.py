"""The gradient with respect to the input, by hand, on every backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import backend_run
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from lines import Quadratic, batch_of, floats, line, sgd, weight_of

from cai_keras.training.input_gradient import (
    input_gradients,
    value_and_input_gradient,
)
from cai_keras.training.updates import apply_updates

SCRIPT = Path(__file__).with_name("backend_run.py")


def gradients_on(backend, folder):
    """What `backend_run.gradients` finds on a backend."""
    if backend == "tensorflow":
        return backend_run.gradients()
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = folder / f"{backend}.npz"
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "gradients", str(path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return np.load(path)


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def found(request, tmp_path_factory):
    """Slopes and derivatives by name, on each backend in its turn."""
    return gradients_on(request.param, tmp_path_factory.mktemp("gradients"))


def test_every_example_has_its_own_gradient(found):
    # x^3 has the slope 3 x^2, at (1, 2) and (3, -1).
    np.testing.assert_allclose(found["cubes"], [[3, 12], [27, 3]], rtol=1e-6)


def test_outputs_of_any_shape_are_summed(found):
    # Outputs x^2 and 5 x: 2 x + 5.
    np.testing.assert_allclose(found["two_outputs"], [[7, 9], [11, 3]], rtol=1e-6)


def test_slopes_have_the_type_of_the_inputs(found):
    assert found["float16"].dtype == np.float16
    np.testing.assert_array_equal(found["float16"], [[2, 4], [6, -2]])


def test_a_penalty_on_the_norm_of_the_slope_has_a_gradient(found):
    # D(x) = w x with w = (3, 4): slope w, norm 5, penalty (5 - 1)^2. Its derivative
    # 2 (5 - 1) w / 5 = (4.8, 6.4).
    np.testing.assert_allclose(found["norm_penalty"], [4.8, 6.4], rtol=1e-5)


def test_the_gradient_of_a_penalty_goes_through_the_second_derivative(found):
    # D(x) = w x^3 at x = 2, w = 0.5: slope 3 w x^2 = 6, penalty (6 - 1)^2; derivative
    # 2 (6 - 1) 3 x^2 = 120.
    np.testing.assert_allclose(found["cubic_penalty"], 120.0, rtol=1e-5)


def test_a_gradient_goes_on_through_the_inputs(found):
    # x = w z with z = 2: slope 3 (w z)^2 of x^3; derivative 6 w z^2 = 72 at w = 3.
    np.testing.assert_allclose(found["through"], 72.0, rtol=1e-5)


def test_arrays_will_do_as_inputs():
    slopes = input_gradients(lambda x: x**2, np.array([[3.0]], "float32"))
    np.testing.assert_array_equal(slopes, [[6.0]])


@pytest.mark.parametrize("compiled", [False, True])
def test_a_value_comes_with_the_gradient_of_what_is_differentiated(compiled):
    # The sum of x^3 has the slopes 3 x^2; what is told beside it has no part in them.
    def cubes(x):
        return ops.sum(x**3), {"largest": ops.max(x), "twice": 2 * x}

    def evaluate(x):
        return value_and_input_gradient(cubes, x)

    evaluate = tf.function(evaluate, autograph=False) if compiled else evaluate
    told, slopes = evaluate(np.array([[1.0, 2.0], [-3.0, 0.5]], "float32"))

    np.testing.assert_allclose(slopes, [[3, 12], [27, 0.75]])
    assert float(told["largest"]) == 2.0
    np.testing.assert_array_equal(told["twice"], [[2, 4], [-6, 1]])


class Penalised(Quadratic):
    """Only the penalty (slope - 1)^2 of y = w x."""

    def squares(self, batch):
        network = self.networks["line"]
        slopes = input_gradients(lambda x: network(x, training=True), batch["x"])
        return {"penalty": ops.square(slopes[:, 0] - 1.0)}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_penalty_on_slopes_moves_the_weights(compiled, accumulate):
    network = line(3.0)
    learner = Penalised({"line": network}, {"fit": sgd(0.25)})
    learner.accumulate = accumulate
    learner.build_optimizers()

    def step(x):
        return apply_updates(learner, {"x": x})

    step = tf.function(step, autograph=False) if compiled else step
    metrics = step(tf.constant(batch_of(5, 7)["x"]))

    # Slope 3 at every x: penalty 4, its derivative 2 (3 - 1) = 4; 3 - 0.25 * 4.
    assert floats(metrics)["fit/penalty"] == 4.0
    assert weight_of(network) == 2.0
