"""Micro-batches: computed one after the other, applied as one step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from lines import Quadratic, batch_of, floats, line, quadratic, sgd, weight_of

from cai_keras.errors import UsageError
from cai_keras.training.updates import apply_updates


@pytest.mark.parametrize("accumulate", [1, 2, 3, 5])
def test_micro_batches_take_the_step_of_the_whole_batch_by_hand(accumulate):
    learner, network = quadratic(kernel_regularizer=keras.regularizers.L2(0.5))
    learner.accumulate = accumulate
    metrics = apply_updates(learner, batch_of(1, 2, 3, 4, 5))
    # Squares of x: mean 55 / 5 = 11. Loss 4 * 11 = 44, slope 2 * 2 * 11 = 44. The
    # penalty 0.5 * 2^2 = 2 and its slope 2 count once.
    expected = {"fit/square": 44.0, "fit/regularisation": 2.0, "fit/total": 46.0}
    assert floats(metrics) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 46, rtol=1e-6)


class Recording(Quadratic):
    """Keeps what each call of its loss function saw."""

    def squares(self, batch):
        self.__dict__.setdefault("seen", []).append(np.ravel(batch["x"]).tolist())
        return super().squares(batch)


@pytest.mark.parametrize(
    ("accumulate", "parts"),
    [
        (1, [[1, 2, 3, 4, 5]]),
        # Borders at 5 k // 2: 0, 2, 5. At 5 k // 3: 0, 1, 3, 5.
        (2, [[1, 2], [3, 4, 5]]),
        (3, [[1], [2, 3], [4, 5]]),
    ],
)
def test_a_batch_is_cut_in_order_into_parts_as_equal_as_possible(accumulate, parts):
    learner = Recording({"line": line(2.0)}, {"fit": sgd()})
    learner.accumulate = accumulate
    apply_updates(learner, batch_of(1, 2, 3, 4, 5))
    assert learner.seen == parts


class Curved(Quadratic):
    """The squared outputs of a network of two layers."""

    def squares(self, batch):
        found = self.networks["line"](batch["x"], training=True)
        return {"square": ops.sum(ops.square(found), axis=1)}


def curved_step(accumulate):
    """All weights after a step with 7 examples, and the losses."""
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(2)]
    network = keras.Sequential([keras.Input((4,)), *layers])
    learner = Curved({"line": network}, {"fit": sgd(0.1, momentum=0.9)})
    learner.accumulate = accumulate
    x = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")
    metrics = apply_updates(learner, {"x": x})
    return network.get_weights(), floats(metrics)


@pytest.mark.parametrize("accumulate", [2, 3, 7])
def test_micro_batches_of_a_network_of_two_layers_take_the_whole_step(accumulate):
    weights, losses = curved_step(1)
    found_weights, found_losses = curved_step(accumulate)
    # Only the order of float32 sums differs.
    assert found_losses == pytest.approx(losses, rel=1e-6)
    for found, expected in zip(found_weights, weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_a_weight_without_a_gradient_in_one_part_keeps_that_of_the_others():
    class Half(Quadratic):
        """Only the first part's loss reaches the weight."""

        def squares(self, batch):
            square = super().squares(batch)["square"]
            first = float(np.ravel(batch["x"])[0]) == 1.0
            return {"square": square if first else ops.ones_like(batch["x"][:, 0])}

    network = line(2.0)
    learner = Half({"line": network}, {"fit": sgd(0.01)})
    learner.accumulate = 2
    metrics = apply_updates(learner, batch_of(1, 3))
    # (4 + 1) / 2; slope 4 / 2.
    assert float(metrics["fit/square"]) == 2.5
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 2, rtol=1e-6)


def test_every_micro_batch_needs_an_example():
    learner, _ = quadratic()
    learner.accumulate = 3
    with pytest.raises(UsageError, match="3 micro-batches of 2 examples a replica"):
        apply_updates(learner, batch_of(1, 3))


class Named(Quadratic):
    """Marks where each micro-batch begins in the graph."""

    def squares(self, batch):
        return super().squares({"x": tf.identity(batch["x"], name="begin")})


def ancestors(operation):
    """Names of all operations that must be finished before this one."""
    found, waiting = set(), [operation]
    while waiting:
        here = waiting.pop()
        for before in [tensor.op for tensor in here.inputs] + here.control_inputs:
            if before.name not in found:
                found.add(before.name)
                waiting.append(before)
    return found


def test_a_micro_batch_waits_for_the_one_before_it():
    learner = Named({"line": line(2.0)}, {"fit": sgd()})
    learner.accumulate = 3
    learner.build_optimizers()
    step = tf.function(lambda x: apply_updates(learner, {"x": x}), autograph=False)

    graph = step.get_concrete_function(tf.TensorSpec([6, 1])).graph

    first, second, third = (
        graph.get_operation_by_name(name) for name in ("begin", "begin_1", "begin_2")
    )
    # Otherwise all parts could be in memory at once, as much as the whole batch.
    assert "begin" not in ancestors(first)
    assert "begin" in ancestors(second)
    assert {"begin", "begin_1"} <= ancestors(third)
