"""Generated pictures against real ones, untrained ones, windows and judges."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats

from cai_keras.data.latents import LatentSpace
from cai_keras.data.loaded import LoadedData
from cai_keras.data.picture_sets import PictureSet, PictureSplit
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.generation.parzen_score import CANDIDATES, parzen_score
from cai_keras.generation.picture_evaluation import (
    PictureEvaluation,
    discriminator_accuracy,
)
from cai_keras.generation.picture_judge import open_judge
from cai_keras.generation.sampler import Sampler

SIDE = 8


def generator():
    """Pictures whose brightness is the layer's bias."""
    latent = keras.Input((2,))
    x = layers.Dense(SIDE * SIDE, name="pixels", kernel_initializer="zeros")(latent)
    return keras.Model(latent, layers.Reshape((SIDE, SIDE, 1))(x))


def split(level, count):
    pictures = np.random.default_rng(level).integers(
        level, level + 40, (count, SIDE, SIDE, 1), np.uint8
    )
    return PictureSplit(count, lambda n: pictures[:n], None, None)


def evaluation(network, **changes):
    pictures = PictureSet(
        split(150, 30), split(150, 20), LoadedData("squares", "1", {}), split(150, 10)
    )
    asked = {
        "pictures": 100, "extractor": "random_vgg", "while_training": 10,
        "parzen": SimpleNamespace(samples=0, validation=0), **changes,
    }  # fmt: skip
    return PictureEvaluation(
        Sampler(network, LatentSpace(2, "normal"), "sigmoid"),
        pictures,
        InitialWeights(network),
        SimpleNamespace(**asked),
    )


def test_as_many_pictures_are_compared_as_there_are_of_both_splits():
    assert evaluation(generator()).count == 20
    assert evaluation(generator(), pictures=6).count == 6


def test_a_generator_that_moves_to_the_data_has_a_smaller_distance():
    network = generator()
    measured = evaluation(network)
    network.get_layer("pixels").bias.assign(np.full(SIDE * SIDE, 170 / 255))

    found = measured.measure()

    trained, untrained = found["log10_frechet"], found["log10_frechet_untrained"]
    assert trained.value < untrained.value
    assert found["log10_frechet_of_real"].value < trained.value
    assert trained.count == 20
    assert trained.passport["pictures"] == 20
    assert trained.value == pytest.approx(np.log10(found["fid_random_vgg_20"].value))
    # Measuring leaves the trained weights where they were.
    np.testing.assert_allclose(network.get_layer("pixels").bias, 170 / 255)


def test_untrained_pictures_are_those_of_the_first_weights():
    network = generator()
    measured = evaluation(network)
    network.get_layer("pixels").bias.assign(np.full(SIDE * SIDE, 0.5))

    assert np.all(measured.made(3) == 0.5)
    assert np.all(measured.untrained(3) == 0.0)


def test_weights_come_back_after_an_error():
    network = generator()
    initial = InitialWeights(network)
    network.get_layer("pixels").bias.assign(np.ones(SIDE * SIDE))

    with pytest.raises(RuntimeError), initial.swapped_in():
        raise RuntimeError

    np.testing.assert_allclose(network.get_layer("pixels").bias, 1.0)


def test_windows_need_held_out_pictures():
    measured = evaluation(
        generator(), parzen=SimpleNamespace(samples=20, validation=10)
    )
    assert "parzen_log_likelihood_nats" in measured.measure()

    without = PictureEvaluation(
        measured.sampler,
        PictureSet(
            measured.pictures.train, measured.pictures.test, measured.pictures.info
        ),
        measured.initial,
        measured.settings,
    )
    with pytest.raises(UsageError, match=r"needs data\.validation above 0"):
        without.measure()


def test_a_single_window_is_a_normal_density():
    sample = np.full((1, 2, 2, 1), 0.5)
    test = np.random.default_rng(0).normal(0.5, 0.3, (50, 2, 2, 1))

    found = parzen_score(sample, test[:20], test)

    deviation = found["parzen_deviation"].value
    densities = stats.norm.logpdf(test, 0.5, deviation).reshape(50, -1).sum(axis=1)
    best = [
        stats.norm.logpdf(test[:20], 0.5, each).sum() for each in np.logspace(-1, 0, 10)
    ]
    assert deviation == pytest.approx(np.logspace(-1, 0, 10)[np.argmax(best)])
    assert deviation in CANDIDATES
    score = found["parzen_log_likelihood_nats"]
    assert score.value == pytest.approx(densities.mean())
    assert score.passport["samples"] == 1
    error = found["parzen_standard_error_nats"].value
    assert error == pytest.approx(densities.std() / np.sqrt(50))


def test_a_discriminator_is_right_above_and_below_zero():
    # Real 1 and -1: one is taken for real. Fake -2 and 0: neither is.
    found = discriminator_accuracy(
        lambda x: x, np.array([1.0, -1.0]), np.array([-2.0, 0.0])
    )

    assert (found.value, found.count) == (75.0, 4)


def test_support_vectors_read_what_they_have_learned():
    dark, bright = split(0, 20).head(20), split(200, 20).head(20)
    pictures, labels = np.concatenate([dark, bright]), np.repeat([3, 7], 20)

    judge = open_judge("support_vectors")(pictures, labels)

    found = judge.read(np.concatenate([dark[:2], bright[:2]]).astype("float32") / 255)
    np.testing.assert_array_equal(found, [3, 3, 7, 7])
    assert judge.passport == {"judge": "support_vectors", "judge_pictures": 40}


def test_a_judge_without_classes_is_refused():
    with pytest.raises(UsageError, match="judge random_vgg: has no classes"):
        open_judge("random_vgg")


def test_support_vectors_are_surest_of_what_they_have_seen():
    dark, bright = split(0, 20).head(20), split(200, 20).head(20)
    pictures, labels = np.concatenate([dark, bright]), np.repeat([1, 3], 20)

    judge = open_judge("support_vectors")(pictures, labels)

    found = judge.certainty(np.concatenate([dark[:1], bright[:1]]))
    assert found.shape == (2, 4)
    assert np.all(np.isneginf(found[:, [0, 2]]))  # never seen
    np.testing.assert_array_equal(found.argmax(axis=1), [1, 3])
    assert judge.probabilities is None


def test_a_linear_judge_looks_at_features():
    def brightness(pictures):
        return pictures.mean(axis=(1, 2, 3))[:, None] / 255, None

    features = FeatureExtractor("bright", "ab" * 32, "none", 1, None, 1, brightness)
    dark, bright = split(0, 20).head(20), split(200, 20).head(20)
    pictures, labels = np.concatenate([dark, bright]), np.repeat([0, 1], 20)

    judge = open_judge("linear", features)(pictures, labels)

    np.testing.assert_array_equal(judge.read(pictures), labels)
    np.testing.assert_allclose(judge.probabilities(pictures).sum(axis=1), 1)
    assert judge.passport == {
        "judge": "linear", "judge_features": "bright",
        "judge_weights": "abababababab", "judge_pictures": 40,
    }  # fmt: skip


def test_a_linear_judge_needs_features():
    with pytest.raises(UsageError, match="there are no features"):
        open_judge("linear")


def test_the_distance_while_training_is_of_the_first_pictures_made():
    measured = evaluation(generator(), while_training=500)

    (name,) = found = measured.monitor.measure()

    # No more than there are of both splits.
    assert name == "fid_random_vgg_20"
    assert found[name].value == pytest.approx(
        10 ** measured.measure()["log10_frechet"].value
    )
