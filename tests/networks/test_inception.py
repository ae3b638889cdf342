"""GoogLeNet: the numbers of its prototxt, and what a module joins."""

import keras
import numpy as np
import pytest
from parameter_counts import trainable_parameters

from cai_keras.networks.inception import (
    GOOGLENET,
    InceptionWidths,
    apply_inception,
    apply_naive_inception,
    apply_small_stem,
    build_googlenet,
)
from cai_keras.training.multiply_adds import count_multiply_adds


@pytest.mark.parametrize(
    ("auxiliary", "expected"), [(False, 6_998_552), (True, 13_378_280)]
)
def test_parameters_are_those_of_the_layers_in_the_prototxt(auxiliary, expected):
    assert trainable_parameters(build_googlenet(auxiliary=auxiliary)) == expected


def test_the_cost_is_the_one_counted_from_the_prototxt():
    assert count_multiply_adds(build_googlenet()) / 1e9 == pytest.approx(
        1.583, abs=5e-4
    )


def test_maps_shrink_as_in_table_1():
    network = build_googlenet()

    sizes = {
        name: network.get_layer(f"inception{name}_conv1").output.shape[1]
        for name in GOOGLENET
    }
    assert sizes == {
        "3a": 28, "3b": 28, "4a": 14, "4b": 14, "4c": 14, "4d": 14, "4e": 14,
        "5a": 7, "5b": 7,
    }  # fmt: skip


def test_module_3a_has_the_parameters_worked_out_by_hand():
    inputs = keras.Input((28, 28, 192))
    outputs = apply_inception(inputs, GOOGLENET["3a"], "3a")

    # 192 x 64 + 64, 192 x 96 + 96, 9 x 96 x 128 + 128, 192 x 16 + 16,
    # 25 x 16 x 32 + 32, 192 x 32 + 32.
    by_hand = 12_352 + 18_528 + 110_720 + 3_088 + 12_832 + 6_176
    assert trainable_parameters(keras.Model(inputs, outputs)) == by_hand
    assert outputs.shape == (None, 28, 28, 64 + 128 + 32 + 32)


def test_the_naive_module_costs_two_and_a_half_times_as_much():
    inputs = keras.Input((28, 28, 192))
    naive = apply_naive_inception(inputs, GOOGLENET["3a"], "naive")
    reduced = apply_inception(inputs, GOOGLENET["3a"], "reduced")

    costs = [count_multiply_adds(keras.Model(inputs, x)) for x in (naive, reduced)]

    # Numbers in the kernels, of each of 28 x 28 places.
    kernels = 192 * 64 + 9 * 192 * 128 + 25 * 192 * 32
    assert costs[0] == 28 * 28 * kernels
    assert costs[0] / costs[1] == pytest.approx(2.37, abs=0.01)
    assert naive.shape[-1] == 64 + 128 + 32 + 192


def test_outputs_half_way_come_after_the_last():
    network = build_googlenet(num_classes=7, auxiliary=True)

    assert network.output_shape == [(None, 7)] * 3
    names = [x.name for x in network.layers if x.name.endswith("logits")]
    assert set(names) == {"logits", "auxiliary4a_logits", "auxiliary4d_logits"}


def test_a_divided_module_keeps_a_filter_in_every_branch():
    widths = InceptionWidths(64, 96, 128, 16, 32, 32)

    assert widths.divided(1) == widths
    assert widths.divided(20) == InceptionWidths(3, 4, 6, 1, 1, 1)


def test_a_small_network_takes_small_images_and_has_every_module():
    network = build_googlenet(
        16, 7, auxiliary=True, channels=1, apply_stem=apply_small_stem, width_divisor=8
    )

    assert network.input_shape == (None, 16, 16, 1)
    assert network.output_shape == [(None, 7)] * 3
    sizes = [
        network.get_layer(f"inception{name}_conv1").output.shape[1]
        for name in GOOGLENET
    ]
    assert sizes == [16, 16, 8, 8, 8, 8, 8, 4, 4]
    # 192 / 8 channels come to 3a and 528 / 8 to 4e.
    assert network.get_layer("inception3a_conv1").kernel.shape == (1, 1, 24, 8)
    assert network.get_layer("inception4e_conv1").kernel.shape == (1, 1, 66, 32)


def test_first_weights_are_those_of_the_released_prototxt():
    network = build_googlenet(auxiliary=True)

    kernel = np.asarray(network.get_layer("inception3a_conv3").kernel)
    # Caffe's "xavier": even within sqrt(3 / inputs), 9 x 96 of them.
    limit = np.sqrt(3 / (9 * 96))
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    for name in ("stem_conv1", "inception5b_conv5", "auxiliary4a_hidden"):
        np.testing.assert_array_equal(network.get_layer(name).bias, np.float32(0.2))
    for name in ("logits", "auxiliary4d_logits"):
        np.testing.assert_array_equal(network.get_layer(name).bias, 0)
