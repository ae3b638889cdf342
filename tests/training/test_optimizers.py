"""Schedules and optimizers by hand."""

import keras
import numpy as np
import pytest

from cai_keras.training.optimizers import make_optimizer, make_schedule
from cai_keras.training.settings import Adam, Constant, Cosine, Exponential, Sgd

CONSTANT = Constant(name="constant")


def cosine(warmup_steps=0, final_fraction=0.0):
    return Cosine(
        name="cosine", warmup_steps=warmup_steps, final_fraction=final_fraction
    )


def sgd(**changes):
    values = {
        "name": "sgd", "learning_rate": 0.5, "schedule": CONSTANT, "clip_norm": None,
        "momentum": 0.0, "nesterov": False,
    }  # fmt: skip
    return Sgd(**(values | changes))


def adam(**changes):
    values = {
        "name": "adam", "learning_rate": 0.5, "schedule": CONSTANT, "clip_norm": None,
        "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3, "weight_decay": None,
    }  # fmt: skip
    return Adam(**(values | changes))


def values_at(schedule, steps):
    return [float(schedule(step)) for step in steps]


def after_one_step(optimizer, weights, gradient):
    variable = keras.Variable(np.array(weights, "float32"))
    optimizer.apply([np.array(gradient, "float32")], [variable])
    return variable.numpy()


def test_a_constant_schedule_is_the_number():
    assert make_schedule(CONSTANT, 0.3, 100) == 0.3


def test_cosine_goes_from_the_rate_over_its_half_to_nothing():
    schedule = make_schedule(cosine(), 0.4, total_steps=100)
    # 0.2 (1 + cos(pi t)): t = 0, 1/3, 1/2, 1 and held after it.
    expected = [0.4, 0.3, 0.2, 0.0, 0.0]
    found = values_at(schedule, [0, 100 / 3, 50, 100, 150])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_cosine_ends_at_the_final_fraction():
    schedule = make_schedule(cosine(final_fraction=0.1), 0.4, total_steps=100)
    # Half way between 0.4 and 0.04 in the middle.
    np.testing.assert_allclose(
        values_at(schedule, [0, 50, 100]), [0.4, 0.22, 0.04], atol=1e-6
    )


def test_warm_up_is_linear_and_the_cosine_spans_the_rest():
    schedule = make_schedule(cosine(warmup_steps=10), 0.4, total_steps=30)
    # Up to 0.4 in 10 steps; then half a cosine over the other 20.
    found = values_at(schedule, [0, 5, 10, 20, 30])
    np.testing.assert_allclose(found, [0, 0.2, 0.4, 0.2, 0], atol=1e-6)


@pytest.mark.parametrize("warmup_steps", [0, 5])
def test_a_run_without_steps_still_has_a_schedule(warmup_steps):
    schedule = make_schedule(cosine(warmup_steps), 0.4, total_steps=0)
    assert np.isfinite(values_at(schedule, [0, 1])).all()


def test_exponential_falls_in_jumps():
    settings = Exponential(name="exponential", factor=0.5, every_steps=10)
    schedule = make_schedule(settings, 0.8, total_steps=100)
    found = values_at(schedule, [0, 9, 10, 19, 25, 30])
    np.testing.assert_allclose(found, [0.8, 0.8, 0.4, 0.4, 0.2, 0.1], rtol=1e-6)


def test_sgd_constants_reach_keras():
    optimizer = make_optimizer(sgd(momentum=0.9, nesterov=True, clip_norm=2.0), 10)
    assert isinstance(optimizer, keras.optimizers.SGD)
    config = optimizer.get_config()
    assert config["momentum"] == 0.9
    assert config["nesterov"] is True
    assert config["global_clipnorm"] == 2.0
    np.testing.assert_allclose(config["learning_rate"], 0.5)


def test_adam_constants_reach_keras():
    optimizer = make_optimizer(adam(), 10)
    assert type(optimizer) is keras.optimizers.Adam
    config = optimizer.get_config()
    names = ("beta_1", "beta_2", "epsilon", "weight_decay", "global_clipnorm")
    assert [config[name] for name in names] == [0.7, 0.8, 1e-3, None, None]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam_with_weight_decay_is_adamw(weight_decay):
    optimizer = make_optimizer(adam(weight_decay=weight_decay), 10)
    assert isinstance(optimizer, keras.optimizers.AdamW)
    # Without a gradient only the decay acts: w - learning_rate * decay * w.
    found = after_one_step(optimizer, [2.0], [0.0])
    np.testing.assert_allclose(found, [2.0 - 0.5 * weight_decay * 2.0], rtol=1e-6)


def test_an_sgd_step_by_hand():
    found = after_one_step(make_optimizer(sgd(), 10), [1.0, 2.0], [1.0, -4.0])
    np.testing.assert_allclose(found, [0.5, 4.0])


def test_the_gradient_is_clipped_by_its_global_norm():
    optimizer = make_optimizer(sgd(learning_rate=1.0, clip_norm=1.0), 10)
    # (3, 4) has norm 5: the step is (0.6, 0.8).
    found = after_one_step(optimizer, [0.0, 0.0], [3.0, 4.0])
    np.testing.assert_allclose(found, [-0.6, -0.8], rtol=1e-6)


def test_the_first_adam_step_by_hand():
    # m = 0.3 g and v = 0.2 g^2, both corrected back to g and g^2:
    # w - 0.5 g / (|g| + epsilon), but Keras adds epsilon before the correction:
    # 0.5 sqrt(0.2) / 0.3 * 0.3 g / (sqrt(0.2) |g| + 0.001).
    found = after_one_step(make_optimizer(adam(), 10), [0.0], [2.0])
    root = np.sqrt(0.2)
    np.testing.assert_allclose(found, [-0.5 * root * 2 / (root * 2 + 1e-3)], rtol=1e-5)


def test_a_schedule_follows_the_optimizers_own_steps():
    settings = sgd(schedule=Exponential(name="exponential", factor=0.5, every_steps=1))
    optimizer = make_optimizer(settings, 10)
    variable = keras.Variable(np.zeros(1, "float32"))
    for _ in range(3):
        optimizer.apply([np.ones(1, "float32")], [variable])
    # 0.5 + 0.25 + 0.125.
    np.testing.assert_allclose(variable.numpy(), [-0.875])
