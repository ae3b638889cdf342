"""Receptive fields: closed formula, gradient, and a paper's table agree."""

import keras
import numpy as np
import pytest
from keras import layers

from cai_keras.networks.dilated_context import build_context
from cai_keras.networks.receptive_field import ReceptiveField, receptive_fields
from cai_keras.networks.vgg import BLOCKS, apply_vgg_blocks
from cai_keras.training.seen_pixels import count_paths, seen_pixels


def functional(shape, apply):
    inputs = keras.Input(shape)
    return keras.Model(inputs, apply(inputs))


def test_the_context_module_sees_what_table_1_says():
    fields = receptive_fields(build_context(2, image_size=80))

    sizes = [fields[f"context{n}"].size for n in range(1, 9)]
    assert sizes == [3, 5, 9, 17, 33, 65, 67, 67]


def test_vgg_16_sees_212_pixels_before_its_dense_layers():
    network = functional((224, 224, 3), lambda x: apply_vgg_blocks(x, BLOCKS[16]))

    assert receptive_fields(network)["block5_pool"] == ReceptiveField(212, 32)


def test_strides_and_poolings_by_hand():
    # 3, then (2 - 1) * 2 more, then (3 - 1) * 4 more.
    def apply(x):
        x = layers.Conv2D(1, 3, strides=2, name="a")(x)
        x = layers.MaxPooling2D(2, name="b")(x)
        return layers.Conv2D(1, 3, name="c")(x)

    fields = receptive_fields(functional((33, 33, 1), apply))

    assert fields["a"] == ReceptiveField(3, 2)
    assert fields["b"] == ReceptiveField(5, 4)
    assert fields["c"] == ReceptiveField(13, 4)


def test_where_maps_meet_the_larger_one_counts():
    def apply(x):
        far = layers.Conv2D(1, 7, padding="same")(x)
        near = layers.Conv2D(1, 3, padding="same")(x)
        return layers.Add(name="sum")([far, near])

    assert receptive_fields(functional((16, 16, 1), apply))["sum"].size == 7


def convolution(size, **more):
    return layers.Conv2D(2, size, padding="same", **more)


@pytest.mark.parametrize(
    "parts",
    [
        (convolution(3), convolution(3, dilation_rate=3)),
        (layers.Conv2D(2, 5), layers.AveragePooling2D(2), layers.Conv2D(1, 3)),
        (convolution(3, strides=2), convolution(3)),
    ],
)
def test_the_gradient_sees_what_the_formula_says(parts):
    network = functional((64, 64, 2), lambda x: _through(parts, x))

    seen = seen_pixels(network, (64, 64, 2))

    size = receptive_fields(network)[parts[-1].name].size
    assert seen.any(axis=1).sum() == seen.any(axis=0).sum() == size
    assert seen.sum() == size**2


def test_the_gradient_of_the_context_module_sees_67_pixels():
    network = build_context(1, image_size=101)

    seen = seen_pixels(network, (101, 101, 1))

    assert seen.any(axis=0).sum() == 67
    # The weights are the identity's again.
    x = np.ones((1, 101, 101, 1), "float32")
    np.testing.assert_array_equal(network(x), x)


def test_paths_through_two_layers_by_hand():
    # 3 and then 3 along a line: 1 2 3 2 1 paths. Two output channels, and two in
    # between that each sees the input's only one: 2 x 2 as many.
    parts = (convolution(3), convolution(3))
    network = functional((9, 9, 1), lambda x: _through(parts, x))

    paths = count_paths(network, (9, 9, 1))

    line = np.array([0, 0, 1, 2, 3, 2, 1, 0, 0])
    np.testing.assert_allclose(paths, 4 * np.outer(line, line))


@pytest.mark.parametrize(
    "layer", [layers.Flatten(), layers.GlobalAveragePooling2D(), layers.UpSampling2D()]
)
def test_a_layer_that_sees_everything_is_refused(layer):
    network = functional((8, 8, 1), layer)

    with pytest.raises(ValueError, match="has no receptive field"):
        receptive_fields(network)


def _through(parts, x):
    for part in parts:
        x = part(x)
    return x
