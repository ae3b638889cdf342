"""Who is told the class, what is asked for, and how obedience is measured."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from keras import layers, ops

from cai_keras.cli.papers import find_paper
from cai_keras.data.classification import load_classification
from cai_keras.data.gaussian_ring import GaussianRing
from cai_keras.data.latents import LatentSpace
from cai_keras.data.loaded import LoadedData
from cai_keras.data.picture_sets import PictureSet, PictureSplit
from cai_keras.errors import UsageError
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.generation.picture_evaluation import PictureEvaluation
from cai_keras.generation.sampler import Sampler
from reproductions.conditional_gan import experiment
from reproductions.conditional_gan.data import load_pictures, load_ring
from reproductions.conditional_gan.evaluate import (
    LabelEvaluation,
    RingEvaluation,
    asked_for,
    at_random,
)
from reproductions.conditional_gan.model import labelled_players

PAPER = find_paper("conditional_gan")
SIDE = 8


@pytest.fixture(autouse=True)
def _mocked_pictures_are_not_kept():
    load_classification.cache_clear()
    yield
    load_classification.cache_clear()


def recipe(variant, scale="smoke", sets=()):
    return PAPER.recipe(scale, variant, sets=sets)


def inputs_of(variant):
    built = experiment.networks(recipe(variant))
    return {name: len(network.inputs) for name, network in built.items()}


@pytest.mark.parametrize(
    ("variant", "generator", "discriminator"),
    [
        ("mnist_mlp", 2, 2), ("mnist_conv", 2, 2), ("mnist_conv_shuffled", 2, 2),
        ("mnist_conv_blind", 2, 1), ("mnist_conv_unconditional", 1, 1),
        ("ring", 2, 2), ("ring_unconditional", 1, 1),
    ],
)  # fmt: skip
def test_networks_take_labels_where_the_variant_says_so(
    variant, generator, discriminator
):
    assert inputs_of(variant) == {
        "generator": generator, "discriminator": discriminator,
    }  # fmt: skip


def test_an_unknown_player_is_refused():
    with pytest.raises(UsageError, match="did you mean 'generator'"):
        labelled_players(SimpleNamespace(labelled=["generater"]))


@pytest.mark.parametrize("variant", ["mnist_mlp", "mnist_conv"])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_both_networks_hear_the_label(variant, player):
    keras.utils.set_random_seed(0)  # four ReLUs may be silent for both classes
    network = experiment.networks(recipe(variant))[player]
    given = np.ones((2, *network.inputs[0].shape[1:]), "float32")

    first, second = network([given, np.array([0, 7], "int32")])

    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0


def test_the_class_lies_beside_the_input_of_every_layer():
    built = experiment.networks(recipe("mnist_conv", "paper"))

    found = {
        layer.name: layer.kernel.shape[-2 if layer.name[0] != "u" else -1]
        for network in built.values()
        for layer in network.layers
        if hasattr(layer, "kernel")
    }
    # Ten more than what the layer before gives. dense1 stands in both networks; the
    # discriminator's, of 7 x 7 x 128 values, comes last.
    assert found == {
        "dense1": 6272 + 10, "dense2": 1034, "up1": 138, "up2": 74,
        "down1": 11, "down2": 74, "score": 1034,
    }  # fmt: skip


def test_normalisation_of_the_convolutional_nets_has_no_weights():
    built = experiment.networks(recipe("mnist_conv"))

    kinds = {w.name for n in built.values() for w in n.trainable_weights}

    assert kinds == {"kernel"}


def first_batches(loaded, count):
    return list(itertools.islice(loaded.batches(0).as_numpy_iterator(), count))


def test_labels_that_are_asked_for_are_those_of_the_real_pictures():
    (batch,) = first_batches(load_pictures(recipe("mnist_mlp"), 0), 1)

    np.testing.assert_array_equal(batch["fake_label"], batch["label"])
    np.testing.assert_array_equal(batch["fake_label_again"], batch["label"])
    assert 0 <= batch["latent"].min() < batch["latent"].max() < 1


def test_shuffled_labels_have_nothing_to_do_with_the_pictures():
    sets = ["data.batch_size=64"]
    right = first_batches(load_pictures(recipe("mnist_conv", sets=sets), 0), 8)
    wrong = first_batches(load_pictures(recipe("mnist_conv_shuffled", sets=sets), 0), 8)

    pairs = [
        np.concatenate([batch["label"] for batch in each]) for each in (right, wrong)
    ]
    np.testing.assert_array_equal(right[0]["image"], wrong[0]["image"])
    np.testing.assert_array_equal(wrong[0]["fake_label"], right[0]["label"])
    # 51 of 512 agree by chance, with a deviation of sqrt(512 x 0.1 x 0.9) = 7.
    assert abs(np.sum(pairs[0] == pairs[1]) - 51) < 35


def test_other_classes_than_the_networks_are_refused():
    with pytest.raises(UsageError, match=r"expected labels of model\.classes = 3"):
        load_pictures(recipe("mnist_mlp", sets=["model.classes=3"]), 0)
    with pytest.raises(UsageError, match=r"expected model\.classes = 3, found 8"):
        load_ring(recipe("ring", sets=["model.classes=3"]), 0)


@pytest.mark.parametrize("variant", ["mnist_mlp", "mnist_conv"])
def test_the_paper_scale_reads_mnist(variant):
    sets = ["data.batch_size=2", "data.validation=2"]
    with tfds.testing.mock_data(num_examples=6):
        loaded = load_pictures(recipe(variant, "paper", sets), 0)
        (batch,) = first_batches(loaded, 1)

    assert loaded.info.name == "mnist"
    assert batch["image"].shape == (2, 28, 28, 1)
    assert batch["label"].shape == batch["fake_label"].shape == (2,)


def test_samplers_know_the_classes_where_the_generator_is_told():
    for variant, classes in (("mnist_conv", 10), ("mnist_conv_unconditional", None)):
        made = recipe(variant)
        found = experiment.sampler(made, experiment.networks(made))
        assert found.sample(2, 0).shape == (2, 8, 8, 1)
        assert (found.class_names and len(found.class_names)) == classes
    made = recipe("ring")
    with pytest.raises(UsageError, match="ring trains no generator of pictures"):
        experiment.sampler(made, experiment.networks(made))


def obedient(classes):
    """Pictures of brightness label / 10, whatever the latent vector is."""
    latent, label = keras.Input((2,)), keras.Input((), dtype="int32")
    shade = ops.cast(label, "float32")[:, None] / 10 + 0.0 * latent[:, :1]
    x = layers.Reshape((SIDE, SIDE, 1))(ops.repeat(shade, SIDE * SIDE, axis=1))
    return Sampler(
        keras.Model([latent, label], x), LatentSpace(2, "normal"), "sigmoid",
        [str(number) for number in range(classes)],
    )  # fmt: skip


def shades(count, classes):
    labels = asked_for(count, classes)
    noise = np.random.default_rng(0).integers(0, 5, (count, SIDE, SIDE, 1))
    pictures = (labels[:, None, None, None] * 25.5 + noise).astype(np.uint8)
    return PictureSplit(count, lambda n: pictures[:n], None, labels)


def test_an_obedient_generator_is_found_to_be_one():
    sampler, pictures = obedient(4), shades(40, 4)
    settings = SimpleNamespace(
        pictures=40, extractor="random_vgg", judge="support_vectors",
        judge_pictures=40, while_training=0, parzen=SimpleNamespace(samples=0),
    )  # fmt: skip
    real = PictureSet(pictures, pictures, LoadedData("shades", "1", {}))
    scores = PictureEvaluation(
        sampler, real, InitialWeights(sampler.generator), settings
    )

    found = LabelEvaluation(scores, 4, settings).measure()

    assert found["label_accuracy_percent"].value == 100
    assert found["judge_accuracy_percent"].value == 100
    assert found["classes_found"].value == 4
    assert found["class_entropy_nats"].value == pytest.approx(np.log(4))
    expected = 100 * np.mean(asked_for(40, 4) == at_random(asked_for(40, 4)))
    assert found["label_accuracy_percent_at_random"].value == expected < 60
    assert found["label_accuracy_percent"].passport["judge"] == "support_vectors"


def test_classes_are_asked_for_in_turn_and_at_random_as_often():
    labels = asked_for(10, 4)

    np.testing.assert_array_equal(labels, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    np.testing.assert_array_equal(np.sort(at_random(labels)), np.sort(labels))
    assert not np.array_equal(at_random(labels), labels)


@pytest.mark.parametrize("is_labelled", [True, False])
def test_points_are_compared_with_the_mode_that_was_asked_for(is_labelled):
    ring = GaussianRing(4, 2.0, 0.01)
    latent, label = keras.Input((2,)), keras.Input((), dtype="int32")
    if is_labelled:
        one_hot = ops.one_hot(label, 4)
        point = ops.matmul(one_hot, ring.centres) + 0.0 * latent
        network = keras.Model([latent, label], point)
    else:  # always the first mode
        network = keras.Model(latent, 0.0 * latent + ring.centres[:1])
    settings = SimpleNamespace(samples=80, distance=0.1, least_share=0.1)

    found = RingEvaluation(
        network, LatentSpace(2, "normal"), ring, InitialWeights(network),
        is_labelled, settings,
    ).measure()  # fmt: skip

    assert found["percent_within"].value == 100
    assert found["modes"].value == (4 if is_labelled else 1)
    assert found["percent_at_mode"].value == (100 if is_labelled else 25)
    assert found["percent_at_random_mode"].value < 50
