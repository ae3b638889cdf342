"""Evaluation: enlarged maps, tiles put together, sums by hand, the identity."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from cai_keras.networks.dilated_context import LARGE, build_context
from cai_keras.networks.receptive_field import receptive_fields
from reproductions.dilated_context import evaluate
from reproductions.dilated_context.data import LabelledImages
from reproductions.dilated_context.evaluate import Prediction, Tally, enlarge
from reproductions.dilated_context.model import FRONT_ENDS
from reproductions.dilated_context.views import Tiles, View


def in_memory(images, labels):
    images, labels = tf.constant(images), tf.constant(labels)
    return LabelledImages(
        len(images), lambda n: (tf.gather(images, n), tf.gather(labels, n))
    )


def probabilities(classes):
    """One-hot (height, width, 3) but for a tenth that the others share."""
    return np.where(np.arange(3) == np.array(classes)[..., None], 0.9, 0.05)


# Enlarging


def test_values_between_positions_are_interpolated_and_the_last_one_stays():
    maps = np.array([[[0.0], [4.0]], [[8.0], [12.0]]])

    found = enlarge(maps, 4, (5, 6))[..., 0]

    np.testing.assert_allclose(found[0], [0, 1, 2, 3, 4, 4])
    np.testing.assert_allclose(found[:, 0], [0, 2, 4, 6, 8])
    # Half way in both: the mean of all four.
    assert found[2, 2] == 6


def test_maps_of_every_pixel_are_only_cut():
    maps = np.random.default_rng(0).normal(size=(4, 5, 2))

    np.testing.assert_array_equal(enlarge(maps, 1, (3, 5)), maps[:3])


def striding(stride):
    """A network whose logits are the colours of every strideth pixel, twice."""
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(6, 1, strides=stride, use_bias=False)(inputs)
    network = keras.Model(inputs, x)
    network.set_weights([np.concatenate([np.eye(3)] * 2, axis=1)[None, None]])
    return network


@pytest.mark.parametrize("sides", [(8, 8), (4, 8), (4, 4), (20, 20)])
def test_predictions_do_not_depend_on_tiles_nor_on_groups(sides):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 4, (5, 7, 8, 3)).astype(np.uint8)
    labels = rng.integers(0, 3, (5, 7, 8)).astype(np.uint8)
    view = View(0, 1, (0.0, 0.0, 0.0), 1.0)
    tiles = Tiles(in_memory(images, labels), view, sides)

    found = list(evaluate.predictions(striding(1), tiles, batch_size=2))

    assert len(found) == 5
    for one, image, label in zip(found, images, labels, strict=True):
        expected = softmax(image[..., ::-1].astype(float), axis=-1)
        np.testing.assert_allclose(one.whole, expected, rtol=1e-5)
        np.testing.assert_allclose(one.front_end, expected, rtol=1e-5)
        np.testing.assert_array_equal(one.label, label)


def test_position_r_of_a_map_is_at_pixel_r_times_the_stride():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 4, (1, 16, 16, 3)).astype(np.uint8)
    view = View(0, 8, (0.0, 0.0, 0.0), 1.0)
    labels = np.zeros((1, 16, 16), np.uint8)
    tiles = Tiles(in_memory(images, labels), view, (16, 16))

    (one,) = evaluate.predictions(striding(8), tiles, batch_size=1)

    corners = softmax(images[0, ::8, ::8, ::-1].astype(float), axis=-1)
    np.testing.assert_allclose(one.whole[::8, ::8], corners, rtol=1e-5)
    between = (corners[0, 0] + corners[0, 1]) / 2
    np.testing.assert_allclose(one.whole[0, 4], between, rtol=1e-5)


# Sums


@pytest.fixture
def tally():
    """Two images of three classes; with the module one pixel of five is wrong."""
    tally = Tally(3, sight=2)
    image = np.zeros((1, 4, 3), np.uint8)
    first = Prediction(
        image,
        np.uint8([[0, 1, 2, 255]]),
        probabilities([[0, 1, 1, 0]]),
        probabilities([[0, 1, 2, 0]]),
    )
    second = Prediction(
        image[:, :2],
        np.uint8([[1, 2]]),
        probabilities([[0, 0]]),
        probabilities([[1, 1]]),
    )
    tally.add(first, np.array([[3, 0, 2, 1]]))
    tally.add(second, np.array([[2, 3]]))
    return tally


def test_metrics_are_sums_over_the_pixels_of_all_images(tally):
    found = {name: m.value for name, m in tally.metrics({}).items()}

    # With the module: class 0 1 / 1, class 1 2 / 3, class 2 1 / 2.
    assert found["mean_iou_percent"] == pytest.approx(100 * (1 + 2 / 3 + 1 / 2) / 3)
    # The front end: class 0 1 / 3, class 1 1 / 3, class 2 0 / 2.
    assert found["front_end_mean_iou_percent"] == pytest.approx(100 * 2 / 9)
    gain = found["mean_iou_percent"] - found["front_end_mean_iou_percent"]
    assert found["context_gain_points"] == pytest.approx(gain)
    assert found["pixel_accuracy_percent"] == pytest.approx(80)
    nats = -(4 * np.log(0.9) + np.log(0.05)) / 5
    assert found["cross_entropy_nats"] == pytest.approx(nats)


def test_sight_is_about_things_that_are_not_the_cue(tally):
    found = {name: m.value for name, m in tally.metrics({}).items()}

    # In sight, 2 pixels or nearer: class 2 of the first and class 1 of the second.
    assert found["in_sight_accuracy_percent"] == 100
    # Beyond: class 2 of the second, which is wrong. Class 0 is no thing.
    assert found["out_of_sight_accuracy_percent"] == 0


def test_without_distances_nothing_is_said_of_sight():
    tally = Tally(3, sight=2)
    label = np.uint8([[0, 1]])
    guess = probabilities([[0, 1]])

    tally.add(Prediction(np.zeros((1, 2, 3)), label, guess, guess), None)

    found = tally.metrics({"images": "some"})
    assert not [name for name in found if "sight" in name]
    assert found["mean_iou_percent"].passport == {"images": "some"}
    assert found["mean_iou_percent"].count == 1


def test_a_probability_of_zero_costs_much_and_not_infinitely_much():
    tally = Tally(2, sight=1)
    sure = np.array([[[1.0, 0.0]]], np.float32)

    tally.add(Prediction(np.zeros((1, 1, 3)), np.uint8([[1]]), sure, sure), None)

    assert 80 < tally.metrics({})["cross_entropy_nats"].value < 90


def test_the_recipes_sight_is_what_the_undilated_network_sees():
    # (15 - 1) / 2 of the module and 3 of the front end.
    fields = receptive_fields(build_context(1, (1,) * 7, image_size=20))
    radius = (fields["context8"].size - 1) // 2
    margin = FRONT_ENDS["three_convolutions"].margin

    from cai_keras.cli.papers import find_paper

    recipe = find_paper("dilated_context").recipe("small", "voc_basic")
    assert radius + margin == recipe.evaluate.sight == 10


# The identity


@pytest.fixture
def scenes():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 12, 12, 3)).astype(np.uint8)
    view = View(0, 1, (128.0, 128.0, 128.0), 64.0)
    return Tiles(in_memory(images, np.zeros((3, 12, 12), np.uint8)), view, (12, 12))


def test_the_basic_module_starts_as_the_identity(scenes):
    inputs = keras.Input((None, None, 3))
    front_end = keras.Model(inputs, keras.layers.Conv2D(4, 1)(inputs))

    found = evaluate.identity_metrics(front_end, build_context(4), scenes, 3)

    assert found["identity_max_difference"].value == 0.0
    assert found["identity_correlation"].value == pytest.approx(1.0)
    assert found["identity_max_difference"].count == 3


def test_a_random_module_does_not(scenes):
    inputs = keras.Input((None, None, 3))
    front_end = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    keras.utils.set_random_seed(0)
    context = build_context(
        2, multiples=LARGE, kernel_initializer=keras.initializers.GlorotUniform
    )

    found = evaluate.identity_metrics(front_end, context, scenes, 2)

    assert found["identity_max_difference"].value > 0.1
    assert found["identity_correlation"].value < 0.9


def test_maps_that_are_0_everywhere_have_no_correlation(scenes):
    inputs = keras.Input((None, None, 3))
    front_end = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    front_end.set_weights([w * 0 for w in front_end.get_weights()])

    found = evaluate.identity_metrics(front_end, build_context(2), scenes, 1)

    assert found["identity_max_difference"].value == 0.0
    assert found["identity_correlation"].value is None
    assert "nan" in found["identity_correlation"].reason
