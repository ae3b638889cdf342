"""Layers that are told an example's class, or look at the whole batch."""

import numpy as np
import pytest
from keras import ops

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from cai_keras.layers.minibatch_deviation import MinibatchDeviation
from cai_keras.layers.projection_head import ProjectionHead


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def as_array(tensor):
    return ops.convert_to_numpy(tensor)


# Conditional batch normalisation.


def test_every_example_is_scaled_and_moved_as_its_class_says():
    layer = ConditionalBatchNormalization(3, momentum=0.9, epsilon=1e-4)
    maps, labels = noise(4, 2, 5, 2), np.array([0, 2, 2, 1])
    layer.build(maps.shape, labels.shape)
    gamma, beta = noise(3, 2, seed=1), noise(3, 2, seed=2)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)

    found = as_array(layer(maps, labels, training=True))

    # Moments are of all examples of the batch, whatever their class.
    mean, variance = maps.mean(axis=(0, 1, 2)), maps.var(axis=(0, 1, 2))
    normalised = (maps - mean) / np.sqrt(variance + 1e-4)
    chosen = [x[labels][:, None, None] for x in (gamma, beta)]
    np.testing.assert_allclose(found, normalised * chosen[0] + chosen[1], atol=1e-5)


def test_a_new_one_is_plain_batch_normalisation_in_training_and_after():
    layer = ConditionalBatchNormalization(2, momentum=0.5, epsilon=1e-4)
    plain = BatchNormalization(momentum=0.5, epsilon=1e-4)
    maps, labels = noise(4, 3, 3, 2), np.array([0, 1, 0, 1])
    for training in (True, True, False):
        found = as_array(layer(maps, labels, training=training))
        expected = as_array(plain(maps, training=training))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_classes_and_channels_must_be_known():
    with pytest.raises(ValueError, match="classes must be positive; received 0"):
        ConditionalBatchNormalization(0, momentum=0.9, epsilon=1e-4)
    layer = ConditionalBatchNormalization(2, momentum=0.9, epsilon=1e-4)
    with pytest.raises(ValueError, match="known channels"):
        layer.build((None, 4, None), (None,))


# The projection discriminator.


def test_the_score_is_that_of_the_features_and_of_their_class():
    # phi = (1, 2), w = (3, 4), b = 5, V = [(1, 0), (0, -1)]:
    #   class 0: 3 + 8 + 5 + 1 = 17,  class 1: 3 + 8 + 5 - 2 = 14
    head = ProjectionHead(2, use_spectral_norm=False)
    features = np.array([[1.0, 2.0], [1.0, 2.0]], "float32")
    labels = np.array([0, 1])
    head.build(features.shape, labels.shape)
    head._score.set_weights([np.array([[3.0], [4.0]]), np.array([5.0])])
    head._classes.set_weights([np.array([[1.0, 0.0], [0.0, -1.0]])])

    np.testing.assert_allclose(as_array(head(features, labels)), [17.0, 14.0])


def test_with_spectral_normalisation_both_matrices_have_a_singular_value_of_one():
    head = ProjectionHead(3)
    features, labels = noise(6, 4), np.arange(6) % 3
    for _ in range(200):
        head(features, labels, training=True)
    score, bias = (as_array(x) for x in head._score.layer.weights)
    classes = as_array(head._classes.layer.kernel)

    # A matrix of one column has its length as its singular value.
    plain = features @ score[:, 0] / np.linalg.norm(score) + bias[0]
    largest = np.linalg.svd(classes, compute_uv=False)[0]
    expected = plain + np.sum(features * classes[labels], axis=1) / largest
    np.testing.assert_allclose(as_array(head(features, labels)), expected, atol=1e-5)


# Minibatch statistics.


def test_examples_that_are_alike_have_no_deviation():
    maps = np.repeat(noise(1, 2, 3, 4), 5, axis=0)

    found = as_array(MinibatchDeviation()(maps))

    np.testing.assert_array_equal(found[..., :4], maps)
    np.testing.assert_allclose(found[..., 4], 1e-4, rtol=1e-5)  # sqrt(1e-8)


def test_the_further_channel_is_the_mean_deviation_over_the_batch():
    # One position and two features, (0, 4) and (1, 1): deviations 2 and 0, mean 1.
    maps = np.array([[0.0, 1.0], [4.0, 1.0]], "float32").reshape(2, 1, 1, 2)

    found = as_array(MinibatchDeviation()(maps))

    np.testing.assert_allclose(found[..., 2].ravel(), [1.0, 1.0], atol=1e-4)


def test_a_group_takes_every_other_example():
    # Groups of 2 in a batch of 4: examples 0 and 2 (deviation 1), 1 and 3 (5).
    maps = np.array([0.0, 10.0, 2.0, 20.0], "float32").reshape(4, 1, 1, 1)

    found = as_array(MinibatchDeviation(group_size=2)(maps))

    np.testing.assert_allclose(found[..., 1].ravel(), [1, 5, 1, 5], rtol=1e-5)


def test_a_group_of_one_is_refused():
    with pytest.raises(ValueError, match="group_size must be 2 or more; got 1"):
        MinibatchDeviation(group_size=1)
