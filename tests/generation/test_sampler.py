"""Pictures from a generator: ranges, labels and seeds."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from cai_keras.data.latents import LatentSpace
from cai_keras.errors import UsageError
from cai_keras.generation.sampler import Sampler

SPACE = LatentSpace(4, "uniform")


def plain(output="tanh"):
    """The latent vector itself as a picture of 2 x 2 pixels."""
    latent = keras.Input((4,))
    return Sampler(
        keras.Model(latent, layers.Reshape((2, 2, 1))(latent)), SPACE, output
    )


def labelled():
    """Pictures as bright as their label: 0, 1/2 and 1 of classes 0, 1 and 2."""
    latent, label = keras.Input((4,)), keras.Input((), dtype="int32")
    shade = ops.cast(label, "float32")[:, None] - 1.0 + 0.0 * latent
    picture = layers.Reshape((2, 2, 1))(shade)
    generator = keras.Model([latent, label], picture)
    return Sampler(generator, SPACE, "tanh", ("coat", "bag", "boot"), batch_size=2)


def test_a_picture_of_tanh_is_brought_into_zero_to_one():
    latents = np.array([[-1.0, 0.0, 0.5, 3.0]], "float32")

    found = plain().pictures(latents)

    np.testing.assert_allclose(found.ravel(), [0.0, 0.5, 0.75, 1.0])
    found = plain("sigmoid").pictures(latents)
    np.testing.assert_allclose(found.ravel(), [0.0, 0.0, 0.5, 1.0])


def test_a_seed_gives_the_same_pictures_for_any_count():
    np.testing.assert_array_equal(plain().sample(7, 3)[:2], plain().sample(2, 3))


def test_without_labels_all_classes_come_in_turn():
    found = labelled().sample(5, seed=0)

    np.testing.assert_allclose(found[:, 0, 0, 0], [0.0, 0.5, 1.0, 0.0, 0.5])


def test_labels_decide_the_pictures():
    found = labelled().sample(3, seed=0, labels=[2, 2, 0])

    np.testing.assert_allclose(found[:, 0, 0, 0], [1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("sampler", "labels", "message"),
    [
        (plain(), [0, 0], "has no classes"),
        (labelled(), [0], "expected 2, received"),
        (labelled(), [0, 3], "expected 0 to 2, received 0 to 3"),
    ],
)
def test_labels_that_do_not_fit_are_refused(sampler, labels, message):
    with pytest.raises(UsageError, match=message):
        sampler.sample(2, seed=0, labels=labels)


def test_a_stretch_is_a_part_of_any_larger_sample():
    for made in (plain(), labelled()):
        np.testing.assert_array_equal(made.stretch(2, 5, 7), made.sample(9, 7)[2:5])
