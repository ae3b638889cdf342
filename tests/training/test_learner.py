"""A learner: its names, its cycle of updates, its state, and Keras's fit."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from lines import Chase, Quadratic, batch_of, line, quadratic, sgd, weight_of

from cai_keras.errors import UsageError
from cai_keras.training.optimizers import UpdateRule
from cai_keras.training.updates import apply_updates


def chase(lead=1, follow=1, rate=0.1):
    """Two players, each due at every n-th step."""
    rules = {
        "lead": UpdateRule(sgd(rate), every=lead),
        "follow": UpdateRule(sgd(rate), every=follow),
    }
    return Chase({"a": line(2.0), "b": line(1.0)}, rules)


# Names


@pytest.mark.parametrize("names", [[], ["other"], ["fit", "other"]])
def test_optimizers_must_have_the_names_of_the_updates(names):
    with pytest.raises(ValueError, match="must have the same names"):
        Quadratic({"line": line(1.0)}, {name: sgd() for name in names})


def test_an_update_may_name_only_known_networks():
    with pytest.raises(ValueError, match=r"unknown networks \['line'\]"):
        Quadratic({"lien": line(1.0)}, {"fit": sgd()})


def test_calling_a_learner_names_its_networks():
    learner, _ = quadratic()
    with pytest.raises(Exception, match=r"call one of the networks: \['line'\]"):
        learner(np.ones((1, 1)))


# The cycle of updates


@pytest.mark.parametrize(
    ("lead", "follow", "cycle"),
    [
        (1, 1, (("lead", "follow"),)),
        # At every second step both.
        (1, 2, (("lead",), ("lead", "follow"))),
        # WGAN: the critic, here `lead`, five times for one step of the generator.
        (1, 5, (("lead",),) * 4 + (("lead", "follow"),)),
        # Steps 1 to 6: multiples of 2 and of 3.
        (
            2,
            3,
            ((), ("lead",), ("follow",), ("lead",), (), ("lead", "follow")),
        ),
        # Never at the first step, and both at once.
        (2, 2, ((), ("lead", "follow"))),
    ],
)
def test_the_cycle_of_updates_by_hand(lead, follow, cycle):
    assert chase(lead, follow).cycle == cycle


def test_the_longest_cycle_has_64_steps():
    assert len(chase(64, 1).cycle) == 64


def test_a_longer_cycle_is_refused():
    # 9 and 8 have no common factor: 72.
    expected = r"every \{'lead': 9, 'follow': 8\} repeats after 72 steps; .* most 64"
    with pytest.raises(UsageError, match=expected):
        chase(9, 8)


def test_the_order_of_updates_is_the_learners_not_the_recipes():
    rules = {"follow": sgd(), "lead": sgd()}
    learner = Chase({"a": line(2.0), "b": line(1.0)}, rules)
    assert learner.cycle == (("lead", "follow"),)
    metrics = apply_updates(learner, batch_of(1))
    assert list(metrics) == ["lead/square", "lead/total", "follow/gap", "follow/total"]


# State


def test_state_names_networks_optimizers_and_random_seeds(tiny):
    networks = tiny.make_networks(units=2, dropout=0.5)
    optimizers = {"regress": sgd(), "critic": keras.optimizers.Adam()}
    learner = tiny.TinyLearner(networks, optimizers, seed=1)
    learner.build_optimizers()
    names = sorted(learner.state())
    seeds = [name for name in names if "seed" in name]
    assert {name.split("/")[0] for name in names} == {
        "networks", "optimizers", "learner"
    }  # fmt: skip
    # The dropout's and the learner's own.
    assert [name.split("/")[0] for name in seeds] == ["learner", "networks"]
    assert len({id(v) for v in learner.state().values()}) == len(names)


def test_state_has_the_step_the_averages_and_the_loss_scale():
    keras.config.set_dtype_policy("mixed_float16")
    learner, _ = quadratic()
    learner.keep_averages(("line",), 0.9, 0)
    learner.build_optimizers()
    state = learner.state()
    kinds = [name.split("/")[0] for name in state]
    assert kinds.count("networks") == kinds.count("averages") == 1
    assert any(variable is learner.steps for variable in state.values())
    scale = learner.update_optimizers["fit"].dynamic_scale
    assert any(variable is scale for variable in state.values())


# Keras's fit


def test_fit_takes_the_engines_steps():
    batches = [batch_of(1, 3), batch_of(0.5, 2)]
    learner, network = quadratic()
    for batch in batches:
        apply_updates(learner, batch)
    stacked = {"x": np.stack([batch["x"] for batch in batches])}
    other, fitted = quadratic()
    dataset = tf.data.Dataset.from_tensor_slices(stacked)
    history = other.fit(dataset, epochs=1, shuffle=False, verbose=0).history
    assert sorted(history) == ["fit/square", "fit/total"]
    np.testing.assert_allclose(weight_of(fitted), weight_of(network), rtol=1e-6)
    assert int(other.steps) == 2


def test_fit_works_for_two_players():
    learner = chase()
    learner.fit(tf.data.Dataset.from_tensors(batch_of(1)), shuffle=False, verbose=0)
    # a: 2 - 0.1 * 4 = 1.6. b: 1 + 0.1 * 1.2 = 1.12; see test_updates.py.
    np.testing.assert_allclose(weight_of(learner.networks["a"]), 1.6, rtol=1e-6)
    np.testing.assert_allclose(weight_of(learner.networks["b"]), 1.12, rtol=1e-6)


class Logs(keras.callbacks.Callback):
    """Keeps the losses of each step."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(dict(logs))


def test_fit_says_nan_at_steps_at_which_an_update_is_not_due():
    learner, logs = chase(follow=2), Logs()
    batches = tf.data.Dataset.from_tensors(batch_of(1)).repeat(4)
    learner.fit(batches, shuffle=False, verbose=0, callbacks=[logs])
    # a: 2, 1.6, 1.28, 1.024, .8192 (times 0.8). b stands still at the first and the
    # third step; at the second it goes from 1 to 1 + 0.2 * (1.28 - 1) = 1.056, and at
    # the fourth by 0.2 * (.8192 - 1.056) to 1.00864.
    leads = [step["lead/square"] for step in logs.steps]
    gaps = [step["follow/gap"] for step in logs.steps]
    expected = [np.nan, (1.28 - 1) ** 2, np.nan, (0.8192 - 1.056) ** 2]
    np.testing.assert_allclose(leads, np.square([2, 1.6, 1.28, 1.024]), rtol=1e-5)
    np.testing.assert_allclose(gaps, expected, rtol=1e-5)
    np.testing.assert_allclose(weight_of(learner.networks["b"]), 1.00864, rtol=1e-5)
    assert int(learner.steps) == 4


def test_fit_refuses_several_replicas_with_an_update_that_is_not_always_due(
    monkeypatch,
):
    learner = chase(follow=2)
    two = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: two)
    with pytest.raises(UsageError, match="`cai train --strategy` does it"):
        learner.train_step(batch_of(1))
