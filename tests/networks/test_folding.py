"""Networks with other weights that compute the same."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.networks.folding import folded_batch_norm, give_unit_mean_activations
from cai_keras.networks.vgg import apply_vgg_blocks

IMAGES = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype("float32")


def network_of(norm=None):
    inputs = keras.Input((8, 8, 3))
    x = apply_vgg_blocks(inputs, (2, 1), (4, 6), norm=norm)
    x = layers.Dense(3, name="logits")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x)


def randomised(network, seed=1):
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        values = rng.normal(0, 0.5, weight.shape)
        # Variances and scales are positive.
        is_positive = weight.path.endswith(("variance", "gamma"))
        weight.assign(np.abs(values) + 0.1 if is_positive else values)
    return network


def test_a_folded_network_computes_what_it_did():
    norm = partial(BatchNormalization, 0.9, 1e-3)
    original, folded = randomised(network_of(norm)), network_of()

    for name, weights in folded_batch_norm(original).items():
        folded.get_layer(name).set_weights(weights)

    np.testing.assert_allclose(folded(IMAGES), original(IMAGES), rtol=1e-4, atol=1e-5)


def test_one_convolution_is_folded_by_hand():
    # Kernel 2, gamma 3, beta 1, mean 4, variance 8, epsilon 1: s = 3 / 3 = 1, so that
    # the kernel stays 2 and the bias is 1 - 4.
    inputs = keras.Input((1, 1, 1))
    norm = BatchNormalization(0.9, 1.0, name="block1_norm1")
    x = layers.Conv2D(1, 1, use_bias=False, name="block1_conv1")(inputs)
    network = keras.Model(inputs, norm(x))
    network.get_layer("block1_conv1").set_weights([np.full((1, 1, 1, 1), 2.0)])
    norm.set_weights([np.array([value]) for value in (3.0, 1.0, 4.0, 8.0)])

    kernel, bias = folded_batch_norm(network)["block1_conv1"]

    assert kernel.item() == pytest.approx(2.0)
    assert bias.item() == pytest.approx(-3.0)


def test_every_filter_that_ever_answers_has_a_mean_activation_of_one():
    network = randomised(network_of())

    give_unit_mean_activations(network, IMAGES)

    maps = keras.Model(
        network.input,
        [x.output for x in network.layers if isinstance(x, layers.Conv2D)],
    )
    for features in maps(IMAGES):
        means = np.mean(features, axis=(0, 1, 2))
        np.testing.assert_allclose(means[means > 0], 1.0, rtol=1e-4)


def test_scaled_filters_leave_the_result_as_it_was():
    network = randomised(network_of())
    before = network(IMAGES).numpy()

    give_unit_mean_activations(network, IMAGES)

    np.testing.assert_allclose(network(IMAGES), before, rtol=1e-4, atol=1e-5)


def test_a_silent_filter_keeps_its_scale():
    network = randomised(network_of())
    first = network.get_layer("block1_conv1")
    kernel, bias = first.get_weights()
    bias[2] = -1000.0
    first.set_weights([kernel, bias])

    give_unit_mean_activations(network, IMAGES)

    new_kernel, new_bias = first.get_weights()
    np.testing.assert_array_equal(new_kernel[..., 2], kernel[..., 2])
    assert new_bias[2] == -1000.0


def test_a_filter_that_hardly_fires_is_scaled_as_if_it_had_the_least_share():
    # Biases alone: means 1, 0.01 and 3, of the layer 4.01 / 3. A share of 0.3 is 0.401.
    inputs = keras.Input((4, 4, 3))
    maps = layers.Conv2D(3, 1, activation="relu", name="conv")(inputs)
    network = keras.Model(inputs, maps)
    biases = np.array([1.0, 0.01, 3.0])
    network.get_layer("conv").set_weights([np.zeros((1, 1, 3, 3)), biases])

    give_unit_mean_activations(network, list(IMAGES[:, :4, :4]), least_share=0.3)

    found = network(IMAGES[:1, :4, :4])[0, 0, 0]
    np.testing.assert_allclose(found, [1.0, 0.01 / 0.401, 1.0], rtol=1e-5)
