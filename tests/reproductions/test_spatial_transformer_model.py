"""Parameter counts, the identity before training, and how networks are connected."""

import keras
import numpy as np
import pytest

from cai_keras.cli import papers
from cai_keras.errors import UsageError
from reproductions.spatial_transformer import model
from reproductions.spatial_transformer.experiment import networks
from reproductions.spatial_transformer.learner import Classifier, hinge_loss

PAPER = papers.find_paper("spatial_transformer")
CLASSIFIERS = [v for v in PAPER.variants if v[-4:] != "demo" and "coloc" not in v]


def recipe(variant, scale="paper", *sets):
    return PAPER.recipe(scale, variant, sets=list(sets))


@pytest.mark.parametrize(
    ("transform", "parameters"),
    [("affine", 6), ("attention", 3), ("projective", 8), ("thin_plate_spline", 32)],
)
def test_a_head_has_a_weight_for_each_unit_and_a_bias(transform, parameters):
    settings = recipe("r_st_fcn_affine").model

    head = model.build_localisation((28, 28, 1), transform, settings).get_layer("theta")

    # From 32 units: 6 d + 6 for affine.
    assert head.count_params() == parameters * 32 + parameters


def test_the_demos_networks_have_the_parameters_of_stnbhwd():
    counts = {
        n: m.count_params() for n, m in networks(recipe("rts_st_fcn_demo")).items()
    }

    # 32 - pool - 12 - pool - 2: 20 (25 + 1) + 20 (500 + 1) + 20 (80 + 1) + 6 (20 + 1);
    # 128 (1024 + 1) + 128 (128 + 1) + 10 (128 + 1).
    assert counts == {"localisation": 12_286, "classifier": 149_002}


@pytest.mark.parametrize("variant", CLASSIFIERS)
def test_all_networks_of_the_table_have_about_400k_parameters(variant):
    total = sum(m.count_params() for m in networks(recipe(variant)).values())

    assert 0.95 * 400_000 <= total <= 400_000


@pytest.mark.parametrize("task", ["rts", "tc"])
def test_at_small_scale_a_network_and_its_transformer_network_are_as_large(task):
    for kind in ("fcn", "cnn"):
        totals = [
            sum(m.count_params() for m in networks(recipe(variant, "small")).values())
            for variant in (f"{task}_{kind}", f"{task}_st_{kind}_affine")
        ]
        assert totals[1] == pytest.approx(totals[0], rel=0.05)


@pytest.mark.parametrize("kind", ["fcn", "cnn"])
@pytest.mark.parametrize("width", [1, 5])
def test_the_parameters_are_counted_without_building(kind, width):
    count, build = model.CLASSIFIERS[kind]

    built = build(width, (26, 27, 2), 19, [9, 7])

    assert built.count_params() == count(width, (26, 27, 2), 19, [9, 7])


def test_too_few_parameters_are_refused():
    few = recipe("rts_st_fcn_affine", "paper", "model.parameters.fcn=50000")

    with pytest.raises(UsageError, match=r"50000 are too few .* \(42, 42, 1\)"):
        networks(few)


@pytest.mark.parametrize(
    "variant", ["e_st_fcn_tps", "p_st_cnn_projective", "r_st_cnn_affine"]
)
def test_a_transformer_hands_on_the_image_before_training(variant):
    settings = recipe(variant)
    built = networks(settings)
    logits, (transformer,) = model.connect(built, settings.model.transforms)
    side = logits.input_shape[1]
    images = np.random.default_rng(0).random((2, side, side, 1)).astype("float32")

    np.testing.assert_allclose(transformer.view(images), images, atol=1e-5)
    np.testing.assert_allclose(logits(images), built["classifier"](images), atol=1e-4)


def test_two_transformers_hand_on_both_channels_each():
    settings = recipe("addition_two_st_fcn_affine")
    built = networks(settings)
    logits, transformers = model.connect(built, settings.model.transforms)

    assert list(built) == ["localisation1", "localisation2", "classifier"]
    assert built["classifier"].input_shape == (None, 42, 42, 4)
    assert logits.input_shape == (None, 42, 42, 2)
    assert logits.output_shape == (None, 19)
    assert transformers[0].theta is not transformers[1].theta


def test_a_network_without_transformers_is_its_classifier():
    built = networks(recipe("rts_cnn"))

    logits, transformers = model.connect(built, [])

    assert logits is built["classifier"]
    assert transformers == ()


def test_a_transformer_can_hand_on_a_smaller_image():
    settings = recipe("colocalisation_t")
    built = networks(settings)

    transformer = model.connect_transformer(built["localisation"], "attention", 28)

    assert transformer.view.output_shape == (None, 28, 28, 1)


def test_features_are_the_two_pooled_layers():
    encoder = networks(recipe("colocalisation_t"))["encoder"]

    features = model.connect_features(encoder)

    # 28 - 20 - 10 and 10 - 4 - 2, with 32 filters each.
    assert features.output_shape == (None, 32 * (100 + 4))


def test_the_classification_loss_reaches_the_localisation_network():
    import tensorflow as tf

    settings = recipe("r_st_fcn_affine", "smoke")
    built = networks(settings)
    logits, _ = model.connect(built, settings.model.transforms)
    learner = Classifier(built, {"network": keras.optimizers.SGD()}, logits)
    images = np.random.default_rng(0).random((4, 28, 28, 1)).astype("float32")
    batch = {"image": tf.constant(images), "label": tf.constant([0, 1, 2, 3])}

    with tf.GradientTape() as tape:
        losses = learner.losses_of_images(batch)["cross_entropy"]
    head = built["localisation"].get_layer("theta")
    gradient = tape.gradient(losses, head.kernel)

    assert losses.shape == (4,)
    assert np.abs(gradient).max() > 0


def test_the_hinge_loss_by_hand():
    first = np.array([[1.0, 2.0], [0.0, 0.0], [1.0, 0.0]], "float32")
    second = np.array([[2.0, 2.0], [3.0, 0.0], [1.0, 0.0]], "float32")
    random = np.array([[1.0, 4.0], [0.0, 1.0], [1.0, 0.0]], "float32")

    found = hinge_loss(first, second, random, 1.5)

    # 1 - 4 + 1.5 < 0; 9 - 1 + 1.5; 0 - 0 + 1.5.
    np.testing.assert_allclose(found, [0.0, 9.5, 1.5])
