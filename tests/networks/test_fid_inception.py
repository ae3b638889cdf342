"""The network of the published FID against arithmetic and keras.applications."""

import re

import keras
import numpy as np
import pytest
import torch_files
from keras import layers, ops

from cai_keras.networks.fid_inception import (
    build_fid_inception,
    probabilities_without_bias,
)
from cai_keras.networks.fid_inception_weights import assign_tensors

PICTURES = np.random.default_rng(0).uniform(0, 255, (1, 299, 299, 3)).astype("float32")


@pytest.fixture(scope="module")
def network():
    network = build_fid_inception()
    assign_tensors(network, torch_files.random_inception(network))
    return network


@pytest.fixture(scope="module")
def maps(network):
    """Maps before and after the last module, and the outputs, for `PICTURES`."""
    names = ["mixed_7b", "mixed_7c", "mixed_7c_branch_pool_relu"]
    outputs = {name: network.get_layer(name).output for name in names}
    found = keras.Model(network.input, {**outputs, **network.output})(PICTURES)
    return {name: ops.convert_to_numpy(values) for name, values in found.items()}


def test_it_has_the_parameters_of_the_pytorch_ports(network):
    # torchvision's documentation of inception_v3 says 27,161,264, with 1000 classes and
    # a classifier half way: a 1x1 convolution from 768 to 128 and a 5x5 to 768, without
    # bias and each with two numbers per filter for its normalisation, and 768 to 1000.
    half_way = (768 * 128 + 2 * 128) + (128 * 768 * 25 + 2 * 768) + (769 * 1000)
    eight_more_classes = 8 * (2048 + 1)
    moving = [w for w in network.weights if w.path.split("/")[-1].startswith("moving")]

    total = network.count_params()
    averages = sum(int(ops.size(weight)) for weight in moving)

    assert total - averages == 27_161_264 - half_way + eight_more_classes
    # keras.applications' documentation: 23,851,784 with them, without the scales, of
    # which there are half as many as moving averages, and with 1000 classes.
    assert total == 23_851_784 + averages // 2 + eight_more_classes


def test_nothing_of_it_is_trained(network):
    assert network.trainable_weights == []


def test_outputs_are_means_of_maps_and_logits_of_1008_classes(network, maps):
    assert maps["pool3"].shape == (1, 2048)
    np.testing.assert_allclose(
        maps["pool3"], maps["mixed_7c"].mean(axis=(1, 2)), rtol=1e-5
    )
    kernel, bias = network.get_layer("logits").get_weights()
    assert maps["logits"].shape == (1, 1008)
    np.testing.assert_allclose(
        maps["logits"], maps["pool3"] @ kernel + bias, rtol=1e-4, atol=1e-4
    )


def test_black_grey_and_white_are_seen_as_in_the_graph(network):
    rescaling = network.get_layer("rescaling")

    # (x - 128) / 128
    assert ops.convert_to_numpy(rescaling(np.float32([0, 128, 255]))).tolist() == [
        -1.0, 0.0, 0.9921875,
    ]  # fmt: skip


def test_means_at_a_border_count_pixels_of_the_picture_only(network):
    # Of ones: with a padding counted, a corner would be 4/9.
    pool = network.get_layer("mixed_5b_pool")

    mean = ops.convert_to_numpy(pool(np.ones((1, 4, 5, 2), "float32")))

    np.testing.assert_allclose(mean, np.ones((1, 4, 5, 2)), rtol=1e-6)


def test_the_last_module_takes_maxima_and_the_one_before_it_means(network, maps):
    padded = np.pad(
        maps["mixed_7b"], ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    branch = "mixed_7c_branch_pool"
    kernel = network.get_layer(f"{branch}_conv").get_weights()[0][0, 0]
    gamma, beta, mean, variance = network.get_layer(f"{branch}_norm").get_weights()

    x = windows.max(axis=(-2, -1)) @ kernel
    x = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

    np.testing.assert_allclose(
        maps["mixed_7c_branch_pool_relu"], np.maximum(x, 0), rtol=1e-3, atol=1e-3
    )
    # They are the last of the joined branches.
    np.testing.assert_array_equal(
        maps["mixed_7c"][..., -192:], maps["mixed_7c_branch_pool_relu"]
    )
    assert isinstance(network.get_layer("mixed_7b_pool"), layers.AveragePooling2D)


def test_up_to_the_last_module_it_is_the_network_of_keras_applications(network, maps):
    theirs = keras.applications.InceptionV3(weights=None)
    counted = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")
    for kind, suffix in (("conv2d", "_conv"), ("batch_normalization", "_norm")):
        # Both make their layers in the order of the paper's figures, theirs counted.
        found = [x for x in theirs.layers if x.name.startswith(kind)]
        found.sort(key=lambda layer: int(counted.fullmatch(layer.name)[2] or 0))
        ours = [network.get_layer(f"{name}{suffix}") for name in names_in_order()]
        assert len(found) == len(ours) == 94
        for layer, own in zip(found, ours, strict=True):
            # Their normalisations have no scale: a kernel of ours takes it over.
            layer.set_weights(without_scale(network, own))

    half = keras.Model(theirs.input, theirs.get_layer("mixed9").output)
    expected = ops.convert_to_numpy(half(PICTURES / 128 - 1))

    scale = np.abs(expected).max()
    np.testing.assert_allclose(maps["mixed_7b"] / scale, expected / scale, atol=1e-5)


def without_scale(network, layer):
    """Its weights where scale and shift of normalisation are as if the scale were 1.

    gamma (W x - m) / s + beta with s^2 = v + 0.001 is (W' x - m') / s + beta with
    W' = gamma W, m' = gamma m.
    """
    if layer.name.endswith("_conv"):
        norm = network.get_layer(layer.name.replace("_conv", "_norm"))
        return [layer.get_weights()[0] * norm.get_weights()[0]]
    gamma, beta, mean, variance = layer.get_weights()
    return [beta, gamma * mean, variance]


def names_in_order():
    """Convolutions of the stem and the modules, by hand."""
    stem = ["1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"]
    twice = [f"3x3dbl_{n}" for n in (1, 2, 3)]
    modules = {
        ("5b", "5c", "5d"): ["1x1", "5x5_1", "5x5_2", *twice, "_pool"],
        ("6a",): ["3x3", *twice],
        ("6b", "6c", "6d", "6e"): ["1x1"]
        + [f"7x7_{n}" for n in (1, 2, 3)]
        + [f"7x7dbl_{n}" for n in (1, 2, 3, 4, 5)]
        + ["_pool"],
        ("7a",): ["3x3_1", "3x3_2", *(f"7x7x3_{n}" for n in (1, 2, 3, 4))],
        ("7b", "7c"): ["1x1"]
        + [f"3x3_{n}" for n in ("1", "2a", "2b")]
        + [f"3x3dbl_{n}" for n in ("1", "2", "3a", "3b")]
        + ["_pool"],
    }
    return [f"conv2d_{name}" for name in stem] + [
        f"mixed_{module}_branch{branch}"
        for group, branches in modules.items()
        for module in group
        for branch in branches
    ]


def test_probabilities_of_the_inception_score_leave_the_bias_out(network, maps):
    kernel, bias = network.get_layer("logits").get_weights()
    scores = (maps["pool3"] @ kernel).astype("float64")

    found = ops.convert_to_numpy(probabilities_without_bias(network, maps["pool3"]))

    expected = np.exp(scores - scores.max())
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-3, atol=1e-7)
    with_bias = ops.convert_to_numpy(ops.softmax(maps["logits"]))
    assert np.abs(bias).max() > 1
    assert np.abs(found - with_bias).max() > 1e-3
