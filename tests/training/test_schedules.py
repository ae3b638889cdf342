"""Warm-up and hold around Keras's own schedules, on every backend of the engine."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from keras.optimizers.schedules import PiecewiseConstantDecay, PolynomialDecay

from cai_keras.training.schedules import Hold, WarmUp


def line(steps=10, rate=0.8):
    return PolynomialDecay(rate, steps, end_learning_rate=0.0)


def values_at(schedule, steps):
    return [float(schedule(ops.convert_to_tensor(step, "int32"))) for step in steps]


def made():
    """One of each, and one inside the other."""
    return [
        Hold(line(), 4),
        WarmUp(0.8, 4),
        WarmUp(0.8, 4, PiecewiseConstantDecay([6], [0.8, 0.2])),
        WarmUp(0.8, 4, Hold(line(), 6)),
    ]


def test_hold_keeps_the_first_value_and_begins_the_schedule_after_it():
    # 0.8 for 4 steps; half of it 5 steps later, 0 another 5 steps later.
    found = values_at(Hold(line(), 4), [0, 3, 4, 9, 14, 20])
    np.testing.assert_allclose(found, [0.8, 0.8, 0.8, 0.4, 0.0, 0.0], atol=1e-7)


def test_hold_of_no_steps_is_the_schedule():
    assert values_at(Hold(line(), 0), range(12)) == values_at(line(), range(12))


def test_warm_up_is_a_line_from_nothing_to_the_rate():
    # 0.8 step / 4.
    found = values_at(WarmUp(0.8, 4), [0, 1, 2, 3, 4, 100])
    np.testing.assert_allclose(found, [0, 0.2, 0.4, 0.6, 0.8, 0.8], rtol=1e-6)


def test_the_schedule_after_the_warm_up_has_absolute_steps():
    schedule = WarmUp(0.8, 4, PiecewiseConstantDecay([6], [0.8, 0.2]))
    # Keras's boundary is the last step of the first value.
    found = values_at(schedule, [0, 2, 4, 6, 7])
    np.testing.assert_allclose(found, [0.0, 0.4, 0.8, 0.8, 0.2], rtol=1e-6)


def test_a_boundary_inside_the_warm_up_does_not_bend_its_line():
    schedule = WarmUp(0.8, 4, PiecewiseConstantDecay([1], [0.8, 0.2]))
    found = values_at(schedule, [1, 2, 3, 4])
    np.testing.assert_allclose(found, [0.2, 0.4, 0.6, 0.2], rtol=1e-6)


def test_warm_up_hold_and_decay_follow_one_another():
    # Up in 4 steps, constant until step 6, then a line over 10 steps.
    found = values_at(WarmUp(0.8, 4, Hold(line(), 6)), [2, 4, 6, 11, 16])
    np.testing.assert_allclose(found, [0.4, 0.8, 0.8, 0.4, 0.0], atol=1e-7)


@pytest.mark.parametrize("schedule", made(), ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("kind", ["int32", "int64", "float32"])
def test_the_rate_is_float32_for_any_kind_of_step(schedule, kind):
    rate = schedule(ops.convert_to_tensor(np.array(3, kind)))
    assert keras.backend.standardize_dtype(rate.dtype) == "float32"


@pytest.mark.parametrize("schedule", made(), ids=lambda s: type(s).__name__)
def test_a_schedule_survives_saving(schedule):
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    assert values_at(again, range(20)) == values_at(schedule, range(20))


def test_an_optimizer_with_a_schedule_survives_saving():
    optimizer = keras.optimizers.SGD(WarmUp(0.8, 4, Hold(line(), 6)))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    again.iterations.assign(11)
    np.testing.assert_allclose(float(again.learning_rate), 0.4, rtol=1e-6)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.function is TensorFlow's"
)
@pytest.mark.parametrize("schedule", made(), ids=lambda s: type(s).__name__)
def test_a_schedule_works_inside_a_graph(schedule):
    import tensorflow as tf

    compiled = tf.function(schedule)
    found = [float(compiled(tf.constant(step, tf.int64))) for step in range(20)]
    np.testing.assert_allclose(found, values_at(schedule, range(20)), rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="jit is JAX's")
@pytest.mark.parametrize("schedule", made(), ids=lambda s: type(s).__name__)
def test_a_schedule_works_inside_jit(schedule):
    import jax

    compiled = jax.jit(lambda step: schedule(step))
    found = [float(compiled(step)) for step in range(20)]
    # XLA orders the sums otherwise: 1e-7 is float32's rounding of rates up to 0.8.
    np.testing.assert_allclose(found, values_at(schedule, range(20)), atol=1e-7)


def test_a_negative_hold_is_refused():
    with pytest.raises(ValueError, match="at least 0, received -1"):
        Hold(line(), -1)


@pytest.mark.parametrize("steps", [0, -1])
def test_a_warm_up_of_no_steps_is_refused(steps):
    with pytest.raises(ValueError, match=f"at least 1, received {steps}"):
        WarmUp(0.8, steps)


@settings(max_examples=50, deadline=None)
@given(
    rate=st.floats(1e-6, 10.0),
    warmup_steps=st.integers(1, 1_000_000),
    fractions=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=10),
)
def test_a_warm_up_never_falls_and_never_passes_the_rate(rate, warmup_steps, fractions):
    steps = sorted(int(fraction * warmup_steps) for fraction in fractions)
    found = values_at(WarmUp(rate, warmup_steps), steps)
    assert found == sorted(found)
    assert all(0.0 <= value <= np.float32(rate) for value in found)


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
