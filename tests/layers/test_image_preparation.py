"""Pictures as a trained network expects them."""

import keras
import numpy as np
import pytest

from cai_keras.layers.image_preparation import ImagePreparation


def test_each_channel_has_its_own_mean_and_deviation():
    layer = ImagePreparation([0.5, 0.0, 0.25], [0.5, 1.0, 0.25])

    assert np.array(layer(np.array([[1.0, 0.5, 0.5]]))) == pytest.approx(
        np.array([[1.0, 0.5, 1.0]])
    )


def test_caffes_order_is_that_of_keras_own_preparation():
    pictures = np.random.default_rng(0).uniform(size=(2, 4, 4, 3)).astype("float32")
    mean = [value / 255 for value in (103.939, 116.779, 123.68)]
    layer = ImagePreparation(mean, [1 / 255] * 3, reverse_channels=True)

    expected = keras.applications.vgg19.preprocess_input(255 * pictures.copy())
    np.testing.assert_allclose(layer(pictures), expected, atol=1e-3)


def test_means_and_deviations_must_be_as_many_as_channels():
    with pytest.raises(ValueError, match="2 means and 1 deviations"):
        ImagePreparation([0.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="expected 2 channels"):
        ImagePreparation([0.0, 0.0], [1.0, 1.0])(np.zeros((1, 3)))
