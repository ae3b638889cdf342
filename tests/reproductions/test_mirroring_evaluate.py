"""Errors, profiles, attention, losses and gradient ascent, on numbers known by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.data.loaded import LoadedData
from cai_keras.layers.position_attention import PositionAttention
from reproductions.feature_visualization_mirroring import evaluate
from reproductions.feature_visualization_mirroring.data import MirrorData
from reproductions.feature_visualization_mirroring.learner import (
    ClassifierLearner,
    MirrorLearner,
)
from reproductions.feature_visualization_mirroring.maximise import maximise_channels

SETTINGS = SimpleNamespace(radii=[1, 4], training_images=2)


def data_of(test, value_range=None, train=None):
    some_train = None if train is None else (lambda count: train[:count])
    info = LoadedData("made", "1", {"test": len(test)})
    return MirrorData(None, test, some_train, value_range, info)


def noise(count=500, side=16):
    shape = (count, side, side, 1)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def measure(mirror, **arguments):
    metrics = evaluate.mirror_metrics(mirror, data_of(**arguments), SETTINGS)
    return {name: (metric.value, metric.count) for name, metric in metrics.items()}


def within(radius):
    """Mirrors the columns within reach, and predicts 0 in the others."""

    def mirror(images):
        width = images.shape[2]
        reached = np.abs(width - 1 - 2 * np.arange(width)) <= radius
        return images[:, :, ::-1] * reached[:, None]

    return mirror


@pytest.mark.parametrize(
    ("name", "expected"), [("mean", 1), ("identity", 2), ("mirror", 0)]
)
def test_references_have_their_errors_on_noise(name, expected):
    found = measure(evaluate.REFERENCES[name], test=noise())

    # 128,000 squares: 5 deviations are 5 * expected * sqrt(2 / 64000) or less.
    value, count = found["mse"]
    assert value == pytest.approx(expected, abs=0.028 * expected)
    assert count == 500


def test_a_predictor_that_theory_allows_has_the_floors_profile():
    found = measure(within(4), test=noise())

    assert found["mse"][0] == pytest.approx(0.75, abs=0.02)
    assert found["column_correlation_r4"][0] > 0.99
    assert found["column_correlation_r1"][0] < 0.9
    assert "psnr_db" not in found


def test_an_exact_mirror_has_no_profile_and_correlation_0():
    found = measure(evaluate.REFERENCES["mirror"], test=noise())

    assert found["column_correlation_r4"] == (0, 500)


def test_the_error_of_a_column_is_that_of_the_output_column():
    image = np.zeros((1, 2, 4, 1), "float32")
    image[0, :, 0] = 3  # the target has it in the last column

    errors = evaluate.squared_errors(np.zeros_like, image)

    assert evaluate.column_mse(errors).tolist() == [0, 0, 0, 9]


def test_images_have_a_psnr_and_an_error_of_training_images():
    test = np.full((4, 2, 2, 3), 0.2, "float32")
    train = np.full((3, 2, 2, 3), 0.5, "float32")

    found = measure(np.zeros_like, test=test, value_range=2.0, train=train)

    # 10 log10(4 / 0.04) = 20; the first two training images, 0.25.
    assert found["psnr_db"][0] == pytest.approx(20, abs=1e-4)
    assert found["training_images_mse"] == (pytest.approx(0.25), 2)
    assert not any(name.startswith("column") for name in found)


def test_the_notebooks_error_is_21_decibels():
    # The card: .0291 on a range of 2 is 21.4 dB.
    assert evaluate.psnr(0.0291, 2.0) == pytest.approx(21.4, abs=0.05)


def test_mirrored_positions_are_counted_row_by_row():
    assert evaluate.mirrored_positions(2, 3).tolist() == [2, 1, 0, 5, 4, 3]


def attention_network(query):
    """Attention on a 1 x 4 map; positions decide with logits of 0 or 200."""
    image = keras.Input((1, 4, 4))
    layer = PositionAttention("learned", name="attention")
    network = keras.Model(image, layer(image))
    zero, one = np.zeros(4), np.eye(4)
    given = {
        "query/kernel": query, "key/kernel": one, "positions": 20 * one,
        "value/kernel": one, "out/kernel": one,
    }  # fmt: skip
    layer.set_weights(
        [given.get(w.path.split("/", 1)[-1], zero) for w in layer.weights]
    )
    return network


def test_sharp_attention_at_the_mirror_has_100_percent_and_no_entropy():
    found = evaluate.attention_metrics(
        attention_network(np.eye(4)[::-1]), np.zeros((3, 1, 4, 4), "float32")
    )

    assert found["attention_argmax_percent"].value == 100
    assert found["attention_argmax_percent"].count == 3
    assert found["attention_entropy_nats"].value == pytest.approx(0, abs=1e-5)


def test_half_of_the_queries_at_the_mirror_are_50_percent():
    # Queries 0 and 3 look at each other, 1 and 2 at themselves.
    query = np.eye(4)[[3, 1, 2, 0]]

    found = evaluate.attention_metrics(
        attention_network(query), np.zeros((2, 1, 4, 4), "float32")
    )

    assert found["attention_argmax_percent"].value == 50


def test_equal_weights_have_the_entropy_of_all_positions():
    found = evaluate.attention_metrics(
        attention_network(np.zeros((4, 4))), np.zeros((2, 1, 4, 4), "float32")
    )

    assert found["attention_entropy_nats"].value == pytest.approx(np.log(4), rel=1e-5)


def test_accuracy_is_the_share_of_largest_logits():
    image = keras.Input((1, 1, 3))
    network = keras.Model(image, keras.layers.Flatten()(image))
    images = np.eye(3, dtype="float32").reshape(3, 1, 1, 3)

    found = evaluate.classifier_metrics(network, images, np.array([0, 1, 1]))

    assert found["accuracy_percent"].value == pytest.approx(200 / 3)


# Learners


def losses_of(learner_class, network, batch):
    learner = learner_class(
        {"network": network}, {"network": keras.optimizers.SGD(0.1)}
    )
    (update,) = learner.updates()
    ((_, values),) = update.losses(batch).items()
    return keras.ops.convert_to_numpy(values)


def test_the_mirroring_loss_is_the_error_of_each_image():
    image = keras.Input((2, 2, 1))
    network = keras.Model(image, keras.layers.ReLU()(image))
    batch = np.array([[[1, 3], [2, 2]], [[0, 1], [0, 0]]], "float32")[..., None]

    losses = losses_of(MirrorLearner, network, {"image": batch})

    # Identity against the flip: 4 + 4 + 0 + 0 and 1 + 1 + 0 + 0, over 4 pixels.
    np.testing.assert_allclose(losses, [2, 0.5])


def test_the_classifiers_loss_is_the_cross_entropy_of_logits():
    image = keras.Input((1, 1, 3))
    network = keras.Model(image, keras.layers.Flatten()(image))
    batch = {
        "image": np.array([[0, 0, 0], [np.log(2), 0, 0]], "float32").reshape(
            2, 1, 1, 3
        ),
        "label": np.array([1, 0], "int32"),
    }

    losses = losses_of(ClassifierLearner, network, batch)

    # ln 3, and -ln(2 / (2 + 1 + 1)) = ln 2.
    np.testing.assert_allclose(losses, [np.log(3), np.log(2)], rtol=1e-5)


# Gradient ascent


def linear_network():
    """Channel 0 is the red value, channel 1 minus the green one."""
    image = keras.Input((4, 4, 3))
    layer = keras.layers.Conv2D(2, 1, use_bias=False, name="conv1")
    network = keras.Model(image, layer(image))
    layer.set_weights([np.array([[1, 0], [0, -1], [0, 0]], "float32")[None, None]])
    return network


def test_gradient_ascent_finds_the_colour_that_a_channel_likes():
    images, history = maximise_channels(
        linear_network(), "conv1", [0, 1], steps=60, step_size=0.05
    )

    # The slope is the same at every step: after enough of them, the end of the range.
    np.testing.assert_allclose(images[0, ..., 0], 1)
    np.testing.assert_allclose(images[1, ..., 1], -1)
    np.testing.assert_allclose(history[-1], [1, 1])
    # What a channel does not see stays faint noise of deviation 0.1.
    assert np.abs(images[..., 2]).max() < 0.6


def test_one_step_goes_by_the_step_size_along_the_slope():
    before, _ = maximise_channels(linear_network(), "conv1", [0], 0, 0.05)
    after, history = maximise_channels(linear_network(), "conv1", [0], 1, 0.05)

    # One of three channels has a slope: its root mean square is slope / sqrt(3).
    np.testing.assert_allclose(
        (after - before)[0, ..., 0], 0.05 * np.sqrt(3), rtol=1e-4
    )
    assert history[1, 0] - history[0, 0] == pytest.approx(0.05 * np.sqrt(3), rel=1e-4)


def test_a_silent_channel_leaves_its_image_as_it_is():
    network = linear_network()
    network.get_layer("conv1").set_weights([np.zeros((1, 1, 3, 2), "float32")])

    before, _ = maximise_channels(network, "conv1", [1], 0, 0.05)
    after, _ = maximise_channels(network, "conv1", [1], 3, 0.05)

    np.testing.assert_array_equal(after, before)


def test_every_layer_that_is_shown_is_one_of_the_classifiers():
    from reproductions.feature_visualization_mirroring.experiment import networks
    from reproductions.feature_visualization_mirroring.run_figures import _LAYERS

    recipe = find_paper("feature_visualization_mirroring").recipe(
        "smoke", "colour_classifier"
    )
    names = {layer.name for layer in networks(recipe)["network"].layers}

    assert set(_LAYERS) <= names
