"""Perceptual losses: PSNR, sharpness, searches and seconds, with numbers by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
)
from reproductions.perceptual_losses import speed
from reproductions.perceptual_losses.evaluate import StyleEvaluation, terms_of
from reproductions.perceptual_losses.optimisation import Optimisation, equal_iterations
from reproductions.perceptual_losses.resolution import (
    ResolutionEvaluation,
    compare,
    luma,
)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def grey(values):
    """(height, width) as a picture of three equal channels."""
    return np.repeat(np.asarray(values, np.float32)[..., None], 3, axis=-1)


# Enlarged pictures.


def test_luma_runs_from_16_to_235_and_weighs_green_most():
    colours = np.array([[[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], float)

    # ITU-R BT.601: 16 + 65.481, + 128.553, + 24.966.
    expected = [16, 235, 81.481, 144.553, 40.966]
    np.testing.assert_allclose(luma(colours)[0], expected)


def test_psnr_is_of_the_luma_without_a_border():
    original = grey(np.tile(np.arange(20) * 5 / 255, (20, 1)))
    picture = original.copy()
    picture[4:-4, 4:-4] += 10 / 255
    picture[0] = 0  # in the border

    found = compare(picture, original, 4)

    # Ten levels of grey are 10 / 255 * 219 of luma everywhere inside.
    expected = 10 * np.log10(255**2 / (10 / 255 * 219) ** 2)
    assert found["psnr_y"] == pytest.approx(expected)


def test_sharpness_is_the_slope_over_that_of_the_original():
    ramp = np.tile(np.arange(24) * 4 / 255, (24, 1))
    steeper, flat = (
        compare(grey(2 * ramp), grey(ramp), 2),
        compare(grey(np.full((24, 24), 0.5)), grey(ramp), 2),
    )

    assert steeper["sharpness"] == pytest.approx(2.0)
    assert flat["sharpness"] == 0.0


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_picture_is_as_sharp_and_as_similar_as_itself():
    picture = noise(24, 24, 3)

    found = compare(picture, picture, 2)

    assert found["sharpness"] == 1.0
    assert found["ssim_y"] == pytest.approx(1.0)
    assert found["psnr_y"] == np.inf


def test_enlarging_is_measured_beside_bicubic_interpolation():
    pictures = keras.Input((None, None, 3))
    repeating = keras.Model(pictures, keras.layers.UpSampling2D(4)(pictures))
    settings = SimpleNamespace(blur=0.0, judge=SimpleNamespace(layer="conv2_2"))
    originals = {
        "one": grey(np.tile(np.linspace(0, 1, 64), (64, 1))),
        "two": noise(64, 48, 3),
    }
    judge = load_feature_network("random_vgg")

    evaluation = ResolutionEvaluation(
        repeating, 4, originals, "some set", judge, settings
    )
    found = evaluation.measure()

    assert set(found) == {
        f"{name}{suffix}"
        for name in (
            "psnr_y", "ssim_y", "sharpness", "log10_feature_distance_random_vgg"
        )
        for suffix in ("", "_bicubic")
    }  # fmt: skip
    rows = evaluation.enlarged().values()
    psnr = [compare(row.ours, row.original, 4)["psnr_y"] for row in rows]
    assert found["psnr_y"].value == pytest.approx(np.mean(psnr))
    assert found["psnr_y"].count == 2
    assert found["psnr_y"].passport == {
        "pictures": "some set", "border": 4, "blur": 0.0,
    }  # fmt: skip
    # A ramp: repeated pixels are steps, interpolation makes a ramp again.
    assert found["psnr_y_bicubic"].value > found["psnr_y"].value


# Searches.


@pytest.mark.parametrize(
    ("value", "expected"), [(9.0, 1), (5.0, 2), (4.0, 3), (2.0, 4), (1.0, 5)]
)
def test_iterations_are_equal_where_the_search_is_first_as_low(value, expected):
    assert equal_iterations(np.array([9.0, 5.0, 3.0, 2.0]), value) == expected


@pytest.fixture(scope="module")
def objective():
    settings = ObjectiveSettings(
        LayerTerm(0.1, ("conv2_1",), "johnson"), LayerTerm(1.0, ("conv1_1",), "gatys")
    )
    return PerceptualObjective(load_feature_network("random_vgg"), settings)


@pytest.fixture
def optimisation(objective):
    contents = {"a": noise(24, 24, 3), "b": noise(24, 24, 3, seed=1)}
    settings = SimpleNamespace(iterations=9, memory=5)
    return Optimisation(objective, contents, noise(20, 30, 3, seed=2), settings, 0)


def test_a_search_keeps_its_best_value_and_ends_near_it(optimisation, objective):
    best = optimisation.log10_best

    assert best.shape == (2, 9)
    assert (np.diff(best, axis=1) <= 0).all()
    assert (best[:, -1] < best[:, 0]).all()
    np.testing.assert_allclose(optimisation.curve, best.mean(axis=0))
    # It begins at the noise of the seed, one for each picture.
    start = np.random.default_rng(1).random((24, 24, 3), np.float32)
    terms = terms_of(optimisation, [start, start])
    assert best[1, 0] == pytest.approx(np.log10(terms["objective"][1]), abs=1e-4)


def test_terms_are_of_each_picture_under_its_own_content(optimisation):
    contents = list(optimisation.contents.values())

    found = terms_of(optimisation, contents)

    np.testing.assert_allclose(found["content"], 0.0)
    assert (found["style"] > 0).all()
    np.testing.assert_allclose(found["objective"], found["style"], rtol=1e-6)


def test_a_network_is_measured_beside_the_search_and_the_content(
    optimisation, monkeypatch
):
    monkeypatch.setattr(
        "reproductions.perceptual_losses.evaluate.measure_speed", lambda *_: {}
    )
    pictures = keras.Input((None, None, 3))
    darker = keras.Model(pictures, keras.layers.Rescaling(0.9)(pictures))
    settings = SimpleNamespace(minimiser=SimpleNamespace(marks=[2, 9, 50]), speed=None)

    found = StyleEvaluation(darker, optimisation, settings, 0).measure()
    values = {name: metric.value for name, metric in found.items()}

    contents = list(optimisation.contents.values())
    for name, pictures in (
        ("log10_{}", [0.9 * content for content in contents]),
        ("log10_{}_of_content_picture", contents),
    ):
        terms = terms_of(optimisation, pictures)
        for term in ("objective", "style"):
            expected = np.log10(terms[term]).mean()
            assert values[name.format(term)] == pytest.approx(expected, abs=1e-5)
    best = optimisation.log10_best
    after = "log10_objective_after_{}_iterations".format
    assert values[after(2)] == pytest.approx(best[:, 1].mean())
    assert values[after(9)] == pytest.approx(best[:, 8].mean())
    assert after(50) not in values  # the search has nine
    ours = np.log10(terms_of(optimisation, [0.9 * x for x in contents])["objective"])
    reached = [
        np.flatnonzero(np.append(curve, -np.inf) <= value)[0] + 1
        for curve, value in zip(best, ours, strict=True)
    ]
    assert values["equal_iterations"] == np.mean(reached)


# Seconds.


def test_both_methods_take_turns(optimisation):
    ticks = []

    def clock():
        """A call of the network takes 1, 2, 3, ... s; all else 10 s between calls."""
        ticks.append(0)
        return float(sum(ticks) + len(ticks) ** 2)

    pictures = keras.Input((None, None, 3))
    network = keras.Model(pictures, keras.layers.Activation("linear")(pictures))

    found = speed.time_both(network, optimisation, 16, 3, clock)

    # Readings at 1, 4, 9, 16, ...: the nth pause takes 2 n + 1. Two warm-up calls of
    # the network use readings 1 to 4, reading 5 resumes. Each of five evaluations then
    # reads three times: its end, and the network's begin and end, and then resumes.
    begins = [5 + 4 * n for n in range(5)]
    evaluations = [2 * begin + 1 for begin in begins]
    forwards = [2 * (begin + 2) + 1 for begin in begins]
    np.testing.assert_array_equal(found.evaluations, evaluations[2:])
    np.testing.assert_array_equal(found.forwards, forwards[2:])


def test_a_search_that_ends_early_is_followed_by_another(optimisation, monkeypatch):
    starts = []

    def ends_after_three(evaluate, weights, start, minimiser, watch):
        starts.append((float(start.mean()), minimiser.iterations))
        for number in range(min(3, minimiser.iterations)):
            watch(number + 1, {}, start)

    monkeypatch.setattr(speed, "minimise_picture", ends_after_three)
    pictures = keras.Input((None, None, 3))
    network = keras.Model(pictures, keras.layers.Activation("linear")(pictures))

    found = speed.time_both(network, optimisation, 16, 5)

    assert len(found.evaluations) == len(found.forwards) == 5
    assert [iterations for _, iterations in starts] == [7, 4, 1]
    assert len({mean for mean, _ in starts}) == 3  # other noise each time


def test_iterations_are_timed_and_only_those_beyond_are_multiples():
    found = speed.Seconds(np.array([0.1, 0.3]), np.array([1.0, 2.0, 6.0]))

    assert found.of_pass() == pytest.approx(0.2)
    assert found.of_iterations(2) == 3.0
    assert found.of_iterations(3) == 9.0
    assert found.of_iterations(5) == 15.0  # their mean is 3


def test_seconds_are_of_every_side_and_number_of_iterations(optimisation, monkeypatch):
    seconds = speed.Seconds(np.full(7, 0.01), np.full(7, 0.1))
    monkeypatch.setattr(speed, "time_both", lambda *arguments: seconds)
    settings = SimpleNamespace(sides=[128, 256], iterations=[5, 300], evaluations=7)

    found = speed.measure_speed(None, optimisation, settings)
    values = {name: metric.value for name, metric in found.items()}

    assert values == pytest.approx(
        {
            f"log10_seconds_{name}_{side}": value
            for side in (128, 256)
            for name, value in {
                "forward": -2.0,
                "5_iterations": np.log10(0.5),
                "300_iterations": np.log10(30.0),
            }.items()
        }
    )
    assert found["log10_seconds_forward_128"].count == 7
