"""Chosen groups of channels, by hand."""

import keras
import numpy as np
import pytest

from cai_keras.layers.channel_choice import ChannelChoice


def test_groups_come_in_the_order_of_the_choice():
    layer = ChannelChoice(count=3, size=2)
    x = np.arange(6, dtype="float32").reshape(1, 6)

    first = keras.ops.convert_to_numpy(layer(x))
    layer.choice.assign([2, 0, 2])
    second = keras.ops.convert_to_numpy(layer(x))

    assert first.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert second.tolist() == [[4, 5, 0, 1, 4, 5]]


def test_the_first_choice_starts_again_where_groups_end():
    layer = ChannelChoice(count=3, size=1)

    found = keras.ops.convert_to_numpy(layer(np.array([[7.0, 8.0]])))

    assert found.tolist() == [[7, 8, 7]]


def test_the_choice_is_saved_with_a_network(tmp_path):
    inputs = keras.Input((4,))
    network = keras.Model(inputs, ChannelChoice(1, 2, name="choice")(inputs))
    network.get_layer("choice").choice.assign([1])
    network.save(tmp_path / "network.keras")

    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)

    assert loaded(np.array([[1.0, 2.0, 3.0, 4.0]])).numpy().tolist() == [[3, 4]]


def test_channels_that_are_no_multiple_are_an_error():
    with pytest.raises(ValueError, match="5 channels are no multiple of size=2"):
        ChannelChoice(1, 2).build((None, 5))
