"""U-Net's networks and loss: equal parameters, sizes, equation 1 by hand."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper, networks_of
from cai_keras.errors import UsageError
from cai_keras.networks.unet import margin_of
from cai_keras.training.first_record import count_parameters
from reproductions.unet.experiment import settings_of
from reproductions.unet.learner import PixelClassifier, weighted_cross_entropy_loss

PAPER = find_paper("unet")


def network_of(scale, variant, *sets):
    return networks_of(PAPER)(PAPER.recipe(scale, variant, None, sets))["unet"]


def trainable(scale, variant):
    return count_parameters({"unet": network_of(scale, variant)})["unet"].trainable


@pytest.mark.parametrize(
    ("scale", "expected"),
    # The numbers with skips are the card's, of depth 4 and depth 3.
    [("paper", 31_030_658), ("small", 120_690)],
)
def test_without_skips_the_parameters_are_the_same_within_one_percent(scale, expected):
    with_skips, without = (trainable(scale, v) for v in ("unet", "unet_no_skips"))

    assert with_skips == expected
    assert without == pytest.approx(expected, rel=0.01)


def test_without_skips_nothing_of_the_way_down_reaches_the_way_up_directly():
    network = network_of("small", "unet_no_skips")

    kinds = {type(layer).__name__ for layer in network.layers}

    assert "Concatenate" not in kinds
    # 9 filters of the last up-convolution, and nothing beside them.
    assert network.get_layer("up1_conv1").kernel.shape == (3, 3, 9, 9)


@pytest.mark.parametrize(
    ("scale", "variant", "expected"),
    [("paper", "unet", (572, 388)), ("small", "unet", (148, 60)),
     ("paper", "unet_padded", (384, 384)), ("small", "unet_padded", (64, 64))],
)  # fmt: skip
def test_tiles_have_the_output_that_the_config_says(scale, variant, expected):
    recipe = PAPER.recipe(scale, variant)
    network = network_of(scale, variant)

    assert (network.input_shape[1], network.output_shape[1]) == expected
    margin = margin_of(settings_of(recipe.model))
    assert recipe.data.tile_side - 2 * margin == expected[1]


def test_a_tile_that_does_not_pool_evenly_is_refused_with_its_key():
    with pytest.raises(UsageError, match=r"data\.tile_side, model: an image of 150 x"):
        network_of("small", "unet", "data.tile_side=150")


# The loss


def test_the_loss_is_the_mean_of_weighted_logarithms():
    # p of the right class: 1/2, 3/4, 1/2 and 1/4; weights 1, 2, 0 and 4.
    three = np.log(3.0)
    logits = np.array([[[[0, 0], [0, three]], [[0, 0], [0, three]]]], "float32")
    labels = np.array([[[0, 1], [1, 0]]])
    weights = np.array([[[1, 2], [0, 4]]], "float32")

    found = weighted_cross_entropy_loss(logits, labels, weights)

    expected = (np.log(2) + 2 * np.log(4 / 3) + 4 * np.log(4)) / 4
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_the_loss_of_an_image_does_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 4, 4, 2)).astype("float32")
    labels = rng.integers(0, 2, (3, 4, 4))
    weights = rng.random((3, 4, 4)).astype("float32")

    found = weighted_cross_entropy_loss(logits, labels, weights)

    assert found.shape == (3,)
    alone = weighted_cross_entropy_loss(logits[1:2], labels[1:2], weights[1:2])
    np.testing.assert_allclose(found[1], alone[0], rtol=1e-6)


def test_half_precision_logits_give_a_float32_loss():
    logits = np.zeros((1, 2, 2, 2), "float16")

    found = weighted_cross_entropy_loss(
        logits, np.zeros((1, 2, 2), int), np.full((1, 2, 2), 3.0, "float16")
    )

    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(found, [3 * np.log(2)], rtol=1e-6)


def test_the_learner_has_one_update_with_the_weighted_loss():
    network = network_of("smoke", "unet")
    learner = PixelClassifier({"unet": network}, {"unet": keras.optimizers.SGD(0.1)})
    batch = {
        "image": np.zeros((2, 52, 52, 1), "float32"),
        "label": np.zeros((2, 12, 12), "int32"),
        "weight": np.stack([np.ones((12, 12)), np.zeros((12, 12))]).astype("float32"),
    }

    (update,) = learner.updates()
    losses = update.losses(batch)

    assert update.networks == ("unet",)
    # Zero biases and no image: both logits are 0.
    expected = [np.log(2), 0.0]
    np.testing.assert_allclose(losses["weighted_cross_entropy"], expected, rtol=1e-6)
