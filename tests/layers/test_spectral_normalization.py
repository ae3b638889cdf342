"""Spectral normalisation against NumPy's singular values and a gradient by hand."""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.layers.spectral_normalization import SpectralNormalization


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def as_array(tensor):
    return ops.convert_to_numpy(tensor)


def settled(layer, inputs, calls=300):
    """The layer after so many power iterations."""
    wrapped = SpectralNormalization(layer)
    for _ in range(calls):
        wrapped(inputs, training=True)
    return wrapped


def largest(matrix):
    return np.linalg.svd(matrix, compute_uv=False)[0]


def test_the_largest_singular_value_of_a_dense_layer_is_found():
    layer = keras.layers.Dense(7)
    wrapped = settled(layer, noise(2, 5))

    expected = largest(as_array(layer.kernel))

    assert float(wrapped.singular_value()) == pytest.approx(expected, rel=1e-5)


def test_a_convolutions_matrix_has_a_column_for_each_filter():
    layer = keras.layers.Conv2D(6, 3)
    wrapped = settled(layer, noise(1, 4, 4, 5))

    expected = largest(as_array(layer.kernel).reshape(3 * 3 * 5, 6))

    assert float(wrapped.singular_value()) == pytest.approx(expected, rel=1e-5)


def test_a_transposed_convolutions_too_though_its_kernel_is_stored_otherwise():
    layer = keras.layers.Conv2DTranspose(6, 3, 2)
    wrapped = settled(layer, noise(1, 3, 3, 5))
    kernel = as_array(layer.kernel)  # (3, 3, filters, channels)
    assert kernel.shape == (3, 3, 6, 5)

    expected = largest(kernel.transpose(0, 1, 3, 2).reshape(3 * 3 * 5, 6))

    assert float(wrapped.singular_value()) == pytest.approx(expected, rel=1e-5)


def test_what_is_computed_is_the_layer_with_its_kernel_divided_and_its_bias_not():
    layer = keras.layers.Dense(3, activation="tanh", bias_initializer="ones")
    inputs = noise(4, 5)
    wrapped = settled(layer, inputs)
    kernel = as_array(layer.kernel)

    expected = np.tanh(inputs @ kernel / largest(kernel) + 1)

    np.testing.assert_allclose(as_array(wrapped(inputs)), expected, atol=1e-5)


def test_an_embeddings_vectors_are_divided():
    layer = keras.layers.Embedding(4, 3)
    numbers = np.array([0, 2, 3])
    wrapped = settled(layer, numbers)
    table = as_array(layer.embeddings)

    expected = table[numbers] / largest(table)

    np.testing.assert_allclose(as_array(wrapped(numbers)), expected, rtol=1e-5)


def test_the_weight_itself_stays_as_it_is():
    layer = keras.layers.Dense(3)
    wrapped = SpectralNormalization(layer)
    wrapped.build((None, 5))
    before = as_array(layer.kernel)

    wrapped(noise(4, 5), training=True)

    np.testing.assert_array_equal(as_array(layer.kernel), before)


def test_sigma_is_one_power_iteration_from_the_vector_that_is_kept():
    # W = [[3, 0], [0, 1]], u = (3, 4) / 5:
    #   W u = (9, 4) / 5, v = (9, 4) / sqrt(97)
    #   W^T v = (27, 4) / sqrt(97), u' = (27, 4) / sqrt(745)
    #   sigma = v^T W u' = (27 x 27 + 4 x 4) / sqrt(97 x 745) = sqrt(745 / 97)
    layer = keras.layers.Dense(2, use_bias=False)
    wrapped = SpectralNormalization(layer)
    wrapped.build((None, 2))
    layer.set_weights([np.diag([3.0, 1.0])])
    wrapped.vector.assign([0.6, 0.8])

    found = float(wrapped.singular_value())
    wrapped(noise(1, 2), training=True)

    assert found == pytest.approx(np.sqrt(745 / 97), rel=1e-6)
    expected = np.array([27, 4]) / np.sqrt(745)
    np.testing.assert_allclose(as_array(wrapped.vector), expected, rtol=1e-6)


def test_the_vector_moves_on_in_training_only():
    wrapped = SpectralNormalization(keras.layers.Dense(3))
    wrapped.build((None, 5))
    start = as_array(wrapped.vector)

    inputs = noise(4, 5)
    first = as_array(wrapped(inputs, training=False))
    np.testing.assert_array_equal(as_array(wrapped.vector), start)
    second = as_array(wrapped(inputs, training=True))

    # Both use the same sigma; only what is kept differs.
    np.testing.assert_array_equal(first, second)
    assert np.abs(as_array(wrapped.vector) - start).max() > 1e-3


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's"
)
def test_the_gradient_goes_through_sigma():
    import tensorflow as tf

    layer = keras.layers.Dense(4, use_bias=False)
    inputs, factors = noise(6, 5), noise(6, 4, seed=1)
    wrapped = settled(layer, inputs)
    with tf.GradientTape() as tape:
        total = ops.sum(wrapped(inputs) * factors)
    (found,) = tape.gradient(total, [layer.kernel.value])

    # Equation 12 of the paper with the singular vectors of NumPy. The loss is linear
    # in W / sigma: its gradient G is inputs^T factors.
    kernel = as_array(layer.kernel).astype("float64")
    left, sigma, right = np.linalg.svd(kernel, full_matrices=False)
    outer = np.outer(left[:, 0], right[0])
    G = inputs.T.astype("float64") @ factors
    expected = (G - np.sum(G * kernel) / sigma[0] * outer) / sigma[0]
    np.testing.assert_allclose(as_array(found), expected, atol=1e-4)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's"
)
def test_scaling_the_weight_changes_nothing():
    # W / sigma(W) is the same for 3 W: the slope along W itself is zero.
    import tensorflow as tf

    layer = keras.layers.Conv2D(4, 3)
    inputs = noise(2, 5, 5, 3)
    wrapped = settled(layer, inputs)
    with tf.GradientTape() as tape:
        total = ops.sum(ops.square(wrapped(inputs)))
    (slope,) = tape.gradient(total, [layer.kernel.value])

    along = np.sum(as_array(slope) * as_array(layer.kernel))

    assert abs(along) < 1e-3 * np.abs(as_array(slope)).max()


def test_a_layer_without_a_matrix_is_refused():
    wrapped = SpectralNormalization(keras.layers.Flatten())

    with pytest.raises(ValueError, match="a kernel or embeddings; received Flatten"):
        wrapped(noise(2, 3))


def test_torchs_spectral_norm_finds_the_same(tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: pip install 'cai-keras[parity]'")
    layer = keras.layers.Dense(7, use_bias=False)
    wrapped = settled(layer, noise(2, 5))
    np.save(tmp_path / "kernel.npy", as_array(layer.kernel))
    # In a process of its own: TensorFlow and torch do not share one well.
    code = (
        "import sys, numpy as np, torch\n"
        "kernel = np.load(sys.argv[1])\n"
        "layer = torch.nn.Linear(*kernel.shape, bias=False)\n"
        "layer.weight.data = torch.tensor(kernel.T)\n"
        "layer = torch.nn.utils.parametrizations.spectral_norm(layer)\n"
        "layer.train()\n"
        "for _ in range(300): layer(torch.ones(1, kernel.shape[0]))\n"
        "layer.eval()\n"
        "np.save(sys.argv[1], layer.weight.detach().numpy().T)\n"
    )
    path = str(tmp_path / "kernel.npy")
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=300)

    found = as_array(layer.kernel) / float(wrapped.singular_value())

    np.testing.assert_allclose(found, np.load(path), rtol=1e-5, atol=1e-6)
