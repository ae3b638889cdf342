"""What DenseNet's layers read of earlier ones, and what networks cost."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from cai_keras.cli.papers import find_paper
from reproductions.densenet import evaluate
from reproductions.densenet.model import build_network

PAPER = find_paper("densenet")


def network(scale, variant, *sets):
    recipe = PAPER.recipe(scale, variant, sets=sets)
    side = recipe.data.image_side
    return build_network(recipe.model, (side, side, 3))


@pytest.fixture
def tiny():
    """A plain dense net: 2 layers a block, 3 channels at first, k = 2."""
    recipe = PAPER.recipe(
        "smoke", "cifar10plus_densenet40_k12",
        sets=["model.depth=10", "model.first_filters=3"],
    )  # fmt: skip
    return build_network(recipe.model, (8, 8, 3))


def assign(model, name, per_channel):
    """Weights of both signs whose mean absolute value is known for each channel."""
    kernel = model.get_layer(name).kernel
    values = np.broadcast_to(np.array(per_channel)[:, None], kernel.shape).copy()
    values[..., ::2] *= -1
    kernel.assign(values)


def test_weights_are_means_over_the_channels_of_each_source(tiny):
    assign(tiny, "block1_layer1_conv2", [1, 2, 3])
    assign(tiny, "block1_layer2_conv2", [4, 4, 4, 1, 3])
    assign(tiny, "transition1_conv", [0, 0, 3, 5, 5, 8, 6])
    # 3 channels, and 4 more in every block before.
    assign(tiny, "logits", [1] * 11 + [2] * 2 + [3] * 2)

    first, _, last = evaluate.weights_by_source(tiny)

    nan = np.nan
    np.testing.assert_allclose(first, [[2, 4, 1], [nan, 2, 5], [nan, nan, 7]])
    np.testing.assert_allclose(last[:, -1], [1, 2, 3])


def test_with_a_bottleneck_the_first_convolution_is_the_one_that_reads():
    model = network("smoke", "cifar10plus_densenet_bc22_k12")
    assign(model, "block1_layer1_conv1", [1, 2, 3, 6])

    first = evaluate.weights_by_source(model)[0]

    assert first[0, 0] == 3
    assert first.shape == (3, 3)


def test_ratios_are_those_of_the_printed_weights():
    nan = np.nan
    first = np.array([[1, 2, 3], [nan, 4, 5], [nan, nan, 2]])
    last = np.array(
        [[1, 1, 1, 1], [nan, 2, 2, 2], [nan, nan, 4, 5], [nan, nan, nan, 7]]
    )

    found = evaluate.reuse_metrics([first, last])

    # Layers: 2/4, 1/2 and mean(1, 2)/4.
    assert found["layers_old_to_new_ratio"].value == pytest.approx(1.375 / 3)
    assert found["layers_old_to_new_ratio"].count == 3
    # The transition behind block 1: mean(3, 5)/2.
    assert found["transitions_old_to_new_ratio"].value == 2
    # Block 2's input: 1/2 and 1/mean(2, 4).
    assert found["transition_output_ratio"].value == pytest.approx((1 / 2 + 1 / 3) / 2)
    # The classifier: mean(5, 7)/mean(1, 2).
    assert found["classifier_late_to_early_ratio"].value == 4


def test_an_untrained_net_treats_all_features_alike():
    keras.utils.set_random_seed(0)
    model = network("small", "cifar10plus_densenet40_k12_untrained")

    found = evaluate.reuse_metrics(evaluate.weights_by_source(model))

    # The mean |w| of 12 x 12 x 9 normal weights scatters by 2 percent; the
    # classifier's, of 36 x 10 on either side, by 4.
    for name, metric in found.items():
        tolerance = 0.15 if "classifier" in name else 0.05
        assert metric.value == pytest.approx(1, abs=tolerance), name


def test_blocks_of_one_layer_have_no_ratios_but_the_classifiers():
    found = evaluate.reuse_metrics([np.array([[1.0, 1.0], [np.nan, 2.0]])] * 2)

    assert found["layers_old_to_new_ratio"].value is None
    assert "no layer has older" in found["transition_output_ratio"].reason
    assert found["transitions_old_to_new_ratio"].value == 0.5
    assert found["classifier_late_to_early_ratio"].value == 2


def test_costs_are_those_of_convolutions_and_the_classifier():
    inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(2, 3, padding="same")(inputs)
    model = keras.Model(inputs, layers.Dense(5)(ops.mean(x, axis=(1, 2))))

    # 16 positions x 2 filters x 27, and 2 x 5.
    found = evaluate.cost_metrics(model)["multiply_adds_millions"]

    assert found.value == pytest.approx(874e-6)
