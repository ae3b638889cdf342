"""Schedules, optimizers and the rules of updates by hand."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.training.optimizers import (
    _name_pattern,
    make_optimizer,
    make_rules,
    make_schedule,
)
from cai_keras.training.settings import (
    Adam,
    Constant,
    Cosine,
    Exponential,
    Linear,
    Piecewise,
    Polynomial,
    RmsProp,
    Sgd,
    WeightDecay,
)

CONSTANT = Constant(name="constant")


def cosine(warmup_steps=0, final_fraction=0.0):
    return Cosine(
        name="cosine", warmup_steps=warmup_steps, final_fraction=final_fraction
    )


def exponential(factor=0.5, every_steps=10, **changes):
    return Exponential(
        name="exponential", factor=factor, every_steps=every_steps, **changes
    )


def linear(hold_fraction, final_fraction=0.0, **changes):
    values = {"hold_fraction": hold_fraction, "final_fraction": final_fraction}
    return Linear(name="linear", **values, **changes)


def polynomial(power, final_fraction, **changes):
    values = {"power": power, "final_fraction": final_fraction}
    return Polynomial(name="polynomial", **values, **changes)


def piecewise(boundaries, factors, **changes):
    values = {"boundaries": boundaries, "factors": factors}
    return Piecewise(name="piecewise", **values, **changes)


def decay(kind="decoupled", rate=0.1, exclude=()):
    return WeightDecay(kind=kind, rate=rate, exclude=list(exclude))


def sgd(**changes):
    values = {
        "name": "sgd", "learning_rate": 0.5, "schedule": CONSTANT, "clip_norm": None,
        "momentum": 0.0, "nesterov": False,
    }  # fmt: skip
    return Sgd(**(values | changes))


def adam(**changes):
    values = {
        "name": "adam", "learning_rate": 0.5, "schedule": CONSTANT, "clip_norm": None,
        "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3,
    }  # fmt: skip
    return Adam(**(values | changes))


def rmsprop(**changes):
    values = {
        "name": "rmsprop", "learning_rate": 0.5, "schedule": CONSTANT,
        "clip_norm": None, "rho": 0.75, "momentum": 0.0, "epsilon": 3.0,
        "centered": False,
    }  # fmt: skip
    return RmsProp(**(values | changes))


def values_at(schedule, steps):
    return [float(schedule(step)) for step in steps]


def after_one_step(optimizer, weights, gradient, name="kernel"):
    variable = keras.Variable(np.array(weights, "float32"), name=name)
    optimizer.apply([keras.ops.array(gradient, "float32")], [variable])
    return keras.ops.convert_to_numpy(variable)


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
@pytest.mark.parametrize(
    "make",
    [
        cosine,
        lambda steps: linear(0.5, warmup_steps=steps),
        lambda steps: polynomial(2.0, 0.1, warmup_steps=steps),
        lambda steps: piecewise([3], [0.1], warmup_steps=steps),
        lambda steps: exponential(warmup_steps=steps),
    ],
)
def test_a_run_without_steps_still_has_a_schedule(make, warmup_steps):
    schedule = make_schedule(make(warmup_steps), 0.4, total_steps=0)
    assert np.isfinite(values_at(schedule, [0, 1, 5, 6])).all()


def test_exponential_falls_in_jumps():
    schedule = make_schedule(exponential(), 0.8, total_steps=100)
    found = values_at(schedule, [0, 9, 10, 19, 25, 30])
    np.testing.assert_allclose(found, [0.8, 0.8, 0.4, 0.4, 0.2, 0.1], rtol=1e-6)


def test_a_constant_rate_can_have_a_warm_up():
    settings = Constant(name="constant", warmup_steps=10)
    schedule = make_schedule(settings, 0.3, total_steps=100)
    # 0.3 step / 10.
    found = values_at(schedule, [0, 5, 10, 100])
    np.testing.assert_allclose(found, [0.0, 0.15, 0.3, 0.3], rtol=1e-6)


def test_exponential_jumps_at_absolute_steps_after_a_warm_up():
    schedule = make_schedule(exponential(warmup_steps=5), 0.8, total_steps=100)
    # 0.8 step / 5, then halved at step 10 and not at 15.
    found = values_at(schedule, [0, 1, 5, 9, 10, 15, 20])
    expected = [0.0, 0.16, 0.8, 0.8, 0.4, 0.4, 0.2]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_linear_holds_and_then_goes_to_nothing():
    schedule = make_schedule(linear(0.5), 0.4, total_steps=100)
    # CycleGAN: constant for the first half, half the rate in the middle of the second.
    found = values_at(schedule, [0, 49, 50, 75, 100, 150])
    np.testing.assert_allclose(found, [0.4, 0.4, 0.4, 0.2, 0, 0], atol=1e-7)


def test_linear_without_a_hold_begins_at_once_and_ends_at_its_fraction():
    schedule = make_schedule(linear(0.0, 0.5), 0.4, total_steps=100)
    # From 0.4 to 0.2.
    found = values_at(schedule, [0, 50, 100])
    np.testing.assert_allclose(found, [0.4, 0.3, 0.2], rtol=1e-6)


def test_linear_holds_its_fraction_of_the_steps_after_the_warm_up():
    settings = linear(0.25, 0.5, warmup_steps=20)
    schedule = make_schedule(settings, 0.4, total_steps=100)
    # 80 steps are left: 20 are held, and 60 lead from 0.4 to 0.2.
    found = values_at(schedule, [10, 20, 40, 70, 100])
    np.testing.assert_allclose(found, [0.2, 0.4, 0.4, 0.3, 0.2], rtol=1e-6)


def test_polynomial_follows_its_power_to_its_fraction():
    schedule = make_schedule(polynomial(2.0, 0.25), 0.8, total_steps=100)
    # Half way 0.2 + (0.8 - 0.2) (1 - 1/2)^2 = 0.35.
    found = values_at(schedule, [0, 50, 100, 150])
    np.testing.assert_allclose(found, [0.8, 0.35, 0.2, 0.2], rtol=1e-6)


def test_polynomial_spans_the_steps_after_the_warm_up():
    settings = polynomial(2.0, 0.25, warmup_steps=20)
    schedule = make_schedule(settings, 0.8, total_steps=120)
    found = values_at(schedule, [10, 20, 70, 120])
    np.testing.assert_allclose(found, [0.4, 0.8, 0.35, 0.2], rtol=1e-6)


def test_piecewise_has_the_rate_itself_for_as_many_steps_as_the_boundary():
    schedule = make_schedule(piecewise([10, 20], [0.5, 0.1]), 0.8, total_steps=30)
    # Steps 0 to 9 are ten steps; both factors are relative to 0.8.
    found = values_at(schedule, [0, 9, 10, 19, 20, 99])
    np.testing.assert_allclose(found, [0.8, 0.8, 0.4, 0.4, 0.08, 0.08], rtol=1e-6)


def test_piecewise_jumps_where_exponential_does():
    steps = range(40)
    jumps = piecewise([10, 20, 30], [0.5, 0.25, 0.125])
    found = values_at(make_schedule(jumps, 0.8, 40), steps)
    expected = values_at(make_schedule(exponential(), 0.8, 40), steps)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_piecewise_boundaries_are_absolute_after_a_warm_up():
    settings = piecewise([10], [0.5], warmup_steps=4)
    schedule = make_schedule(settings, 0.8, total_steps=30)
    found = values_at(schedule, [0, 2, 4, 9, 10])
    np.testing.assert_allclose(found, [0.0, 0.4, 0.8, 0.8, 0.4], rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    jumps=st.dictionaries(
        st.integers(1, 200), st.floats(1e-3, 10.0), min_size=1, max_size=6
    ),
    steps=st.lists(st.integers(0, 250), min_size=1, max_size=10),
)
def test_piecewise_equals_numpy(jumps, steps):
    boundaries = sorted(jumps)
    factors = [jumps[boundary] for boundary in boundaries]
    schedule = make_schedule(piecewise(boundaries, factors), 0.5, 250)
    # How many boundaries are at or before each step.
    passed = np.searchsorted(boundaries, steps, side="right")
    expected = 0.5 * np.array([1.0, *factors])[passed]
    np.testing.assert_allclose(values_at(schedule, steps), expected, rtol=1e-6)


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


def test_rmsprop_constants_reach_keras():
    settings = rmsprop(momentum=0.9, centered=True, clip_norm=2.0)
    optimizer = make_optimizer(settings, 10)
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    config = optimizer.get_config()
    names = ("rho", "momentum", "epsilon", "centered", "global_clipnorm")
    assert [config[name] for name in names] == [0.75, 0.9, 3.0, True, 2.0]


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
    optimizer = make_optimizer(sgd(schedule=exponential(every_steps=1)), 10)
    variable = keras.Variable(np.zeros(1, "float32"))
    for _ in range(3):
        optimizer.apply([keras.ops.ones(1)], [variable])
    # 0.5 + 0.25 + 0.125.
    np.testing.assert_allclose(variable, [-0.875])


def test_the_first_rmsprop_step_by_hand():
    # v = 0.25 g^2 = 1, and Keras adds epsilon inside the root: 0.5 * 2 / sqrt(1 + 3).
    found = after_one_step(make_optimizer(rmsprop(), 10), [0.0], [2.0])
    np.testing.assert_allclose(found, [-0.5], rtol=1e-6)


def test_the_first_centered_rmsprop_step_by_hand():
    # The mean gradient is 0.25 * 2 = 0.5: v - 0.5^2 = 0.75, and with 0.25 a root of 1.
    settings = rmsprop(centered=True, epsilon=0.25)
    found = after_one_step(make_optimizer(settings, 10), [0.0], [2.0])
    np.testing.assert_allclose(found, [-1.0], rtol=1e-6)


# Weight decay


@pytest.mark.parametrize(
    ("make", "kind", "by_the_gradient"),
    [
        # learning rate * g
        (sgd, keras.optimizers.SGD, 0.5 * 2),
        # as in the first Adam step above
        (adam, keras.optimizers.AdamW, 0.5 * 2 * 0.2**0.5 / (2 * 0.2**0.5 + 1e-3)),
        # as in the first RMSprop step above
        (rmsprop, keras.optimizers.RMSprop, 0.5),
    ],
)
def test_decoupled_decay_takes_its_part_of_the_weight(make, kind, by_the_gradient):
    optimizer = make_optimizer(make(weight_decay=decay(rate=0.1)), 10)
    assert type(optimizer) is kind
    # 4 - learning rate * decay * 4 - what the gradient does without any decay.
    found = after_one_step(optimizer, [4.0], [2.0])
    expected = 4.0 - 0.5 * 0.1 * 4.0 - by_the_gradient
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_a_decay_of_nothing_changes_nothing():
    optimizer = make_optimizer(adam(weight_decay=decay(rate=0.0)), 10)
    assert type(optimizer) is keras.optimizers.AdamW
    np.testing.assert_array_equal(after_one_step(optimizer, [2.0], [0.0]), [2.0])


def test_decoupled_decay_follows_the_schedule():
    settings = sgd(weight_decay=decay(), schedule=exponential(every_steps=1))
    optimizer = make_optimizer(settings, 10)
    variable = keras.Variable(np.array([2.0], "float32"), name="kernel")
    for _ in range(2):
        optimizer.apply([keras.ops.zeros(1)], [variable])
    # The learning rates are 0.5 and 0.25: 2 (1 - 0.05) (1 - 0.025).
    np.testing.assert_allclose(variable, [2.0 * 0.95 * 0.975], rtol=1e-6)


@pytest.mark.parametrize("make", [sgd, adam, rmsprop])
@pytest.mark.parametrize(
    ("exclude", "name", "is_decayed"),
    [
        (["bias"], "bias", False),
        (["bias"], "kernel", True),
        (["bias", "beta"], "beta", False),
        (["beta"], "beta_proj", True),
        (["beta"], "alpha_beta", True),
        (["be.a"], "beta", True),
        (["be.a"], "be.a", False),
    ],
)
def test_excluded_names_are_whole_names(make, exclude, name, is_decayed):
    settings = make(weight_decay=decay(rate=0.1, exclude=exclude))
    found = after_one_step(make_optimizer(settings, 10), [2.0], [0.0], name)
    # Without a gradient only the decay acts: 2 - 0.5 * 0.1 * 2.
    np.testing.assert_allclose(found, [1.9 if is_decayed else 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "is_excluded"),
    [
        # Names of one weight with JAX, with TensorFlow, and on a second device.
        ("beta", True), ("norm/beta:0", True), ("norm/beta/replica_1:0", True),
        ("a/b/beta:0", True), ("norm/beta_1:0", False), ("beta/kernel:0", False),
        ("beta/replica_1/kernel:0", False), ("norm/my_beta:0", False),
    ],
)  # fmt: skip
def test_an_excluded_name_is_the_last_part_wherever_it_runs(name, is_excluded):
    assert bool(re.search(_name_pattern(["gamma", "beta"]), name)) is is_excluded


def test_a_layers_name_excludes_none_of_its_weights():
    layer = keras.layers.Dense(1, name="bias", kernel_initializer="ones")
    layer.build((None, 1))
    settings = sgd(weight_decay=decay(rate=0.1, exclude=["bias"]))
    zeros = [keras.ops.zeros((1, 1)), keras.ops.zeros(1)]
    make_optimizer(settings, 10).apply(zeros, layer.trainable_variables)
    assert layer.kernel.path == "bias/kernel"
    np.testing.assert_allclose(layer.kernel, [[0.95]], rtol=1e-6)


MIRRORED = """
import numpy as np, keras, tensorflow as tf
from cai_keras.training.optimizers import make_optimizer
from cai_keras.training.settings import Sgd
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
settings = Sgd(name="sgd", learning_rate=0.5, momentum=0.0, nesterov=False,
    clip_norm=None, schedule={"name": "constant"},
    weight_decay={"kind": "decoupled", "rate": 0.1, "exclude": ["bias"]})
with strategy.scope():
    layer = keras.layers.Dense(1, name="bias", use_bias=True,
        kernel_initializer="ones", bias_initializer="ones")
    layer.build((None, 1))
    optimizer = make_optimizer(settings, 10)
    optimizer.build(layer.trainable_variables)
@tf.function
def step():
    optimizer.apply([tf.zeros((1, 1)), tf.zeros(1)], layer.trainable_variables)
strategy.run(step)
for weight in layer.trainable_variables:
    print(*[float(x.numpy().item()) for x in weight.value.values])
"""  # noqa: E501


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's"
)
def test_an_excluded_weight_is_excluded_on_every_device():
    result = subprocess.run(
        [sys.executable, "-c", MIRRORED], capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr[-3000:]
    kernel, bias = [
        [float(value) for value in line.split()] for line in result.stdout.splitlines()
    ]
    # 1 - 0.5 * 0.1 on both devices, and 1.
    np.testing.assert_allclose(kernel, [0.95, 0.95], rtol=1e-6)
    assert bias == [1.0, 1.0]


@pytest.mark.parametrize("make", [sgd, adam, rmsprop])
def test_l2_is_not_in_the_optimizer(make):
    optimizer = make_optimizer(make(weight_decay=decay("l2")), 10)
    assert optimizer.weight_decay is None
    assert not isinstance(optimizer, keras.optimizers.AdamW)
    np.testing.assert_array_equal(after_one_step(optimizer, [2.0], [0.0]), [2.0])


# Rules


def test_there_is_a_rule_for_each_update():
    penalty = decay("l2", exclude=["bias"])
    rules = make_rules(
        {
            "critic": adam(weight_decay=decay()),
            "generator": sgd(every=5, weight_decay=penalty),
        },
        total_steps=100,
    )
    assert list(rules) == ["critic", "generator"]
    assert isinstance(rules["critic"].optimizer, keras.optimizers.AdamW)
    assert isinstance(rules["generator"].optimizer, keras.optimizers.SGD)
    assert [rule.every for rule in rules.values()] == [1, 5]
    assert [rule.l2 for rule in rules.values()] == [None, penalty]


@pytest.mark.parametrize(
    ("every", "step", "rate"),
    # 104 steps hold 104, 20 (of 5) and 0 (of 200) of the optimizer's own.
    [(1, 52, 0.25), (1, 104, 0.0), (5, 10, 0.25), (5, 20, 0.0), (200, 1, 0.0)],
)
def test_a_schedule_spans_the_steps_of_its_own_update(every, step, rate):
    settings = sgd(every=every, schedule=cosine())
    optimizer = make_rules({"critic": settings}, 104)["critic"].optimizer
    optimizer.iterations.assign(step)
    np.testing.assert_allclose(float(optimizer.learning_rate), rate, atol=1e-7)


def test_all_of_this_holds_with_jax():
    pytest.importorskip("jax")
    if keras.backend.backend() == "jax":
        pytest.skip("this is JAX")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", __file__, "-p", "no:cacheprovider"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-3000:]
