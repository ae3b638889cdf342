"""Many steps in one call."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cai_keras.training.learner import Learner, Update
from cai_keras.training.step_loop import StepLoop


class Echo(Learner):
    """Two losses that the batch dictates; the learning rate is 0."""

    def updates(self):
        return [Update("one", ("net",), self.one), Update("two", ("net",), self.two)]

    def one(self, batch):
        return {"v": batch["v"] + 0.0 * self.networks["net"](batch["x"])[:, 0]}

    def two(self, batch):
        return {"w": batch["w"] + 0.0 * self.networks["net"](batch["x"])[:, 0]}


def echo_loop(v, w):
    """A loop over batches of one example with losses v[i] and w[i]."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizers = {name: keras.optimizers.SGD(0.0) for name in ("one", "two")}
    learner = Echo({"net": network}, optimizers)
    learner.build_optimizers()
    data = {
        "v": np.array(v, "float32")[:, None],
        "w": np.array(w, "float32")[:, None],
        "x": np.zeros((len(v), 1, 1), "float32"),
    }
    dataset = tf.data.Dataset.from_tensor_slices(data)
    return StepLoop(learner, dataset.element_spec), iter(dataset)


def tiny_loop(tiny):
    keras.utils.set_random_seed(5)
    networks = tiny.make_networks(units=8, dropout=0.5)
    optimizers = {
        "regress": keras.optimizers.SGD(0.05, momentum=0.9),
        "critic": keras.optimizers.Adam(0.01),
    }
    learner = tiny.TinyLearner(networks, optimizers, seed=1)
    learner.build_optimizers()
    dataset = tiny.batches(4)(0)
    return learner, StepLoop(learner, dataset.element_spec), iter(dataset)


def test_many_steps_in_one_call_equal_single_steps_bit_for_bit(tiny):
    learner, loop, iterator = tiny_loop(tiny)
    assert loop.run(iterator, 6).steps == 6
    other, single, other_iterator = tiny_loop(tiny)
    for _ in range(6):
        assert single.run(other_iterator, 1).steps == 1
    expected = {name: v.numpy() for name, v in learner.state().items()}
    # Names hold Keras's running numbers of layers: compare in order.
    for value, (name, want) in zip(
        other.state().values(), expected.items(), strict=True
    ):
        np.testing.assert_array_equal(value.numpy(), want, err_msg=name)


def test_losses_are_means_over_the_steps_of_the_call():
    loop, iterator = echo_loop(v=[1, 2, 6, 10], w=[0, 0, 3, 4])
    result = loop.run(iterator, 3)
    # (1 + 2 + 6) / 3 and (0 + 0 + 3) / 3.
    assert result.losses == {
        "one/v": 3.0, "one/total": 3.0, "two/w": 1.0, "two/total": 1.0
    }  # fmt: skip
    assert (result.steps, result.broken) == (3, None)
    assert loop.run(iterator, 1).losses["one/v"] == 10.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_loop_stops_at_the_first_bad_loss_and_names_it(bad):
    loop, iterator = echo_loop(v=[1, 2, 3, 4], w=[0, bad, 0, 0])
    result = loop.run(iterator, 4)
    assert (result.steps, result.broken) == (2, "two/w")
    assert not np.isfinite(result.losses["two/w"])
    assert result.losses["one/v"] == 1.5


def test_of_two_bad_losses_the_one_applied_first_is_named():
    loop, iterator = echo_loop(v=[np.nan], w=[np.nan])
    assert loop.run(iterator, 1).broken == "one/v"


def test_the_stream_is_read_no_further_than_the_bad_step():
    loop, iterator = echo_loop(v=[1, np.nan, 3], w=[0, 0, 0])
    loop.run(iterator, 3)
    assert float(next(iterator)["v"][0]) == 3.0


def test_the_number_of_steps_does_not_compile_again():
    loop, iterator = echo_loop(v=[1, 2, 3, 4, 5, 6], w=[0] * 6)
    for steps in (1, 2, 3):
        loop.run(iterator, steps)
    (call,) = loop._calls.values()
    assert call.experimental_get_tracing_count() == 1


def test_loss_names_stand_in_the_order_applied():
    loop, _ = echo_loop(v=[1], w=[1])
    assert loop.loss_names == ("one/v", "one/total", "two/w", "two/total")
