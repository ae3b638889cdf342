"""Many steps in one call."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import UpdateRule
from cai_keras.training.step_loop import StepLoop


class Echo(Learner):
    """Two losses that the batch dictates; the learning rate is 0."""

    def updates(self):
        return [Update("one", ("net",), self.one), Update("two", ("net",), self.two)]

    def one(self, batch):
        return {"v": batch["v"] + 0.0 * self.networks["net"](batch["x"])[:, 0]}

    def two(self, batch):
        return {"w": batch["w"] + 0.0 * self.networks["net"](batch["x"])[:, 0]}


def echo_loop(v, w, every=(1, 1), **options):
    """A loop over batches of one example with losses v[i] and w[i].

    Args:
        every: of the updates one and two.
    """
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    rules = {
        name: UpdateRule(keras.optimizers.SGD(0.0), every=n)
        for name, n in zip(("one", "two"), every, strict=True)
    }
    learner = Echo({"net": network}, rules)
    learner.build_optimizers()
    data = {
        "v": np.array(v, "float32")[:, None],
        "w": np.array(w, "float32")[:, None],
        "x": np.zeros((len(v), 1, 1), "float32"),
    }
    dataset = tf.data.Dataset.from_tensor_slices(data)
    return StepLoop(learner, dataset.element_spec, **options), iter(dataset)


def tiny_loop(tiny, every=(1, 1)):
    """A learner, its loop and the batches; `every` of the regressor and the critic."""
    keras.utils.set_random_seed(5)
    networks = tiny.make_networks(units=8, dropout=0.5)
    rules = {
        "regress": UpdateRule(keras.optimizers.SGD(0.05, momentum=0.9), every[0]),
        "critic": UpdateRule(keras.optimizers.Adam(0.01), every[1]),
    }
    learner = tiny.TinyLearner(networks, rules, seed=1)
    learner.keep_averages(("regressor",), 0.9, 2)
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


# Updates that are not due at every step


class Rewound:
    """One compiled loop whose learner can go back to its first step.

    Args:
        every: of the two updates.
    """

    def __init__(self, tiny, every):
        self.learner, self.loop, _ = tiny_loop(tiny, every)
        self.batches = tiny.batches(4)
        self.start = self.state()

    def state(self):
        return {name: v.numpy() for name, v in self.learner.state().items()}

    def after(self, calls, first=0):
        """The state after calls of some numbers of steps."""
        if first == 0:
            for name, variable in self.learner.state().items():
                variable.assign(self.start[name])
        iterator = iter(self.batches(first))
        for steps in calls:
            assert self.loop.run(iterator, steps).steps == steps
        return self.state()


@pytest.fixture(scope="module", params=[(1, 2), (2, 3), (3, 1)])
def rewound(request, tiny):
    """Loops with cycles of 2, 6 and 3 steps."""
    return Rewound(tiny, request.param)


def assert_same_bits(found, expected):
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@settings(max_examples=10, deadline=None)
@given(borders=st.sets(st.integers(1, 12)))
def test_any_split_of_thirteen_steps_gives_the_same_bits(rewound, borders):
    # Borders 2 and 5: calls of 2, 3 and 8 steps.
    ends = [0, *sorted(borders), 13]
    calls = [end - begin for begin, end in itertools.pairwise(ends)]

    assert_same_bits(rewound.after(calls), rewound.after([13]))


def test_a_call_after_a_resume_begins_within_the_cycle(rewound):
    expected = rewound.after([9])
    rewound.after([4])  # the learner stands at its fifth step
    assert_same_bits(rewound.after([5], first=4), expected)


def test_only_the_update_that_is_due_moves_its_network(tiny):
    learner, loop, iterator = tiny_loop(tiny, every=(1, 3))
    critic = learner.networks["critic"]
    before = critic.get_weights()
    loop.run(iterator, 2)
    np.testing.assert_array_equal(critic.get_weights()[0], before[0])
    loop.run(iterator, 1)
    assert critic.get_weights()[0] != before[0]
    counts = [int(o.iterations) for o in learner.update_optimizers.values()]
    assert (counts, int(learner.steps)) == ([3, 1], 3)


def test_losses_are_means_over_the_steps_at_which_they_were_computed():
    loop, iterator = echo_loop(v=[1, 2, 3, 4, 8], w=[9, 5, 9, 7, 9], every=(1, 2))
    result = loop.run(iterator, 5)
    # v at all five steps: 18 / 5; w at the second and the fourth: (5 + 7) / 2.
    assert result.losses == pytest.approx(
        {"one/v": 3.6, "one/total": 3.6, "two/w": 6.0, "two/total": 6.0}
    )
    assert (result.steps, result.broken) == (5, None)


def test_a_loss_that_was_never_computed_is_absent():
    loop, iterator = echo_loop(v=[1, 2, 3], w=[9, 5, 9], every=(1, 2))
    assert loop.run(iterator, 1).losses == {"one/v": 1.0, "one/total": 1.0}
    assert loop.run(iterator, 1).losses["two/w"] == 5.0


def test_steps_at_which_nothing_is_due_are_taken():
    loop, iterator = echo_loop(v=[1, 2, 3, 4], w=[0, 0, 5, 0], every=(2, 3))
    first = loop.run(iterator, 1)
    assert (first.steps, first.losses, first.broken) == (1, {}, None)
    # Steps 2 and 4 have v, step 3 has w.
    result = loop.run(iterator, 3)
    assert (result.losses["one/v"], result.losses["two/w"]) == (3.0, 5.0)


@pytest.mark.parametrize("calls", [[7], [1, 6], [2, 5], [3, 3, 1]])
@pytest.mark.parametrize(
    ("v", "w", "broken", "step"),
    [
        # One is due at 2, 4, 6; two at 3, 6.
        ([1, 1, 1, np.nan, 1, 1, 1], [1] * 7, "one/v", 4),
        ([1] * 7, [1, 1, np.inf, 1, 1, 1, 1], "two/w", 3),
        ([1] * 7, [1, 1, 1, 1, 1, np.nan, 1], "two/w", 6),
        # Not due where it is bad: nobody sees it.
        ([np.nan, 1, np.nan, 1, np.nan, 1, 1], [1, 1, 1, np.inf, 1, 1, 1], None, 7),
    ],
)
def test_a_bad_loss_within_a_cycle_is_named_with_its_step(calls, v, w, broken, step):
    loop, iterator = echo_loop(v, w, every=(2, 3))
    taken, result = 0, None
    for steps in calls:
        result = loop.run(iterator, steps)
        taken += result.steps
        if result.broken:
            break
    assert (taken, result.broken) == (step, broken)


def test_losses_after_a_bad_step_of_a_cycle_are_not_counted():
    loop, iterator = echo_loop(v=[1, np.nan, 50, 60], w=[1, 1, 1, 1], every=(1, 4))
    result = loop.run(iterator, 4)
    assert np.isnan(result.losses["one/v"])
    assert "two/w" not in result.losses


@pytest.mark.parametrize("every", [(1, 1), (1, 2)])
def test_without_the_check_a_bad_loss_stops_nothing(every):
    values = [1, np.nan, 3, 4]
    loop, iterator = echo_loop(values, [1] * 4, every, check_finite=False)
    result = loop.run(iterator, 4)
    assert (result.steps, result.broken) == (4, None)
    assert np.isnan(result.losses["one/v"])
    assert result.losses["two/w"] == 1.0
