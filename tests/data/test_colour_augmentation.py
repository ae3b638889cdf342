"""Random colours, against NumPy."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.colour_augmentation import add_lighting, jitter_colours
from cai_keras.data.row_random import RowRandom

GREY = np.array([0.299, 0.587, 0.114])


def random_of(step):
    return RowRandom(0, tf.constant(step, tf.int64), tf.constant([0], tf.int64), 4)


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(0, 255, (5, 7, 3)).astype(np.float32)


def blend(image, share, other):
    return share * image + (1 - share) * other


@pytest.mark.parametrize("order", list(itertools.permutations("bcs")))
def test_brightness_contrast_and_saturation_are_blends_in_any_order(image, order):
    blends = {
        "b": lambda x, a: blend(x, a, 0),
        "c": lambda x, a: blend(x, a, (x @ GREY).mean()),
        "s": lambda x, a: blend(x, a, (x @ GREY)[..., None]),
    }
    shares = 0.6 + 0.8 * random_of(7).uniform(3, [3])[0].numpy()
    expected = image.astype(float)
    for name in order:
        expected = blends[name](expected, shares["bcs".index(name)])

    found = jitter_colours(tf.constant(image), 0.4, random_of(7), stream=3)

    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.abs(found - image).max() > 10


def test_no_strength_leaves_the_image(image):
    found = jitter_colours(tf.constant(image), 0.0, random_of(0), stream=3)

    np.testing.assert_allclose(found, image, atol=1e-3)


def test_lighting_adds_one_colour_whose_covariance_is_imagenets(image):
    added = np.stack(
        [
            (add_lighting(tf.constant(image), 0.1, random_of(step), 4) - image).numpy()
            for step in range(2000)
        ]
    )

    assert np.ptp(added, axis=(1, 2)).max() < 1e-3
    covariance = np.cov(added[:, 0, 0].T)
    # 25.5^2 P diag(l^2) P^T; the largest eigenvalue's square is 134 times the next.
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(np.sqrt(values[-1]), 25.5 * 0.2175, rtol=0.1)
    np.testing.assert_allclose(
        np.abs(vectors[:, -1]), [0.5675, 0.5808, 0.5836], atol=0.01
    )
