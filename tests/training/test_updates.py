"""One step of a learner, computed by hand."""

import keras
import numpy as np
import pytest
from keras import ops
from lines import (
    Chase,
    Quadratic,
    Slope,
    batch_of,
    floats,
    line,
    quadratic,
    sgd,
    weight_of,
)

from cai_keras.training.learner import Update
from cai_keras.training.optimizers import UpdateRule
from cai_keras.training.settings import WeightDecay
from cai_keras.training.updates import apply_updates


class Weighted(Quadratic):
    """Two losses, w^2 x^2 with factor 0.5 and -w x with factor 1."""

    def updates(self):
        return [Update("fit", ("line",), self.two_losses, {"square": 0.5})]

    def two_losses(self, batch):
        found = self.networks["line"](batch["x"])[:, 0]
        return {"square": ops.square(found), "negative": -found}


def slope_learner(optimizer):
    """Networks a = 1 x_0 and b = 1 x_1, whose sum is minimised."""
    networks = {"a": line(1.0), "b": line(1.0)}
    return Slope(networks, {"fit": optimizer}), networks


def weights_of(networks):
    return [weight_of(network) for network in networks.values()]


def test_a_quadratic_step_by_hand():
    learner, network = quadratic()
    metrics = apply_updates(learner, batch_of(1, 3))
    # Losses 4 and 36: mean 20. Slope: mean of 2 w x^2 = (4 + 36) / 2 = 20.
    assert floats(metrics) == {"fit/square": 20.0, "fit/total": 20.0}
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 20, rtol=1e-6)


def test_the_shares_of_two_replicas_add_up_to_the_step_of_one():
    # Each of two replicas knows the global batch of 2: shares 4 / 2 and 36 / 2.
    shares, steps = [], []
    for x in (1, 3):
        learner, network = quadratic()
        shares.append(floats(apply_updates(learner, batch_of(x), 2))["fit/square"])
        steps.append(2 - weight_of(network))
    assert shares == [2.0, 18.0]
    np.testing.assert_allclose(sum(steps), 0.01 * 20, rtol=1e-5)


def test_the_second_update_sees_the_weights_of_the_first():
    networks = {"a": line(2.0), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    metrics = apply_updates(learner, batch_of(1))
    # a: 2 - 0.1 * 4 = 1.6. b: gap (1 - 1.6)^2 = 0.36, slope 2 (1 - 1.6) = -1.2.
    # With the old a the gap would be 1 and b would become 1.2.
    np.testing.assert_allclose(weight_of(networks["a"]), 1.6, rtol=1e-6)
    np.testing.assert_allclose(float(metrics["follow/gap"]), 0.36, rtol=1e-5)
    np.testing.assert_allclose(weight_of(networks["b"]), 1.12, rtol=1e-6)


def test_only_the_updates_that_are_due_are_applied_and_reported():
    networks = {"a": line(2.0), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    metrics = apply_updates(learner, batch_of(1), active={"follow"})
    # a stays 2. b: slope 2 (1 - 2) = -2.
    assert sorted(metrics) == ["follow/gap", "follow/total"]
    assert weight_of(networks["a"]) == 2.0
    np.testing.assert_allclose(weight_of(networks["b"]), 1.2, rtol=1e-6)


def test_a_step_at_which_nothing_is_due_only_counts():
    learner, network = quadratic()
    assert apply_updates(learner, batch_of(1), active=()) == {}
    assert (weight_of(network), int(learner.steps)) == (2.0, 1)


def test_only_the_named_networks_change():
    networks = {"a": line(2.0), "b": line(1.0)}
    # Standing still in the first update leaves only b to change.
    learner = Chase(networks, {"lead": sgd(0.0), "follow": sgd()})
    apply_updates(learner, batch_of(1))
    assert weight_of(networks["a"]) == 2.0
    # Slope of (b - a)^2 is 2 (1 - 2) = -2.
    np.testing.assert_allclose(weight_of(networks["b"]), 1.2, rtol=1e-6)


def test_steps_are_counted():
    learner, _ = quadratic()
    assert int(learner.steps) == 0
    for _ in range(3):
        apply_updates(learner, batch_of(1))
    assert int(learner.steps) == 3


def test_loss_weights_scale_the_total_but_not_the_reported_losses():
    network = line(2.0)
    learner = Weighted({"line": network}, {"fit": sgd()})
    metrics = apply_updates(learner, batch_of(3))
    # 0.5 * 36 - 6 = 12; slope 0.5 * 2 * 2 * 9 - 3 = 15.
    expected = {"fit/square": 36.0, "fit/negative": -6.0, "fit/total": 12.0}
    assert floats(metrics) == expected
    np.testing.assert_allclose(weight_of(network), 2 - 0.1 * 15, rtol=1e-6)


@pytest.mark.parametrize("reduce", [ops.mean, lambda v: v[:, None]])
def test_a_loss_of_another_shape_is_refused(reduce):
    class Wrong(Quadratic):
        def squares(self, batch):
            return {"square": reduce(super().squares(batch)["square"])}

    learner = Wrong({"line": line(2.0)}, {"fit": sgd()})
    with pytest.raises(ValueError, match=r"expected \(batch,\)"):
        apply_updates(learner, batch_of(1, 3))


# Penalties on the weights


def test_regularisation_is_added_once_and_not_divided_by_the_batch():
    learner, network = quadratic(kernel_regularizer=keras.regularizers.L2(0.5))
    metrics = apply_updates(learner, batch_of(1, 3))
    # 0.5 w^2 = 2 beside the mean 20; slope 20 + 2 * 0.5 * 2 = 22.
    expected = {"fit/square": 20.0, "fit/regularisation": 2.0, "fit/total": 22.0}
    assert floats(metrics) == expected
    np.testing.assert_allclose(weight_of(network), 2 - 0.01 * 22, rtol=1e-6)


def test_another_players_regularisation_is_not_added():
    networks = {"a": line(2.0, kernel_regularizer="l2"), "b": line(1.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    metrics = apply_updates(learner, batch_of(1))
    assert "lead/regularisation" in metrics
    assert "follow/regularisation" not in metrics


def affine_learner(exclude, **arguments):
    """y = 2 x + 3, whose output is minimised, with the recipe's L2 of rate 0.5."""

    class Output(Quadratic):
        def squares(self, batch):
            return {"output": self.networks["line"](batch["x"])[:, 0]}

    dense = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.Constant(2.0),
        bias_initializer=keras.initializers.Constant(3.0),
        **arguments,
    )
    network = keras.Sequential([keras.Input((1,)), dense])
    l2 = WeightDecay(kind="l2", rate=0.5, exclude=exclude)
    return Output({"line": network}, {"fit": UpdateRule(sgd(), l2=l2)}), dense


@pytest.mark.parametrize(
    ("exclude", "penalty", "kernel", "bias"),
    [
        # Slopes of the output at x = 1 are 1 and 1; those of 0.25 w^2 are w / 2.
        # 0.25 * 2^2; kernel 2 - 0.1 (1 + 1), bias 3 - 0.1 * 1.
        (["bias"], 1.0, 1.8, 2.9),
        # 0.25 (2^2 + 3^2); bias 3 - 0.1 (1 + 1.5).
        ([], 3.25, 1.8, 2.75),
        (["kernel", "bias"], 0.0, 1.9, 2.9),
        (["kern", "gamma"], 3.25, 1.8, 2.75),  # whole names only
    ],
)
def test_the_recipes_l2_leaves_excluded_weights_alone(exclude, penalty, kernel, bias):
    learner, dense = affine_learner(exclude)
    metrics = floats(apply_updates(learner, batch_of(1)))
    assert metrics["fit/total"] == 5.0 + penalty
    assert metrics.get("fit/regularisation", 0.0) == penalty
    found = [float(np.squeeze(dense.kernel)), float(np.squeeze(dense.bias))]
    np.testing.assert_allclose(found, [kernel, bias], rtol=1e-6)


def test_the_recipes_l2_is_added_to_the_networks_own():
    learner, dense = affine_learner(
        ["bias"], kernel_regularizer=keras.regularizers.L2(1.0)
    )
    metrics = floats(apply_updates(learner, batch_of(1)))
    # 2^2 + 0.25 * 2^2 = 5; slope 1 + 2 * 2 + 1 = 6.
    assert metrics["fit/regularisation"] == 5.0
    np.testing.assert_allclose(float(np.squeeze(dense.kernel)), 1.4, rtol=1e-6)


# Clipping by the global norm


def test_gradients_are_clipped_by_the_norm_over_all_networks_of_the_update():
    learner, networks = slope_learner(sgd(global_clipnorm=1.0))
    apply_updates(learner, {"x": np.array([[3.0, 4.0]], "float32")})
    # Gradients 3 and 4 have norm 5: 0.6 and 0.8 are left.
    np.testing.assert_allclose(
        weights_of(networks), [1 - 0.1 * 0.6, 1 - 0.1 * 0.8], rtol=1e-6
    )


def test_gradients_below_the_norm_are_left_alone():
    learner, networks = slope_learner(sgd(global_clipnorm=5.5))
    apply_updates(learner, {"x": np.array([[3.0, 4.0]], "float32")})
    np.testing.assert_allclose(weights_of(networks), [0.7, 0.6], rtol=1e-6)


def test_micro_batches_are_clipped_together():
    learner, networks = slope_learner(sgd(global_clipnorm=1.0))
    learner.accumulate = 2
    apply_updates(learner, {"x": np.array([[6.0, 0.0], [0.0, 8.0]], "float32")})
    # Means 3 and 4 as above. Clipped one by one, (3, 0) and (0, 4) would give (1, 1).
    np.testing.assert_allclose(weights_of(networks), [0.94, 0.92], rtol=1e-6)


def test_the_penalty_is_clipped_with_the_loss():
    networks = {"a": line(1.0), "b": line(4.0)}
    l2 = WeightDecay(kind="l2", rate=1.0, exclude=[])
    rule = UpdateRule(sgd(global_clipnorm=1.0), l2=l2)
    learner = Slope(networks, {"fit": rule})
    apply_updates(learner, {"x": np.array([[2.0, 0.0]], "float32")})
    # Slopes 2 + 1 and 0 + 4: norm 5.
    np.testing.assert_allclose(weights_of(networks), [0.94, 3.92], rtol=1e-6)


# Mixed precision


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
    network = line(2.0)
    momentum = sgd(0.01, momentum=0.9)
    learner = Quadratic({"line": network}, {"fit": momentum})
    learner.build_optimizers()
    optimizer = learner.update_optimizers["fit"]
    before = float(optimizer.dynamic_scale)
    apply_updates(learner, batch_of(100))
    # 2 w x = 400 times 2^15 is far above 65504.
    assert weight_of(network) == 2.0
    assert float(optimizer.dynamic_scale) == before / 2
    assert [float(np.squeeze(m)) for m in momentum.momentums] == [0.0]
    # The optimizer has not stepped, the learner has.
    assert (int(momentum.iterations), int(learner.steps)) == (0, 1)


def test_one_infinite_micro_batch_skips_the_whole_step():
    keras.config.set_dtype_policy("mixed_float16")
    learner, network = quadratic()
    learner.accumulate = 2
    apply_updates(learner, batch_of(0.25, 100))
    assert weight_of(network) == 2.0


def test_every_player_has_a_loss_scale_of_its_own():
    keras.config.set_dtype_policy("mixed_float16")
    networks = {"a": line(2.0), "b": line(2.0)}
    learner = Chase(networks, {"lead": sgd(), "follow": sgd()})
    learner.build_optimizers()
    apply_updates(learner, batch_of(100))
    # The leader's slope overflows; the follower has no gap to close.
    lead, follow = learner.update_optimizers.values()
    assert float(lead.dynamic_scale) == float(follow.dynamic_scale) / 2


def test_gradients_are_clipped_after_the_scale_is_divided_out():
    keras.config.set_dtype_policy("mixed_float16")
    clipped = sgd(global_clipnorm=1.0)
    scaling = keras.optimizers.LossScaleOptimizer(clipped, initial_scale=4.0)
    learner, networks = slope_learner(scaling)
    apply_updates(learner, {"x": np.array([[0.3, 0.4]], "float32")})
    # Norm 0.5 is below 1; scaled by 4 it would be 2 and be halved.
    np.testing.assert_allclose(weights_of(networks), [0.97, 0.96], rtol=1e-4)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_loss_is_not_scaled_where_nothing_underflows(policy):
    keras.config.set_dtype_policy(policy)
    learner, network = quadratic(learning_rate=0.125)
    assert type(learner.update_optimizers["fit"]) is keras.optimizers.SGD
    apply_updates(learner, batch_of(1))
    # Slope 2 * 2: 2 - 0.125 * 4 = 1.5, all of them exact in 8 bits.
    assert weight_of(network) == 1.5
