"""Averaged weights by hand."""

import keras
import numpy as np
import pytest
from lines import Chase, batch_of, line, quadratic, sgd, weight_of

from cai_keras.errors import UsageError
from cai_keras.training.averages import WeightAverages
from cai_keras.training.updates import apply_updates


def halving(start_step, momentum=0.5):
    """A line whose weight is halved at every step from 1 on, with its average."""
    # The loss w^2 of x = 1 has the slope 2 w; 0.25 of it is w / 2.
    learner, network = quadratic(weight=1.0, learning_rate=0.25)
    learner.keep_averages(("line",), momentum, start_step)
    return learner, network


def average_of(learner):
    return float(np.squeeze(learner.averages.variables[0].numpy()))


@pytest.mark.parametrize(
    ("start_step", "expected"),
    [
        # Weights 1 at first, then 0.5, 0.25, 0.125.
        # (1 + 0.5) / 2, (0.75 + 0.25) / 2, (0.5 + 0.125) / 2.
        (0, [0.75, 0.5, 0.3125]),
        # The weight itself after the first step; (0.5 + 0.25) / 2, (.375 + .125) / 2.
        (1, [0.5, 0.375, 0.25]),
        # The weight itself after two steps; (0.25 + 0.125) / 2.
        (2, [0.5, 0.25, 0.1875]),
        (9, [0.5, 0.25, 0.125]),
    ],
)
def test_the_average_over_three_steps_by_hand(start_step, expected):
    learner, network = halving(start_step)
    found = []
    for _ in range(3):
        apply_updates(learner, batch_of(1))
        found.append(average_of(learner))
    assert found == expected
    assert weight_of(network) == 0.125  # the weight itself goes its own way


def test_the_momentum_is_the_share_of_the_old_average():
    learner, _ = halving(0, momentum=0.75)
    apply_updates(learner, batch_of(1))
    assert average_of(learner) == 0.75 * 1.0 + 0.25 * 0.5


def test_averages_follow_at_steps_at_which_their_network_stands_still():
    learner, _ = halving(0)
    apply_updates(learner, batch_of(1))
    apply_updates(learner, batch_of(1), active=())
    # (1 + 0.5) / 2 = 0.75, then (0.75 + 0.5) / 2.
    assert average_of(learner) == 0.625


def test_only_the_named_networks_are_averaged():
    networks = {"a": line(2.0), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    learner.keep_averages(("b",), 0.5, 0)
    (average,) = learner.averages.variables
    assert float(np.squeeze(average.numpy())) == 1.0
    with learner.averages.swapped_in():
        networks["b"].trainable_variables[0].assign([[5.0]])
        networks["a"].trainable_variables[0].assign([[7.0]])
    # Only b has a value to be given back.
    assert (weight_of(networks["a"]), weight_of(networks["b"])) == (7.0, 1.0)


def test_statistics_are_not_averaged():
    norm = keras.layers.BatchNormalization()
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), norm])
    averages = WeightAverages({"net": network}, ["net"], 0.9, 0)
    # Kernel, bias, gamma, beta.
    assert len(averages.variables) == 4


def test_within_the_swap_the_network_has_its_averages():
    learner, network = halving(0)
    apply_updates(learner, batch_of(1))
    with learner.averages.swapped_in():
        assert weight_of(network) == 0.75
    assert (weight_of(network), average_of(learner)) == (0.5, 0.75)


def test_the_swap_ends_also_after_an_error():
    learner, network = halving(0)
    apply_updates(learner, batch_of(1))
    with pytest.raises(ZeroDivisionError), learner.averages.swapped_in():
        raise ZeroDivisionError
    assert weight_of(network) == 0.5


def test_averages_are_float32_whatever_the_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    learner, _ = halving(0, momentum=0.999)
    apply_updates(learner, batch_of(1))
    # 8 bits would not tell it from 1.
    np.testing.assert_allclose(average_of(learner), 0.999 + 0.001 * 0.5, rtol=1e-6)


def test_an_unknown_network_gets_the_nearest_name():
    learner, _ = quadratic()
    expected = "train.ema.networks: unknown 'lin'; did you mean 'line'"
    with pytest.raises(UsageError, match=expected):
        learner.keep_averages(("lin",), 0.9, 0)
