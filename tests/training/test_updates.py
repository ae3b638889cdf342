"""One step of a learner, computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from cai_keras.training.learner import Learner, Update
from cai_keras.training.updates import apply_updates


def line(weight, **arguments):
    """y = weight x."""
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer=keras.initializers.Constant(weight),
        **arguments,
    )  # fmt: skip
    return keras.Sequential([keras.Input((1,)), dense])


def weight_of(network):
    return float(network.trainable_variables[0].numpy().squeeze())


def batch_of(*x):
    return {"x": np.array(x, "float32")[:, None]}


class Quadratic(Learner):
    """One update; the loss of an example is (w x)^2."""

    def updates(self):
        return [Update("fit", ("line",), self.squares)]

    def squares(self, batch):
        return {"square": ops.square(self.networks["line"](batch["x"])[:, 0])}


class Weighted(Quadratic):
    """Two losses, w^2 x^2 with factor 0.5 and -w x with factor 1."""

    def updates(self):
        return [Update("fit", ("line",), self.two_losses, {"square": 0.5})]

    def two_losses(self, batch):
        found = self.networks["line"](batch["x"])[:, 0]
        return {"square": ops.square(found), "negative": -found}


class Chase(Learner):
    """First a goes to 0, then b chases a: the second update sees the new a."""

    def updates(self):
        return [
            Update("lead", ("a",), self.lead_losses),
            Update("follow", ("b",), self.follow_losses),
        ]

    def lead_losses(self, batch):
        return {"square": ops.square(self.networks["a"](batch["x"])[:, 0])}

    def follow_losses(self, batch):
        gap = self.networks["b"](batch["x"]) - self.networks["a"](batch["x"])
        return {"gap": ops.square(gap[:, 0])}


def sgd(learning_rate=0.1):
    return keras.optimizers.SGD(learning_rate)


def quadratic(weight=2.0, learning_rate=0.01, **arguments):
    network = line(weight, **arguments)
    return Quadratic({"line": network}, {"fit": sgd(learning_rate)}), network


def test_a_quadratic_step_by_hand():
    learner, network = quadratic()
    metrics = apply_updates(learner, batch_of(1, 3))
    # Losses 4 and 36: mean 20. Slope: mean of 2 w x^2 = (4 + 36) / 2 = 20.
    assert {k: float(v) for k, v in metrics.items()} == {
        "fit/square": 20.0,
        "fit/total": 20.0,
    }
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 20, rtol=1e-6)


def test_the_second_update_sees_the_weights_of_the_first():
    networks = {"a": line(2.0), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    metrics = apply_updates(learner, batch_of(1))
    # a: 2 - 0.1 * 4 = 1.6. b: gap (1 - 1.6)^2 = 0.36, slope 2 (1 - 1.6) = -1.2.
    # With the old a the gap would be 1 and b would become 1.2.
    np.testing.assert_allclose(weight_of(networks["a"]), 1.6, rtol=1e-6)
    np.testing.assert_allclose(float(metrics["follow/gap"]), 0.36, rtol=1e-5)
    np.testing.assert_allclose(weight_of(networks["b"]), 1.12, rtol=1e-6)


def test_only_the_named_networks_change():
    networks = {"a": line(2.0), "b": line(1.0)}
    # Standing still in the first update leaves only b to change.
    learner = Chase(networks, {"lead": sgd(0.0), "follow": sgd()})
    apply_updates(learner, batch_of(1))
    assert weight_of(networks["a"]) == 2.0
    # Slope of (b - a)^2 is 2 (1 - 2) = -2.
    np.testing.assert_allclose(weight_of(networks["b"]), 1.2, rtol=1e-6)


def test_loss_weights_scale_the_total_but_not_the_reported_losses():
    network = line(2.0)
    learner = Weighted({"line": network}, {"fit": sgd()})
    metrics = apply_updates(learner, batch_of(3))
    # 0.5 * 36 - 6 = 12; slope 0.5 * 2 * 2 * 9 - 3 = 15.
    found = {name: float(value) for name, value in metrics.items()}
    assert found == {"fit/square": 36.0, "fit/negative": -6.0, "fit/total": 12.0}
    np.testing.assert_allclose(weight_of(network), 2 - 0.1 * 15, rtol=1e-6)


def test_regularisation_is_added_once_and_not_divided_by_the_batch():
    learner, network = quadratic(kernel_regularizer=keras.regularizers.L2(0.5))
    metrics = apply_updates(learner, batch_of(1, 3))
    # 0.5 w^2 = 2 beside the mean 20; slope 20 + 2 * 0.5 * 2 = 22.
    found = {name: float(value) for name, value in metrics.items()}
    assert found == {"fit/square": 20.0, "fit/regularisation": 2.0, "fit/total": 22.0}
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 22, rtol=1e-6)


def test_another_players_regularisation_is_not_added():
    networks = {"a": line(2.0, kernel_regularizer="l2"), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    metrics = apply_updates(learner, batch_of(1))
    assert "lead/regularisation" in metrics
    assert "follow/regularisation" not in metrics


def test_mixed_float16_takes_the_step_of_float32():
    keras.config.set_dtype_policy("mixed_float16")
    learner, network = quadratic(learning_rate=0.16)
    metrics = apply_updates(learner, batch_of(0.25, 0.5))
    # Losses 0.25 and 1: mean 0.625. Slope (0.25 + 1) / 2 = 0.625, times 2^15 still
    # below float16's 65504. 2 - 0.16 * 0.625 = 1.9.
    assert float(metrics["fit/square"]) == 0.625
    np.testing.assert_allclose(weight_of(network), 1.9, rtol=1e-5)
    assert network.trainable_variables[0].dtype == "float32"


class Faint(Quadratic):
    """A loss so small that its float16 gradient is 0 without scaling."""

    def squares(self, batch):
        found = ops.cast(self.networks["line"](batch["x"])[:, 0], "float32")
        return {"square": 1e-9 * found}


def test_mixed_float16_scales_the_loss_so_that_faint_gradients_survive():
    keras.config.set_dtype_policy("mixed_float16")
    network = line(0.0)
    learner = Faint({"line": network}, {"fit": sgd(1e9)})
    apply_updates(learner, batch_of(1))
    # Slope 1e-9, below float16's 6e-8; times 1e9 is 1.
    np.testing.assert_allclose(weight_of(network), -1.0, rtol=1e-2)


def test_a_gradient_that_overflows_float16_halves_the_scale_and_changes_nothing():
    keras.config.set_dtype_policy("mixed_float16")
    learner, network = quadratic()
    learner.build_optimizers()
    optimizer = learner.update_optimizers["fit"]
    before = float(optimizer.dynamic_scale)
    apply_updates(learner, batch_of(100))
    # 2 w x = 400 times 2^15 is far above 65504.
    assert weight_of(network) == 2.0
    assert float(optimizer.dynamic_scale) == before / 2


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_loss_is_not_scaled_where_nothing_underflows(policy):
    keras.config.set_dtype_policy(policy)
    learner, _ = quadratic()
    assert type(learner.update_optimizers["fit"]) is keras.optimizers.SGD


@pytest.mark.parametrize("reduce", [ops.mean, lambda v: v[:, None]])
def test_a_loss_of_another_shape_is_refused(reduce):
    class Wrong(Quadratic):
        def squares(self, batch):
            return {"square": reduce(super().squares(batch)["square"])}

    learner = Wrong({"line": line(2.0)}, {"fit": sgd()})
    with pytest.raises(ValueError, match=r"expected \(batch,\)"):
        apply_updates(learner, batch_of(1, 3))


def test_fit_takes_the_engines_steps():
    batches = [batch_of(1, 3), batch_of(0.5, 2)]
    learner, network = quadratic()
    for batch in batches:
        apply_updates(learner, batch)
    stacked = {"x": np.stack([batch["x"] for batch in batches])}
    other, fitted = quadratic()
    dataset = tf.data.Dataset.from_tensor_slices(stacked)
    history = other.fit(dataset, epochs=1, verbose=0).history
    assert sorted(history) == ["fit/square", "fit/total"]
    np.testing.assert_allclose(weight_of(fitted), weight_of(network), rtol=1e-6)


def test_fit_works_for_two_players():
    networks = {"a": line(2.0), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    learner.fit(tf.data.Dataset.from_tensors(batch_of(1)), verbose=0)
    np.testing.assert_allclose(weight_of(networks["a"]), 1.6, rtol=1e-6)
    np.testing.assert_allclose(weight_of(networks["b"]), 1.12, rtol=1e-6)


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
