"""Networks of inception_grouped: equal sizes, equal forms, losses half way."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.cli.papers import find_paper
from cai_keras.training.seen_pixels import seen_pixels
from cai_keras.training.updates import apply_updates
from reproductions.inception_grouped.experiment import make_learner, networks
from reproductions.inception_grouped.learner import AuxiliaryClassifier
from reproductions.inception_grouped.model import (
    DETECTORS,
    build_network,
    build_resnext_in_form,
    in_form,
    main_network,
)

EQUAL_COST = ("1x64d", "2x40d", "4x24d", "8x14d", "32x4d")


@pytest.fixture(autouse=True)
def _clean_process():
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    keras.backend.clear_session()


def recipe(variant, scale="small", *sets):
    return find_paper("inception_grouped").recipe(scale, variant, sets=sets)


def network_of(variant, scale="small", *sets):
    return networks(recipe(variant, scale, *sets))["classifier"]


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


# Cardinality against width


@pytest.mark.parametrize("name", EQUAL_COST)
def test_small_networks_of_every_cardinality_have_equal_parameters(name):
    count = trainable(network_of(f"imagenet_resnext50_{name}"))

    assert abs(count / trainable(network_of("imagenet_resnext50_1x64d")) - 1) < 0.03


def test_a_small_networks_parameters_are_those_counted_by_hand():
    # 8x14d: C d = 56 channels of 7 a path, behind 96 of the stem. In a block 1x1, 3x3
    # in groups and 1x1, two numbers a channel for each normalisation.
    stem = 9 * 3 * 96 + 2 * 96
    inner, outer = 2 * 2 * 56 + 2 * 128, 9 * 7 * 56 + 56 * 128
    first = 96 * 56 + outer + inner + 96 * 128 + 2 * 128
    second = 128 * 56 + outer + inner
    logits = 128 * 10 + 10

    network = network_of("imagenet_resnext50_8x14d")

    assert trainable(network) == stem + first + second + logits


def test_the_paper_scale_has_the_depths_and_classes_of_the_papers():
    paper = find_paper("inception_grouped")
    models = {name: paper.recipe("paper", name).model for name in paper.variants}

    # Three convolutions a block, the stem and the classifier.
    layers = {
        name: 3 * sum(model.blocks) + 2
        for name, model in models.items()
        if "_resnext" in name
    }
    assert len(layers) == 18
    for name, count in layers.items():
        assert f"resnext{count}_" in name
    for name, model in models.items():
        classes = {"imagenet": 1000, "cifar100": 100, "cifar10": 10}
        expected = classes.get(name.partition("_")[0])
        assert expected is None or model.num_classes == expected, name


# Three forms


@pytest.mark.parametrize("form", ["joined", "summed"])
def test_a_networks_forms_have_equal_outputs(form):
    model = recipe("forms_grouped", "smoke").model
    grouped = build_network(model, (16, 16, 3))
    for weight in grouped.weights:
        weight.assign(weight + 0.1)  # no normalisation is the identity
    images = np.random.default_rng(0).normal(size=(5, 16, 16, 3)).astype("float32")

    expected = np.asarray(grouped(images))

    assert expected.std() > 0
    found = in_form(form, grouped, model)(images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def gradients_of(network, images, labels):
    """By weight, of the cross-entropy in training mode; a block's paths joined."""
    from cai_keras.training.tensorflow_step import gradients

    def objective():
        logits = network(images, training=True)
        loss = keras.losses.sparse_categorical_crossentropy(labels, logits, True)
        return ops.mean(loss), {}

    found = gradients(objective, network.trainable_variables)[1]
    joined = {}
    for weight, gradient in zip(network.trainable_variables, found, strict=True):
        layer, part = weight.path.split("/")[-2:]
        name, _, rest = layer.partition("_path")
        key = f"{name}_{rest.partition('_')[2]}/{part}" if rest else f"{layer}/{part}"
        joined.setdefault(key, []).append(np.asarray(gradient))
    # Only the last 1x1 is cut along its input channels.
    return {
        key: np.concatenate(parts, axis=-2 if key.endswith("conv3/kernel") else -1)
        for key, parts in joined.items()
    }


@pytest.mark.parametrize("form", ["joined", "summed"])
def test_a_networks_forms_have_equal_gradients(form):
    # float64: in float32 one ReLU whose input is 1e-7 would change them visibly.
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    model = recipe("forms_grouped", "smoke").model
    grouped = build_network(model, (16, 16, 3))
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(6, 16, 16, 3)), rng.integers(0, 10, 6)

    expected = gradients_of(grouped, images, labels)
    found = gradients_of(in_form(form, grouped, model), images, labels)

    assert expected.keys() == found.keys()
    for key, gradient in expected.items():
        scale = np.abs(gradient).max()
        assert scale > 0, key
        # Logits are float32 whatever the policy says.
        np.testing.assert_allclose(found[key], gradient, atol=1e-6 * scale, err_msg=key)


def test_a_form_to_be_trained_starts_with_the_grouped_ones_weights():
    keras.utils.set_random_seed(3)
    model = recipe("forms_grouped", "smoke").model
    grouped = build_network(model, (16, 16, 3))
    keras.utils.set_random_seed(3)
    summed = build_network(recipe("forms_summed_trained", "smoke").model, (16, 16, 3))
    other = build_resnext_in_form("summed", model, (16, 16, 3))
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")

    expected = np.asarray(grouped(images))
    np.testing.assert_allclose(summed(images), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(np.asarray(other(images)) - expected).max() > 1e-3


# Paired lines


@pytest.mark.parametrize(
    ("variant", "features", "parameters"),
    [
        # 1x1, 1x1 - 3x3, 1x1 - 5x5, 1x1 after the maximum: all of one grey channel.
        ("lines_inception", 40, 16 + (16 + 9 * 8 * 16 + 16) + (8 + 25 * 32 + 8) + 16),
        ("lines_three", 29, 16 + 9 * 8 * 29 + 29),
        ("lines_five", 21, 8 + 25 * 4 * 21 + 21),
    ],
)
def test_line_detectors_have_equal_parameters(variant, features, parameters):
    count = trainable(network_of(variant))

    assert count == parameters + 6 * features + 6
    assert abs(count / 2278 - 1) < 0.02


@pytest.mark.parametrize(
    ("name", "size"), [("inception", 5), ("three", 3), ("five", 5)]
)
def test_a_line_detector_sees_as_far_as_its_largest_filter(name, size):
    inputs = keras.Input((32, 32, 1))
    detector = keras.Model(inputs, DETECTORS[name](inputs))

    seen = seen_pixels(detector, (32, 32, 1))

    assert seen.any(axis=0).sum() == seen.any(axis=1).sum() == size


# GoogLeNet


def test_a_weight_half_way_asks_for_two_more_classifiers():
    with_them = network_of("imagenet_googlenet_auxiliary")
    plain = network_of("imagenet_googlenet_plain")

    assert with_them.output_shape == [(None, 10)] * 3
    assert plain.output_shape == (None, 10)
    assert main_network(plain) is plain
    assert main_network(with_them).output_shape == (None, 10)
    assert trainable(main_network(with_them)) == trainable(plain)


def test_what_is_tested_are_the_logits_of_the_last_classifier():
    network = network_of("imagenet_googlenet_auxiliary", "smoke")
    images = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype("float32")

    found = main_network(network)(images)

    np.testing.assert_allclose(found, network(images)[0], atol=1e-6)


class Fixed(keras.Model):
    """Three outputs that are the channels of an image's only pixel, in twos."""

    def call(self, images, training=None):
        return [images[:, 0, 0, 2 * i : 2 * i + 2] for i in range(3)]


def test_the_losses_half_way_count_as_much_as_the_recipe_says():
    learner = AuxiliaryClassifier(
        {"classifier": Fixed()}, {"classifier": keras.optimizers.SGD(0.1)}, 0.3
    )
    # Logits [0, 0], [1, 0] and [0, 2]; the right class is the first.
    image = np.array([0, 0, 1, 0, 0, 2], np.float32)[None, None, None]
    batch = {"image": image, "label": np.array([0])}

    (update,) = learner.updates()
    losses = {name: float(x[0]) for name, x in update.losses(batch).items()}

    assert losses == pytest.approx(
        {
            "cross_entropy": np.log(2),
            "auxiliary_4a": np.log(1 + np.exp(-1)),
            "auxiliary_4d": np.log(1 + np.exp(2)),
        }
    )
    assert update.weights == {"auxiliary_4a": 0.3, "auxiliary_4d": 0.3}


def test_a_step_minimises_the_weighted_sum_and_trains_every_classifier():
    asked = recipe("imagenet_googlenet_auxiliary", "smoke", "data.batch_size=2")
    network = networks(asked)["classifier"]
    learner = make_learner(network, asked)
    learner.build_optimizers()
    before = [ops.convert_to_numpy(w).copy() for w in network.trainable_weights]
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, 16, 16, 3)).astype("float32")

    losses = apply_updates(learner, {"image": image, "label": np.array([1, 2])})

    parts = [losses[f"classifier/{name}"] for name in ("auxiliary_4a", "auxiliary_4d")]
    expected = losses["classifier/cross_entropy"] + 0.3 * (parts[0] + parts[1])
    expected += losses["classifier/regularisation"]
    assert float(losses["classifier/total"]) == pytest.approx(float(expected), rel=1e-5)
    changed = {
        weight.path.split("/")[-2]
        for weight, old in zip(network.trainable_weights, before, strict=True)
        if not np.array_equal(weight, old)
    }
    assert {"logits", "auxiliary4a_logits", "auxiliary4d_logits"} <= changed
