"""Outputs for many examples."""

import keras
import numpy as np
import pytest

from cai_keras.training.inference import predict_in_batches


@pytest.fixture(scope="module")
def network():
    """Batch normalisation: in training mode a batch's outputs would depend on it."""
    x = keras.Input((3,))
    h = keras.layers.BatchNormalization()(x)
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(h)))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 10])
def test_every_example_has_the_output_that_it_has_alone(network, count):
    inputs = np.random.default_rng(0).normal(size=(count, 3)).astype("float32")
    found = predict_in_batches(network, inputs, batch_size=4)
    assert found.shape == (count, 2)
    alone = np.concatenate(
        [np.asarray(network(inputs[i : i + 1])) for i in range(count)]
    )
    np.testing.assert_allclose(found, alone, atol=1e-6)


def test_every_call_has_the_same_shape():
    shapes = []

    class Spy:
        def predict_on_batch(self, batch):
            shapes.append(batch.shape)
            return batch * 2

    inputs = np.arange(7.0)[:, None]
    found = predict_in_batches(Spy(), inputs, batch_size=3)
    np.testing.assert_array_equal(found, inputs * 2)
    assert shapes == [(3, 1)] * 3


def test_no_example_is_refused(network):
    with pytest.raises(ValueError, match="no example"):
        predict_in_batches(network, np.zeros((0, 3)), 4)


def test_a_network_of_two_inputs_gets_equal_parts_of_both():
    first, second = keras.Input((2,)), keras.Input((), dtype="int32")
    total = keras.ops.sum(first, axis=1) + keras.ops.cast(second, "float32")
    network = keras.Model([first, second], total)
    inputs = [np.arange(14, dtype="float32").reshape(7, 2), np.arange(7, dtype="int32")]

    found = predict_in_batches(network, inputs, 3)

    np.testing.assert_allclose(found, inputs[0].sum(axis=1) + inputs[1])
