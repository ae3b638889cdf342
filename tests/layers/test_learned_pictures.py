"""Pictures as weights: looked up by number, and trained pixel by pixel."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.layers.learned_pictures import LearnedPictures


def made(count=3):
    layer = LearnedPictures(count, 2, 4)
    layer.build((None,))
    return layer


def test_pictures_start_grey():
    np.testing.assert_array_equal(
        ops.convert_to_numpy(made()(np.array([2]))), np.full((1, 2, 4, 3), 0.5)
    )


def test_each_number_gives_its_picture():
    layer = made()
    values = np.arange(72, dtype="float32").reshape(3, 2, 4, 3)
    layer.pictures.assign(values)
    found = ops.convert_to_numpy(layer(np.array([2, 0, 2])))
    np.testing.assert_array_equal(found, values[[2, 0, 2]])


def test_training_on_one_picture_leaves_the_others():
    layer = made(2)
    numbers = keras.Input((), dtype="int32")
    model = keras.Model(numbers, layer(numbers))
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    model.fit(np.array([1]), np.ones((1, 2, 4, 3)), verbose=0)
    after = ops.convert_to_numpy(layer.pictures)
    np.testing.assert_array_equal(after[0], 0.5)
    # The mean of 24 squares of -0.5 has the gradient 2 * -0.5 / 24 for each pixel.
    np.testing.assert_allclose(after[1], 0.5 + 1 / 24, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_the_weights_are_the_pixels(count):
    assert made(count).count_params() == count * 2 * 4 * 3
