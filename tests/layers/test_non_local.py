"""Non-local blocks: values by hand and NumPy, published counts, bounded memory."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.layers.non_local import PAIRWISE_FORMS, NonLocal

every_form = pytest.mark.parametrize("form", PAIRWISE_FORMS)
SHAPES = {"sequence": (2, 6, 4), "image": (2, 4, 6, 4), "video": (2, 3, 4, 4, 4)}
every_rank = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def _inputs(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _randomised(layer, shape, seed=1):
    """Built, with weights large enough to matter."""
    layer.build(shape)
    rng = np.random.default_rng(seed)
    layer.set_weights(
        [np.abs(rng.normal(size=w.shape)).astype("float32") for w in layer.weights]
    )
    return layer


def _numpy(layer, x):
    """Equations 1 and 6 for an image or a sequence, pair by pair."""
    weights = {
        weight.path.split("/", 1)[-1]: np.asarray(weight) for weight in layer.weights
    }

    def linear(name, values):
        return values @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    batch, channels = x.shape[0], x.shape[-1]
    pooled = _pooled(x) if layer.subsample else x
    near, far = x.reshape(batch, -1, channels), pooled.reshape(batch, -1, channels)
    g = linear("g", far)
    if layer.pairwise == "gaussian":
        theta, phi = near, far
    else:
        theta, phi = linear("theta", near), linear("phi", far)
    y = np.zeros((*theta.shape[:2], g.shape[-1]))
    for b in range(batch):
        for i in range(theta.shape[1]):
            products = np.array([theta[b, i] @ phi[b, j] for j in range(phi.shape[1])])
            if layer.pairwise == "concatenation":
                first, second = weights["pair_kernel"]
                f = np.maximum(0, theta[b, i] @ first + phi[b] @ second) / len(phi[b])
            elif layer.pairwise == "dot_product":
                f = products / len(phi[b])
            else:
                f = np.exp(products - products.max())
                f /= f.sum()
            y[b, i] = f @ g[b]
    z = linear("out", y)
    if layer.use_batch_norm:  # at inference
        mean, variance = weights["norm/moving_mean"], weights["norm/moving_variance"]
        z = (z - mean) / np.sqrt(variance + layer.epsilon)
        z = z * weights["norm/gamma"] + weights["norm/beta"]
    return z.reshape(x.shape) + x


def _pooled(x):
    """Maxima of 2 or 2 x 2 neighbours, by slices."""
    for axis in range(x.ndim - 3 + (x.ndim == 3), x.ndim - 1):
        even = np.take(x, range(0, x.shape[axis], 2), axis)
        odd = np.take(x, range(1, x.shape[axis], 2), axis)
        x = np.maximum(even, odd)
    return x


@every_form
@every_rank
def test_a_new_block_is_the_identity(form, shape):
    x = _inputs(shape)

    np.testing.assert_array_equal(NonLocal(form)(x), x)


@every_form
def test_a_new_block_without_batch_norm_is_the_identity_too(form):
    x = _inputs((2, 4, 4, 6))

    np.testing.assert_array_equal(NonLocal(form, use_batch_norm=False)(x), x)


@every_form
@every_rank
@pytest.mark.parametrize("subsample", [True, False])
def test_the_block_is_the_papers_equation(form, shape, subsample):
    x = 0.3 * _inputs(shape)
    layer = _randomised(NonLocal(form, subsample=subsample), shape)

    np.testing.assert_allclose(layer(x), _numpy(layer, x), rtol=2e-4, atol=2e-5)


def test_two_positions_worked_out_by_hand():
    # One channel, theta = phi = g = x, W_z = 1, no bias: x = (0, log 3).
    layer = NonLocal(
        "embedded_gaussian", inner_channels=1, subsample=False, use_batch_norm=False
    )
    layer.build((1, 2, 1))
    for dense in (layer._theta, layer._phi, layer._g, layer._out):
        dense.set_weights([np.ones((1, 1)), np.zeros(1)])
    x = np.array([[[0.0], [np.log(3.0)]]], "float32")

    # Position 1 has equal logits: half of each. Position 2 has the logits 0 and
    # (log 3)^2 = 1.2069: its weights are 1 / (1 + e^1.2069) = 0.2303 and 0.7697.
    expected = x + np.array([[[0.5 * np.log(3)], [0.7697 * np.log(3)]]])
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


@every_form
def test_blocks_of_rows_give_the_values_and_gradients_of_the_whole(form):
    shape = (2, 6, 8, 4)
    x = _inputs(shape)
    whole = _randomised(NonLocal(form), shape)
    blocks = NonLocal(form, max_entries=50)  # 48 x 12 pairs: 12 blocks
    blocks.build(shape)
    blocks.set_weights(whole.get_weights())

    expected, found = _value_and_gradients(whole, x), _value_and_gradients(blocks, x)

    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)


def _value_and_gradients(layer, x):
    import tensorflow as tf

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        total = tf.reduce_sum(outputs * _inputs(outputs.shape, seed=5))
    variables = [weight.value for weight in layer.trainable_weights]
    return [outputs, *tape.gradient(total, [inputs, *variables])]


@pytest.mark.parametrize("form", ["gaussian", "embedded_gaussian"])
def test_weights_of_a_softmax_sum_to_one_over_the_keys(form):
    shape = (2, 4, 6, 4)
    weights = _randomised(NonLocal(form), shape).attention_weights(_inputs(shape))

    assert tuple(weights.shape) == (2, 24, 6)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1.0, rtol=1e-5)


@every_form
def test_the_weights_mix_the_values_into_the_output(form):
    shape = (2, 4, 4, 4)
    x = 0.3 * _inputs(shape)
    layer = _randomised(NonLocal(form, use_batch_norm=False), shape)

    weights = np.asarray(layer.attention_weights(x))
    _, _, values = layer._project(x)

    mixed = layer._out(weights @ np.asarray(values))
    np.testing.assert_allclose(
        layer(x) - x, np.reshape(mixed, shape), rtol=1e-3, atol=1e-4
    )


def test_the_logits_are_scaled_only_where_asked():
    shape = (1, 3, 3, 8)
    x = 0.1 * _inputs(shape)
    plain = _randomised(NonLocal("embedded_gaussian", subsample=False), shape)
    scaled = NonLocal("embedded_gaussian", subsample=False, scale_logits=True)
    scaled.build(shape)
    scaled.set_weights(plain.get_weights())

    one, other = (np.log(layer.attention_weights(x)) for layer in (plain, scaled))

    # Differences of logits shrink by the square root of the 4 inner channels.
    np.testing.assert_allclose(
        other - other[..., :1], (one - one[..., :1]) / 2, rtol=1e-3, atol=1e-4
    )


# Wang et al. 2018 give none; counted from W_z, theta, phi, g with bias, gamma and beta:
# embedded 3 (C h + h) + (h C + C) + 2 C with h = C / 2.
COUNTS = {
    1024: (1_052_160, 2_101_760, 2_101_760, 2_102_784),
    512: (263_936, 526_592, 526_592, 527_104),
    256: (66_432, 132_224, 132_224, 132_480),
    64: (4_320, 8_480, 8_480, 8_544),
}


@pytest.mark.parametrize("channels", COUNTS)
def test_the_number_of_parameters(channels):
    found = []
    for form in PAIRWISE_FORMS:
        layer = NonLocal(form)
        layer.build((None, None, None, channels))
        found.append(sum(int(ops.size(weight)) for weight in layer.trainable_weights))

    assert tuple(found) == COUNTS[channels]


def test_theta_phi_and_g_start_with_different_numbers():
    layer = NonLocal("embedded_gaussian")
    layer.build((1, 4, 4, 8))

    kernels = [
        np.asarray(dense.kernel) for dense in (layer._theta, layer._phi, layer._g)
    ]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3
    assert np.abs(kernels[1] - kernels[2]).max() > 1e-3
    assert np.std(np.stack(kernels)) == pytest.approx(0.01, rel=0.3)


def test_an_image_of_unknown_size_is_taken():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, NonLocal("embedded_gaussian")(inputs))

    assert model(_inputs((2, 6, 4, 4))).shape == (2, 6, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"pairwise": "gausian"}, None, "one of gaussian, .*received 'gausian'"),
        ({"inner_channels": 0}, None, "inner_channels must be positive; received 0"),
        ({}, (2, 4), r"received \(2, 4\)"),
        ({}, (2, 4, 4, None), "known channels"),
    ],
)
def test_what_it_cannot_use_is_refused(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        NonLocal(**arguments).build(shape)


_MEMORY = """
import resource, sys
import tensorflow as tf
from cai_keras.layers.non_local import NonLocal
resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
layer = NonLocal(sys.argv[1], gamma_initializer="ones")
images = tf.random.normal((4, 128, 128, 64))
layer.build(images.shape)

@tf.function
def gradients(images):
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(images) ** 2)
    return tape.gradient(total, [weight.value for weight in layer.trainable_weights])

assert all(bool(tf.reduce_all(tf.math.is_finite(g))) for g in gradients(images))
# Not ru_maxrss: a process inherits that of the one which started it.
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize("form", ["embedded_gaussian", "concatenation"])
def test_four_maps_of_128_x_128_are_trained_within_four_gibibytes(form):
    # 16,384 queries and 4,096 keys: 1 GiB of weights for the four, and about four
    # times that without blocks.
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, form],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 4 << 30
