"""Steps on the JAX backend by hand; test_jax.py runs pytest on this file.

KERAS_BACKEND=jax python -m pytest tests/training/jax_steps.py
"""

import jax
import keras
import numpy as np
import pytest
from keras import ops
from lines import (
    Chase,
    Quadratic,
    Slope,
    batch_of,
    line,
    quadratic,
    sgd,
    weight_of,
)

from cai_keras.errors import UsageError
from cai_keras.training.input_gradient import input_gradients
from cai_keras.training.jax_loop import JaxStepLoop
from cai_keras.training.jax_step import Trace
from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import UpdateRule
from cai_keras.training.settings import WeightDecay
from cai_keras.training.updates import apply_updates


def take(learner, *batches, **options):
    """The result of one step a batch, in one call of the loop."""
    learner.build_optimizers()
    return JaxStepLoop(learner, **options).run(iter(batches), len(batches))


def test_a_step_and_its_losses_in_the_order_of_the_learner():
    learner, network = quadratic(kernel_regularizer=keras.regularizers.L2(0.5))
    result = take(learner, batch_of(1, 3))
    # Mean of 4 and 36, 0.5 * 2^2, slope 20 + 2; see test_updates.py.
    expected = {"fit/square": 20.0, "fit/regularisation": 2.0, "fit/total": 22.0}
    assert list(result.losses.items()) == list(expected.items())
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 22, rtol=1e-6)
    assert int(learner.steps) == 1


@pytest.mark.parametrize("accumulate", [2, 3, 5])
def test_micro_batches_take_the_step_of_the_whole_batch(accumulate):
    learner, network = quadratic(kernel_regularizer=keras.regularizers.L2(0.5))
    learner.accumulate = accumulate
    result = take(learner, batch_of(1, 2, 3, 4, 5))
    # As in test_micro_batches.py: mean 44, penalty 2, slope 46.
    expected = {"fit/square": 44.0, "fit/regularisation": 2.0, "fit/total": 46.0}
    assert result.losses == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 46, rtol=1e-6)


def test_micro_batches_are_kept_apart_by_barriers():
    learner, _ = quadratic()
    learner.accumulate = 3
    learner.build_optimizers()
    variables = list(learner.state().values())

    def step(values, x):
        with Trace(variables, values):
            return apply_updates(learner, {"x": x})

    values = [variable.value for variable in variables]
    jaxpr = str(jax.make_jaxpr(step)(values, np.ones((6, 1), "float32")))

    assert jaxpr.count("optimization_barrier") == 3


def test_too_many_micro_batches_are_refused():
    learner, _ = quadratic()
    learner.accumulate = 3
    with pytest.raises(UsageError, match="3 micro-batches of 2 examples"):
        take(learner, batch_of(1, 3))


def test_a_known_global_batch_divides_the_losses():
    learner, _ = quadratic()
    # 4 / 2: another process would have the other example.
    assert take(learner, batch_of(1), global_batch=2).losses["fit/square"] == 2.0


def test_gradients_are_clipped_by_their_global_norm_after_the_last_micro_batch():
    networks = {"a": line(1.0), "b": line(1.0)}
    learner = Slope(networks, {"fit": sgd(global_clipnorm=1.0)})
    learner.accumulate = 2
    take(learner, {"x": np.array([[6.0, 0.0], [0.0, 8.0]], "float32")})
    # Means 3 and 4, norm 5.
    found = [weight_of(network) for network in networks.values()]
    np.testing.assert_allclose(found, [1 - 0.06, 1 - 0.08], rtol=1e-6)


@pytest.mark.parametrize(
    ("exclude", "penalty", "weight"),
    # Slope 4 and 0.5 * 2; penalty 0.25 * 2^2.
    [([], 1.0, 2 - 0.01 * 5), (["kernel"], 0.0, 2 - 0.01 * 4)],
)
def test_the_recipes_l2_leaves_excluded_weights_alone(exclude, penalty, weight):
    network = line(2.0)
    l2 = WeightDecay(kind="l2", rate=0.5, exclude=exclude)
    learner = Quadratic({"line": network}, {"fit": UpdateRule(sgd(0.01), l2=l2)})
    result = take(learner, batch_of(1))
    assert result.losses["fit/total"] == 4.0 + penalty
    np.testing.assert_allclose(weight_of(network), weight, rtol=1e-6)


def test_averages_follow_the_weights():
    learner, network = quadratic(weight=1.0, learning_rate=0.25)
    learner.keep_averages(("line",), 0.5, 1)
    take(learner, *[batch_of(1)] * 3)
    # w halves: 1, 0.5, 0.25, 0.125. The average is the weight after step 1, then
    # (0.5 + 0.25) / 2 = 0.375, then (0.375 + 0.125) / 2 = 0.25.
    (average,) = learner.averages.variables
    np.testing.assert_allclose(np.squeeze(average), 0.25, rtol=1e-6)
    with learner.averages.swapped_in():
        np.testing.assert_allclose(weight_of(network), 0.25, rtol=1e-6)
    np.testing.assert_allclose(weight_of(network), 0.125, rtol=1e-6)


# Updates that are not due at every step


class Echo(Learner):
    """Two losses that the batch dictates; the learning rate is 0."""

    def updates(self):
        return [Update("one", ("net",), self.one), Update("two", ("net",), self.two)]

    def one(self, batch):
        return {"v": batch["v"] + 0.0 * self.networks["net"](batch["x"])[:, 0]}

    def two(self, batch):
        return {"w": batch["w"] + 0.0 * self.networks["net"](batch["x"])[:, 0]}


def echo(v, w, every=(2, 3)):
    """A learner and its batches, whose losses are v[i] and w[i]."""
    rules = {
        name: UpdateRule(sgd(0.0), n)
        for name, n in zip(("one", "two"), every, strict=True)
    }
    batches = [
        {"v": np.array([a], "f4"), "w": np.array([b], "f4"), **batch_of(0)}
        for a, b in zip(v, w, strict=True)
    ]
    return Echo({"net": line(1.0)}, rules), batches


def test_losses_are_means_over_the_steps_at_which_they_were_computed():
    learner, batches = echo([9, 1, 9, 3, 9], [9, 9, 5, 9, 9])
    # One at steps 2 and 4, two at step 3; nothing at 1 and 5.
    result = take(learner, *batches)
    assert (result.losses["one/v"], result.losses["two/w"]) == (2.0, 5.0)
    assert (result.steps, result.broken) == (5, None)


def test_a_call_at_which_nothing_is_due_has_no_losses():
    learner, batches = echo([9], [9])
    result = take(learner, *batches)
    assert (result.steps, result.losses) == (1, {})


@pytest.mark.parametrize(
    ("v", "w", "broken", "step"),
    [
        ([1, 1, 1, np.nan, 1, 1], [1] * 6, "one/v", 4),
        ([1] * 6, [1, 1, np.inf, 1, 1, np.nan], "two/w", 3),
        ([np.nan, 1, np.nan, 1, 1, 1], [1] * 6, None, 6),
    ],
)
def test_the_first_bad_loss_is_named_with_its_step(v, w, broken, step):
    learner, batches = echo(v, w)
    result = take(learner, *batches)
    assert (result.steps, result.broken) == (step, broken)


def test_the_loss_and_not_the_total_is_named():
    # JAX would sort the names, and "one/total" stands before "one/v".
    learner, batches = echo([np.nan], [1], every=(1, 1))
    assert take(learner, *batches).broken == "one/v"


def test_without_the_check_a_bad_loss_stops_nothing():
    learner, batches = echo([1, np.nan, 3], [1, 1, 1], every=(1, 1))
    result = take(learner, *batches, check_finite=False)
    assert (result.steps, result.broken) == (3, None)


def chase():
    rules = {"lead": UpdateRule(sgd(), 2), "follow": UpdateRule(sgd(), 3)}
    learner = Chase({"a": line(2.0), "b": line(1.0)}, rules)
    learner.build_optimizers()
    return learner


@pytest.mark.parametrize("calls", [[1, 3, 2, 1], [2, 5], [6, 1]])
def test_any_split_of_seven_steps_gives_the_same_bits(calls):
    batches = [batch_of(0.1 * step, 0.3) for step in range(7)]
    whole, split = chase(), chase()
    JaxStepLoop(whole).run(iter(batches), 7)
    iterator, loop = iter(batches), JaxStepLoop(split)
    for steps in calls:
        assert loop.run(iterator, steps).steps == steps
    for found, expected in zip(
        split.state().values(), whole.state().values(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    # Due at 2, 4, 6 and at 3, 6.
    counts = [int(o.iterations) for o in split.update_optimizers.values()]
    assert counts == [3, 2]


def test_batches_that_end_leave_the_learner_after_the_last_one():
    learner, network = quadratic()
    learner.build_optimizers()
    with pytest.raises(StopIteration):
        JaxStepLoop(learner).run(iter([batch_of(1, 3)]), 2)
    assert int(learner.steps) == 1
    np.testing.assert_allclose(weight_of(network), 1.8, rtol=1e-6)


# Mixed precision


def test_a_gradient_that_overflows_float16_halves_the_scale_and_changes_nothing():
    keras.config.set_dtype_policy("mixed_float16")
    learner, network = quadratic()
    learner.build_optimizers()
    optimizer = learner.update_optimizers["fit"]
    before = float(optimizer.dynamic_scale)
    take(learner, batch_of(100))
    assert (weight_of(network), int(learner.steps)) == (2.0, 1)
    assert float(optimizer.dynamic_scale) == before / 2
    # The next one is small enough: slope 2 * 2 * 0.25^2 = 0.25.
    take(learner, batch_of(0.25))
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 0.25, rtol=1e-5)


def test_bfloat16_needs_no_scale():
    keras.config.set_dtype_policy("mixed_bfloat16")
    learner, network = quadratic(learning_rate=0.125)
    take(learner, batch_of(1))
    assert type(learner.update_optimizers["fit"]) is keras.optimizers.SGD
    assert weight_of(network) == 1.5


# The gradient with respect to the input


class Penalised(Quadratic):
    """Only the penalty (slope - 1)^2 of y = w x."""

    def squares(self, batch):
        network = self.networks["line"]
        slopes = input_gradients(lambda x: network(x, training=True), batch["x"])
        return {"penalty": ops.square(slopes[:, 0] - 1.0)}


def test_a_penalty_on_slopes_moves_the_weights():
    network = line(3.0)
    learner = Penalised({"line": network}, {"fit": sgd(0.25)})
    result = take(learner, batch_of(5, 7))
    # Slope 3: penalty 4; its derivative 2 (3 - 1) = 4: 3 - 0.25 * 4.
    assert result.losses["fit/penalty"] == 4.0
    assert weight_of(network) == 2.0


def test_state_that_changes_inside_the_slopes_function_is_kept():
    dropout = keras.layers.Dropout(0.5, seed=3)
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), dropout])
    learner = Penalised({"line": network}, {"fit": sgd()})
    before = int(np.asarray(dropout.seed_generator.state)[1])
    take(learner, batch_of(1), batch_of(1))
    # The generator counts its draws: one a step.
    assert int(np.asarray(dropout.seed_generator.state)[1]) == before + 2


def test_fit_is_refused_in_one_line():
    learner, _ = quadratic()
    with pytest.raises(UsageError, match=r"learner\.fit needs TensorFlow"):
        learner.fit(np.ones((2, 1), "float32"), verbose=0)
