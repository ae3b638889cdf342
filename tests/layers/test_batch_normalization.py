"""The fused batch normalisation against Keras's own and against NumPy."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from cai_keras.layers.batch_normalization import BatchNormalization

SHAPE = (4, 5, 6, 3)


def images(seed, shape=SHAPE):
    values = np.random.default_rng(seed).normal(2.0, 3.0, size=shape)
    return values.astype("float32")


def both(**arguments):
    """Ours and Keras's layer, built alike, with gamma and beta of their own."""
    rng = np.random.default_rng(9)
    layers = (
        BatchNormalization(momentum=0.8, epsilon=1e-2, **arguments),
        keras.layers.BatchNormalization(momentum=0.8, epsilon=1e-2, **arguments),
    )
    gamma, beta = rng.normal(size=(2, SHAPE[-1]))
    for layer in layers:
        layer.build((None, *SHAPE[1:]))
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)
    return layers


def step(layer, inputs, factors):
    """Forward, backward and an SGD step; returns outputs and all gradients."""
    inputs = tf.constant(inputs)
    weights = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * factors)
    gradients = tape.gradient(total, [inputs, *weights])
    for weight, gradient in zip(weights, gradients[1:], strict=True):
        weight.assign_sub(0.01 * gradient)
    return [np.asarray(tf.cast(t, "float32")) for t in (outputs, *gradients)]


def assert_close(found, expected, tolerance):
    for ours, kerass in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, kerass, rtol=tolerance, atol=tolerance)


def test_training_equals_keras_in_values_gradients_and_moving_statistics():
    ours, kerass = both()
    for number in range(4):
        inputs, factors = images(number), images(100 + number)
        found, expected = step(ours, inputs, factors), step(kerass, inputs, factors)
        assert_close(found, expected, 2e-4)
        assert_close(ours.get_weights(), kerass.get_weights(), 2e-4)


def test_inference_equals_keras_after_training():
    ours, kerass = both()
    for layer in (ours, kerass):
        layer(images(0), training=True)
    inputs = images(1)
    np.testing.assert_allclose(
        ours(inputs, training=False), kerass(inputs, training=False), atol=1e-5
    )
    np.testing.assert_array_equal(ours(inputs), ours(inputs, training=False))


def test_gradients_in_inference_equal_keras():
    ours, kerass = both()
    gradients = []
    for layer in (ours, kerass):
        layer(images(0), training=True)
        inputs = tf.constant(images(1))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.reduce_sum(layer(inputs, training=False) ** 2)
        weights = [layer.gamma.value, layer.beta.value]
        gradients.append(tape.gradient(total, [inputs, *weights]))
    assert_close(*gradients, 1e-3)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_equals_keras_within_its_digits(policy):
    # bfloat16 has 8 significant bits, and outputs reach about 5: 5 / 256 = 0.02.
    ours, kerass = both(dtype=policy)
    inputs = images(0)
    found, expected = (layer(inputs, training=True) for layer in (ours, kerass))
    assert found.dtype == expected.dtype
    assert_close([tf.cast(found, "float32")], [tf.cast(expected, "float32")], 0.03)
    assert_close(ours.get_weights(), kerass.get_weights(), 0.03)


def test_normalised_output_and_biased_moving_variance_follow_the_equations():
    layer = BatchNormalization(momentum=0.9, epsilon=1e-3)
    x = images(0)
    found = layer(x, training=True)
    mean = x.astype("float64").mean(axis=(0, 1, 2))
    variance = ((x - mean) ** 2).mean(axis=(0, 1, 2))  # divided by n, not n - 1
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(variance + 1e-3), atol=1e-4)
    # From 0 and 1: 0.9 * 0 + 0.1 * mean, and 0.9 * 1 + 0.1 * variance.
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-5)


def test_moving_variance_of_four_values_is_biased():
    layer = BatchNormalization(momentum=0.5, epsilon=1e-3)
    layer(np.array([0, 2, 4, 6], "float32").reshape(1, 2, 2, 1), training=True)
    # Mean 3, squared distances 9 + 1 + 1 + 9 = 20: 20 / 4 = 5 (20 / 3 is unbiased).
    np.testing.assert_allclose(layer.moving_mean, [1.5], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [0.5 + 2.5], rtol=1e-6)


@pytest.mark.parametrize("shape", [(8, 3), (4, 5, 3), (2, 2, 3, 3, 3)])
def test_other_ranks_fall_back_to_keras(shape):
    ours = BatchNormalization(momentum=0.8, epsilon=1e-2)
    kerass = keras.layers.BatchNormalization(momentum=0.8, epsilon=1e-2)
    found, expected = (f(images(0, shape), training=True) for f in (ours, kerass))
    np.testing.assert_array_equal(found, expected)
    assert_close(ours.get_weights(), kerass.get_weights(), 0)


@pytest.mark.parametrize("missing", ["scale", "center"])
@pytest.mark.parametrize("training", [True, False])
def test_without_scale_or_offset_the_values_are_those_of_keras(missing, training):
    arguments = {"momentum": 0.8, "epsilon": 1e-2, missing: False}
    ours = BatchNormalization(**arguments)
    kerass = keras.layers.BatchNormalization(**arguments)
    for layer in (ours, kerass):
        layer(images(1), training=True)
    found, expected = (layer(images(0), training=training) for layer in (ours, kerass))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for mine, theirs in zip(ours.weights, kerass.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-6)


def test_what_the_kernel_cannot_do_falls_back_to_keras():
    arguments = {"dtype": "float64"}
    ours = BatchNormalization(momentum=0.8, epsilon=1e-2, **arguments)
    kerass = keras.layers.BatchNormalization(momentum=0.8, epsilon=1e-2, **arguments)
    found, expected = (layer(images(0), training=True) for layer in (ours, kerass))
    np.testing.assert_array_equal(found, expected)


def test_a_tiny_epsilon_falls_back_because_the_gpu_kernel_refuses_it():
    layer = BatchNormalization(momentum=0.9, epsilon=1e-6)
    x = images(0)
    found = layer(x, training=True)
    expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-6)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_frozen_layer_uses_and_keeps_its_moving_statistics():
    layer = BatchNormalization(momentum=0.9, epsilon=1e-3)
    layer.build((None, *SHAPE[1:]))
    layer.moving_mean.assign([1.0, 2.0, 3.0])
    layer.moving_variance.assign([4.0, 1.0, 9.0])
    layer.trainable = False
    x = images(0)
    found = layer(x, training=True)
    spread = np.sqrt(np.array([4, 1, 9]) + 1e-3)
    np.testing.assert_allclose(found, (x - [1, 2, 3]) / spread, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, [1, 2, 3])
    np.testing.assert_array_equal(layer.moving_variance, [4, 1, 9])


def test_the_batch_may_have_any_size_inside_a_graph():
    layer = BatchNormalization(momentum=0.5, epsilon=1e-3)
    spec = tf.TensorSpec((None, 2, 2, 1), "float32")
    call = tf.function(lambda x: layer(x, training=True), input_signature=[spec])
    call(np.array([0, 2, 4, 6], "float32").reshape(1, 2, 2, 1))
    np.testing.assert_allclose(layer.moving_variance, [3.0], rtol=1e-6)


def test_another_axis_is_refused():
    with pytest.raises(ValueError, match="axis -1 only"):
        BatchNormalization(momentum=0.9, epsilon=1e-3, axis=1)


def test_momentum_and_epsilon_have_no_default():
    with pytest.raises(TypeError, match="momentum"):
        BatchNormalization()


SYNCHRONIZED = """
import json, sys
import numpy as np
import tensorflow as tf
from cai_keras.layers.batch_normalization import BatchNormalization

cpu = tf.config.list_physical_devices("CPU")[0]
parts = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, parts)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.load(sys.argv[1])
with strategy.scope():
    layer = BatchNormalization(momentum=0.0, epsilon=1e-3, synchronized=True)
    layer.build(x.shape)

def outputs_and_slopes(batch):
    with tf.GradientTape() as tape:
        tape.watch(batch)
        outputs = layer(batch, training=True)
        loss = tf.reduce_sum(outputs**3)
    return outputs, tape.gradient(loss, batch)

# Four examples on one replica, two on the other.
halves = {0: x[:4], 1: x[4:]}
shared = strategy.experimental_distribute_values_from_function(
    lambda context: tf.constant(halves[context.replica_id_in_sync_group])
)
found = tf.function(lambda b: strategy.run(outputs_and_slopes, (b,)))(shared)
gather = lambda v: np.concatenate(
    [part.numpy() for part in strategy.experimental_local_results(v)]
)
np.savez(
    sys.argv[2], outputs=gather(found[0]), slopes=gather(found[1]),
    mean=layer.moving_mean.numpy(), variance=layer.moving_variance.numpy(),
)
"""


def on_two_replicas(x, folder):
    """The script's arrays for a batch of six: four on one replica, two on the other."""
    np.save(folder / "x.npy", x)
    script = [sys.executable, "-c", SYNCHRONIZED, folder / "x.npy", folder / "y.npz"]
    subprocess.run(script, check=True, capture_output=True, timeout=300)
    return np.load(folder / "y.npz")


def test_two_replicas_normalise_by_the_moments_of_the_global_batch(tmp_path):
    # The mean is 10,000 deviations: E[x^2] - E[x]^2 in float32 would keep no digit.
    x = np.random.default_rng(0).normal(1000, 0.1, (6, 4, 4, 3)).astype("float32")
    found = on_two_replicas(x, tmp_path)

    wide = x.astype("float64")
    mean, variance = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
    expected = (wide - mean) / np.sqrt(variance + 1e-3)
    # float32 holds 1000 to 6e-5, which is 6e-4 deviations; the mean's error adds.
    np.testing.assert_allclose(found["outputs"], expected, atol=5e-3)
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(found["variance"], variance, rtol=1e-2)


def test_two_replicas_have_the_gradients_of_one(tmp_path):
    x = np.random.default_rng(1).normal(1, 2, (6, 4, 4, 3)).astype("float32")
    found = on_two_replicas(x, tmp_path)

    one = BatchNormalization(momentum=0.0, epsilon=1e-3)
    batch = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        loss = tf.reduce_sum(one(batch, training=True) ** 3)
    slopes = tape.gradient(loss, batch).numpy()

    np.testing.assert_allclose(found["slopes"], slopes, atol=1e-5 * abs(slopes).max())
