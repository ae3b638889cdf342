"""The networks, the learner, the sampler and the measurements of gan."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from keras import layers

from cai_keras.cli.papers import find_paper
from cai_keras.data.classification import load_classification
from cai_keras.data.gaussian_ring import GaussianRing
from cai_keras.data.latents import LatentSpace
from cai_keras.errors import UsageError
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES
from cai_keras.networks.dcgan import FORMS
from reproductions.gan import experiment, run_figures
from reproductions.gan.data import load_pictures
from reproductions.gan.evaluate import GradientEvaluation, RingEvaluation, in_range
from reproductions.gan.learner import FixedGeneratorLearner
from reproductions.gan.model import form_of, set_pixel_marginals

PAPER = find_paper("gan")
POINTS = SimpleNamespace(samples=90, distance=0.1, least_share=0.3)


@pytest.fixture(autouse=True)
def _mocked_pictures_are_not_kept():
    load_classification.cache_clear()
    yield
    load_classification.cache_clear()


def recipe(variant, scale="smoke", sets=()):
    return PAPER.recipe(scale, variant, sets=sets)


def dcgan(**changes):
    given = {"form": "released", "divisor": 1, "levels": None, "first_side": 4}
    return SimpleNamespace(**{**given, **changes})


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_not_reduced_is_the_published_one(name):
    published = FORMS[name]

    found = form_of(
        dcgan(form=name, first_side=published.first_side), published.channels
    )

    assert found == published


def test_a_reduced_form_keeps_the_last_and_the_first_convolutions():
    found = form_of(dcgan(divisor=16, levels=3), channels=1)

    # Of 1024, 512, 256, 128 and of 128, 256, 512, 1024.
    assert found.filters == (32, 16, 8)
    assert found.discriminator_filters == (8, 16, 32)
    assert (found.side, found.channels) == (32, 1)


def test_a_form_of_another_size_than_the_pictures_is_refused():
    with pytest.raises(UsageError, match=r"makes pictures of 8 x 8.*found 16"):
        experiment.networks(recipe("mnist_dcgan", sets=["data.side=16"]))
    with pytest.raises(UsageError, match="expected 1 to 4, found 5"):
        form_of(dcgan(levels=5), 3)


def test_pictures_start_as_bright_as_pixels_are_on_average():
    made = recipe("mnist_mlp")
    generator = experiment.networks(made)["generator"]
    kernel = generator.get_layer("pixels").kernel
    kernel.assign(np.zeros(kernel.shape))
    pictures = np.zeros((4, 8, 8, 1), np.uint8)
    pictures[:2] = 255  # half of them
    pictures[:, 0] = 0  # never

    set_pixel_marginals(generator, pictures, least=0.01)

    found = generator(np.zeros((1, 4), "float32"))
    np.testing.assert_allclose(found[0, 1:], 0.5, atol=1e-6)
    np.testing.assert_allclose(found[0, 0], 0.01, rtol=1e-4)


def test_the_fixed_generator_is_in_no_update():
    built = experiment.networks(recipe("gradients"))
    learner = FixedGeneratorLearner(
        built,
        {"discriminator": keras.optimizers.SGD(0.1)},
        ADVERSARIAL_LOSSES["non_saturating"],
    )

    (update,) = learner.updates()

    assert update.networks == ("discriminator",)


@pytest.mark.parametrize("variant", ["ring", "densities", "gradients"])
def test_variants_without_trained_pictures_have_no_sampler(variant):
    made = recipe(variant)

    with pytest.raises(UsageError, match=f"{variant} trains no generator of pictures"):
        experiment.sampler(made, experiment.networks(made))


@pytest.mark.parametrize("variant", ["mnist_mlp", "mnist_dcgan", "tutorial_dcgan"])
def test_the_sampler_makes_pictures(variant):
    made = recipe(variant)

    found = experiment.sampler(made, experiment.networks(made)).sample(3, seed=0)

    assert found.shape == (3, 8, 8, 1)
    assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize(
    ("variant", "shape"),
    [
        ("mnist_mlp", (28, 28, 1)),
        ("tutorial_dcgan", (64, 64, 1)),
        ("faces_dcgan", (64, 64, 3)),
        ("bedrooms_dcgan", (64, 64, 3)),
    ],
)
def test_the_paper_scale_reads_its_data_sets(variant, shape):
    sets = ["data.batch_size=2", "data.validation=0", "data.test=2"]
    if variant == "bedrooms_dcgan":
        sets += ["data.train_split=train", "data.test_split=train"]
    made = recipe(variant, "paper", sets)

    with tfds.testing.mock_data(num_examples=3):
        loaded = load_pictures(made, seed=0)
        batch = next(loaded.batches(0).as_numpy_iterator())

    assert batch["image"].shape == (2, *shape)
    assert batch["latent"].shape == batch["latent_again"].shape == (2, 100)
    low = -1 if made.model.output == "tanh" else 0
    assert low <= batch["image"].min() < batch["image"].max() <= 1
    assert loaded.info.name in PAPER.file.paper.datasets


def test_pictures_are_brought_into_the_range_of_the_output():
    np.testing.assert_allclose(in_range(np.array([0.0, 0.75]), "tanh"), [-1, 0.5])
    np.testing.assert_allclose(in_range(np.array([0.0, 0.75]), "sigmoid"), [0, 0.75])


def test_a_generator_of_one_point_finds_one_mode():
    latent = keras.Input((2,))
    network = keras.Model(
        latent, layers.Dense(2, kernel_initializer="zeros", name="point")(latent)
    )
    initial = InitialWeights(network)
    network.get_layer("point").bias.assign([2.0, 0.05])
    ring = GaussianRing(3, 2.0, 0.01)

    found = RingEvaluation(
        network, LatentSpace(2, "normal"), ring, initial, POINTS
    ).measure()

    # (2, 0.05) is 0.05 from the first centre; (0, 0), where it started, 2 from all.
    assert found["modes"].value == 1
    assert found["percent_within"].value == 100
    assert found["modes_untrained"].value == found["percent_within_untrained"].value
    assert found["modes_untrained"].value == 0
    assert found["percent_within_of_real"].value == 100
    assert found["modes"].count == 90


@pytest.mark.parametrize("score", [-3.0, 1.0])
def test_gradients_differ_by_what_the_discriminator_believes(score):
    latent, picture = keras.Input((1,)), keras.Input((1,))
    generator = keras.Model(latent, layers.Dense(1, use_bias=False)(latent))
    # A slope of 1e-3, so that all pictures have about the score of its bias.
    believes = layers.Dense(
        1,
        kernel_initializer=keras.initializers.Constant(1e-3),
        bias_initializer=keras.initializers.Constant(score),
    )
    discriminator = keras.Model(picture, layers.Reshape(())(believes(picture)))
    real = np.zeros((20, 1), np.float32)

    found = GradientEvaluation(
        generator, discriminator, LatentSpace(1, "unit"), real
    ).measure()

    # d/ds -log D = -(1 - D), d/ds log(1 - D) = -D: their ratio is (1 - D)/D = e^-s.
    ratio = (
        found["log10_gradient_non_saturating"].value
        - found["log10_gradient_minimax"].value
    )
    assert ratio == pytest.approx(-score / np.log(10), abs=0.01)
    accuracy = found["discriminator_accuracy_percent"]
    assert (accuracy.value, accuracy.count) == (50.0, 40)


def test_the_nearest_training_picture_is_found():
    train = np.random.default_rng(0).integers(0, 255, (9, 4, 4, 1), np.uint8)
    made = train[[3, 7]].astype(np.float32) / 255 + 0.01

    found = run_figures.nearest(np.clip(made, 0, 1), train)

    np.testing.assert_array_equal(found, train[[3, 7]].astype(np.float32) / 255)


def test_latent_vectors_of_classes_are_added_up():
    latents = np.array([[1, 0], [3, 0], [0, 2], [0, 4], [5, 5], [7, 7]], "float32")
    # Of class 0 the second and the first are surest, and so on.
    certainty = np.array(
        [[0.8, 0, 0], [0.9, 0, 0], [0, 0.7, 0.1], [0, 0.6, 0], [0, 0, 0.9], [0, 0, 0.5]]
    )

    rows, result = run_figures.sum_of_classes(latents, certainty, [2, 0, 1], 2)

    np.testing.assert_array_equal(
        rows,
        [[5, 5], [7, 7], [6, 6], [3, 0], [1, 0], [2, 0], [0, 2], [0, 4], [0, 3]],
    )
    np.testing.assert_array_equal(result, [4, 9])
