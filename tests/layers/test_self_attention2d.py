"""Self-attention of SAGAN: counts, the identity at the start, and the sum by NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.layers.self_attention2d import SelfAttention2D


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def as_array(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(
    ("channels", "count"), [(64, 5_121), (128, 20_481), (256, 81_921), (512, 327_681)]
)
def test_there_are_five_quarters_of_the_squared_channels_and_gamma(channels, count):
    layer = SelfAttention2D()
    layer.build((None, 4, 4, channels))

    found = sum(weight.size for weight in map(as_array, layer.trainable_weights))

    assert found == count


def test_a_new_layer_is_the_identity():
    maps = noise(2, 6, 4, 16)

    found = as_array(SelfAttention2D()(maps, training=True))

    np.testing.assert_array_equal(found, maps)


@pytest.mark.parametrize("pool_keys", [True, False])
def test_every_position_gets_what_the_softmax_reads_from_all_others(pool_keys):
    layer = SelfAttention2D(
        pool_keys, use_spectral_norm=False, gamma_initializer="ones"
    )
    maps = noise(1, 4, 6, 8)
    layer.build(maps.shape)
    layer.gamma.assign(0.5)
    theta, phi, g, out = (
        as_array(inner.kernel).astype("float64")
        for inner in (layer._theta, layer._phi, layer._g, layer._out)
    )

    keys, values = maps[0] @ phi, maps[0] @ g
    if pool_keys:
        keys, values = (
            x.reshape(2, 2, 3, 2, -1).max(axis=(1, 3)) for x in (keys, values)
        )
    queries = (maps[0] @ theta).reshape(24, 1)
    logits = queries @ keys.reshape(-1, 1).T
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    read = (weights @ values.reshape(-1, 4) @ out).reshape(4, 6, 8)
    expected = maps[0] + 0.5 * read

    np.testing.assert_allclose(as_array(layer(maps))[0], expected, atol=1e-5)
    found = as_array(layer.attention_weights(maps))[0]
    np.testing.assert_allclose(found, weights, atol=1e-6)


def test_blocks_of_rows_give_the_same_sums():
    whole = SelfAttention2D(gamma_initializer="ones")
    blocks = SelfAttention2D(gamma_initializer="ones", max_entries=20)
    maps = noise(2, 4, 6, 16)
    whole(maps)
    blocks(maps)
    blocks.set_weights(whole.get_weights())

    np.testing.assert_allclose(as_array(blocks(maps)), as_array(whole(maps)), atol=1e-5)


def test_attention_can_match_what_is_far_apart():
    # theta = phi: a position looks at those like itself, at the other end of the map.
    layer = SelfAttention2D(pool_keys=False, use_spectral_norm=False)
    maps = np.zeros((1, 1, 9, 8), "float32")
    maps[0, 0, [0, 8], 0] = 10.0
    layer.build(maps.shape)
    first = np.zeros((8, 1), "float32")
    first[0] = 1.0
    layer._theta.set_weights([first])
    layer._phi.set_weights([first])

    weights = as_array(layer.attention_weights(maps))[0]

    np.testing.assert_allclose(weights[0, [0, 8]], 0.5, atol=1e-6)
    np.testing.assert_allclose(weights[4], 1 / 9, atol=1e-6)


def test_fewer_than_eight_channels_are_refused():
    with pytest.raises(ValueError, match="8 or more channels; received"):
        SelfAttention2D().build((None, 4, 4, 7))


def test_its_graph_is_a_part_of_a_model_of_any_size():
    pictures = keras.Input((None, None, 8))
    model = keras.Model(pictures, SelfAttention2D()(pictures))

    assert model(noise(1, 4, 8, 8)).shape == (1, 4, 8, 8)
    assert model(noise(1, 6, 2, 8)).shape == (1, 6, 2, 8)
