"""SAGAN's measures: singular values, gamma, labels, and where positions look."""

from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

from cai_keras.cli.papers import find_paper
from cai_keras.data.classification import LabelledImages
from cai_keras.data.latents import LatentSpace
from cai_keras.errors import UsageError
from cai_keras.generation import picture_judge
from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.generation.sampler import Sampler
from cai_keras.layers.self_attention2d import SelfAttention2D
from cai_keras.layers.spectral_normalization import SpectralNormalization
from reproductions.sagan import evaluate, run_figures, stability
from reproductions.sagan.data import Pictures
from reproductions.sagan.experiment import networks, sampler
from reproductions.sagan.model import build_players

PAPER = find_paper("sagan")


def attention_network(**options):
    x = keras.Input((4, 4, 8))
    return keras.Model(x, SelfAttention2D(name="attention", **options)(x))


# Layers.


def test_singular_values_are_those_of_what_a_layer_multiplies_with():
    x = keras.Input((4, 4, 1))
    y = layers.Conv2D(2, 1, name="plain")(x)
    y = layers.Dense(2, name="inner")(y)
    y = SpectralNormalization(layers.Dense(2, name="normalised"))(y)
    network = keras.Model(x, y)
    # A row (3, 4) has the singular value 5; diagonals have their largest entry, and
    # with v = (1, 0) the estimate of diag(6, 1) is 6: what is applied has 1.
    network.get_layer("plain").kernel.assign([[[[3.0, 4.0]]]])
    network.get_layer("inner").kernel.assign([[2.0, 0.0], [0.0, 7.0]])
    wrapper = network.layers[-1]
    wrapper.layer.kernel.assign([[6.0, 0.0], [0.0, 1.0]])
    wrapper.vector.assign([1.0, 0.0])

    values = list(stability.largest_singular_values(network).values())
    metrics = stability.singular_value_metrics({"critic": network})

    np.testing.assert_allclose(sorted(values), [1, 5, 7], rtol=1e-5)
    assert metrics["critic_singular_value_largest"].value == pytest.approx(7)
    assert metrics["critic_singular_value_smallest"].value == pytest.approx(1)
    found = metrics["log10_critic_singular_value_largest"].value
    assert found == pytest.approx(np.log10(7))


def test_a_lagging_estimate_shows_in_the_singular_value():
    x = keras.Input((2,))
    network = keras.Model(x, SpectralNormalization(layers.Dense(2))(x))
    wrapper = network.layers[-1]
    # The estimate looks along the smaller axis: sigma 2 where the largest is 6.
    wrapper.layer.kernel.assign([[6.0, 0.0], [0.0, 2.0]])
    wrapper.vector.assign([0.0, 1.0])

    (value,) = stability.largest_singular_values(network).values()

    assert value == pytest.approx(3)


def test_gamma_is_measured_where_there_is_attention():
    with_attention, without = attention_network(), keras.Sequential([layers.Dense(1)])
    at_start = stability.gammas({"maker": with_attention, "judge": without})
    with_attention.get_layer("attention").gamma.assign(-0.25)

    found = stability.gamma_metrics({"maker": with_attention}, at_start)

    assert at_start == {"maker": 0.0}
    values = {name: metric.value for name, metric in found.items()}
    assert values == {"maker_gamma_size": 0.25, "maker_gamma_size_at_start": 0.0}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_attention_changes_nothing_at_the_start(player):
    plain, attending = (
        build_players(PAPER.recipe("smoke", variant))[player]
        for variant in ("none32", "attention32")
    )
    rng = np.random.default_rng(0)
    shape = (2, 128) if player == "generator" else (2, 32, 32, 3)
    inputs = [rng.normal(size=shape).astype("float32"), np.array([3, 9])]
    shared = {layer.name: layer for layer in plain.layers if layer.weights}
    for layer in attending.layers:
        if layer.name in shared:
            shared[layer.name].set_weights(layer.get_weights())

    np.testing.assert_array_equal(plain(inputs), attending(inputs))
    attending.get_layer("attention").gamma.assign(1.0)
    assert np.abs(ops.convert_to_numpy(plain(inputs) - attending(inputs))).max() > 0


def test_the_released_network_stands_at_32_pixels_in_both_players():
    narrow = [
        f"model.{player}.filters=[8, 8, 8, 8, 8]"
        for player in ("generator", "discriminator")
    ]
    recipe = PAPER.recipe("paper", "imagenet_sagan", sets=narrow)

    for network in networks(recipe).values():
        assert network.get_layer("attention").input.shape[1:3] == (32, 32)


# Pictures.


@pytest.fixture
def colours():
    """Class 0 is black, class 1 white; in training it is a little darker."""

    def make(white, count):
        labels = (np.arange(count) % 2).astype(np.int32)
        levels = np.uint8(white) * labels.astype(np.uint8)
        images = np.repeat(levels, 12).reshape(count, 2, 2, 3)
        return LabelledImages(images, labels)

    return Pictures(None, partial(make, 204), partial(make, 255), 0, 3, None)


@pytest.fixture
def brightness(monkeypatch):
    """An extractor of the brightness; `sure` also tells black from white."""

    def level_of(pictures):
        return pictures.mean(axis=(1, 2, 3))[:, None] / 255

    def compute(pictures):
        return level_of(pictures), None

    def compute_surely(pictures):
        level = level_of(pictures)
        return level, np.eye(2)[(level[:, 0] > 0.5).astype(int)]

    def load(name):
        function = compute_surely if name == "sure" else compute
        return FeatureExtractor(name, "0" * 64, "none", 1, None, 3, function)

    for module in (evaluate, picture_judge):
        monkeypatch.setattr(module, "load_extractor", load)


class Obedient(keras.layers.Layer):
    """Pictures of the label's colour; with `turned`, of the other one's."""

    def __init__(self, turned):
        super().__init__()
        self.turned = turned

    def call(self, latent, label):
        sign = 1.0 - 2.0 * ops.cast(label, "float32")
        sign = sign if self.turned else -sign
        return ops.tile(ops.reshape(sign, (-1, 1, 1, 1)), (1, 2, 2, 3))


def makes(turned):
    latent, label = keras.Input((3,)), keras.Input((), dtype="int32")
    generator = keras.Model([latent, label], Obedient(turned)(latent, label))
    return Sampler(generator, LatentSpace(3, "normal"), "tanh", ["black", "white"], 4)


SETTINGS = SimpleNamespace(
    features="brightness",
    judge="linear",
    pictures=40,
    judge_pictures=20,
    while_training=20,
)


@pytest.mark.parametrize("judge", ["linear", "sure"])
@pytest.mark.parametrize(("turned", "expected"), [(False, 100), (True, 0)])
def test_a_judge_says_how_many_labels_are_obeyed(
    judge, turned, expected, colours, brightness
):
    settings = SimpleNamespace(**{**vars(SETTINGS), "judge": judge})

    found = evaluate.PictureEvaluation(makes(turned), colours, settings, 0).measure()

    values = {name: metric.value for name, metric in found.items()}
    assert values["label_accuracy_percent"] == expected
    assert values["label_accuracy_percent_of_real"] == 100
    assert values["label_accuracy_percent_by_chance"] == 50


def test_the_class_score_is_the_judges_where_features_have_no_classes(
    colours, brightness
):
    settings = SimpleNamespace(**{**vars(SETTINGS), "judge": "sure"})

    found = evaluate.PictureEvaluation(makes(True), colours, settings, 0).measure()

    # Two classes, as often in each tenth, and no doubt of any picture.
    assert found["class_score"].value == pytest.approx(2)
    assert found["class_score"].passport["judge"] == "sure"


def test_the_linear_judges_passport_says_what_it_learned_from(colours, brightness):
    found = evaluate.PictureEvaluation(makes(False), colours, SETTINGS, 0).measure()

    passport = found["label_accuracy_percent"].passport
    assert passport["judge_features"] == "brightness"
    assert (passport["judge"], passport["judge_pictures"]) == ("linear", 20)


def test_distances_have_the_extractors_passport_under_either_name(colours, brightness):
    found = evaluate.PictureEvaluation(makes(False), colours, SETTINGS, 0).measure()

    # Half are 0; the others 1 or 0.8. Means 0.5 and 0.4, deviations 20 of 40 about
    # them, so sqrt(40 / 39) times 0.5 and 0.4: 0.1^2 + 0.1^2 x 40 / 39.
    assert found["frechet_distance"] == found["fid_brightness_40"]
    assert found["frechet_distance"].value == pytest.approx(0.01 + 0.01 * 40 / 39)
    assert found["frechet_distance"].passport["features"] == "brightness"
    assert found["frechet_distance"].passport["reference"] == "train"
    logarithm = found["log10_frechet_distance_of_real"]
    assert logarithm.passport == found["fid_brightness_40_of_real"].passport


def test_without_a_judge_nothing_is_said_of_labels(colours, brightness):
    settings = SimpleNamespace(**{**vars(SETTINGS), "judge": "none"})

    found = evaluate.PictureEvaluation(makes(False), colours, settings, 0).measure()

    assert not [name for name in found if name.startswith(("label", "class_score"))]


def test_a_classifier_draws_no_pictures():
    recipe = PAPER.recipe("smoke", "matching_attention")

    with pytest.raises(UsageError, match="a classifier makes no pictures"):
        sampler(recipe, networks(recipe))


# Where positions look.


def test_weights_are_of_the_position_below_the_point():
    network = attention_network(use_spectral_norm=False)
    maps = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("float32")
    pictures = np.zeros((2, 8, 8, 1), np.float32)

    looks = run_figures.look(network, maps, pictures, [(0.0, 0.0), (0.9, 0.3)])

    # Row 3 and column 1 of 4 x 4: position 3 x 4 + 1; keys are maxima, 2 x 2 of them.
    rows = ops.convert_to_numpy(network.get_layer("attention").attention_weights(maps))
    np.testing.assert_allclose(looks.weights[:, 1], rows[:, 13].reshape(2, 2, 2))
    np.testing.assert_allclose(looks.weights.sum(axis=(2, 3)), 1, rtol=1e-5)
    # A cell is 2 pixels wide: its middle lies between pixels 0 and 1.
    np.testing.assert_allclose(looks.queries, [(0.5, 0.5), (6.5, 2.5)])


def test_a_column_of_samples_has_one_latent_vector():
    seen = []

    class Recorder:
        class_names = ("a", "b", "c")
        space = LatentSpace(2, "normal")

        def pictures(self, latents, labels):
            seen.append((latents, labels))
            return np.zeros((len(latents), 2, 2, 3))

    _, columns = run_figures.rows_of_classes(Recorder())

    ((latents, labels),) = seen
    np.testing.assert_array_equal(labels, np.repeat([0, 1, 2], columns))
    np.testing.assert_array_equal(latents[:columns], latents[columns : 2 * columns])
