"""Weights to start from: ImageNet's in C2D and I3D, and those of an earlier run."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.errors import DataError, UsageError
from reproductions.non_local import pretrained
from reproductions.non_local.model import build_network

PAPER = find_paper("non_local")


@pytest.fixture(scope="module")
def trunk():
    """ResNet-50 of keras.applications with random weights, biases and statistics."""
    keras.utils.set_random_seed(0)
    network = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1, w.shape) for w in layer.weights])
        elif isinstance(layer, keras.layers.Conv2D):
            layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    return network


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).normal(size=(1, 32, 32, 3)).astype("float32")


def build(variant, frames):
    sets = ["data.side=32", f"data.frames={frames}"]
    return build_network(PAPER.recipe("paper", variant, sets=sets))


def features(network):
    """Up to the mean over positions, which the logits are computed from."""
    return keras.Model(network.input, network.get_layer("logits").input)


def test_a_picture_network_has_the_features_of_the_trunk(trunk, picture):
    network = build("image_nl1", 1)
    pretrained.inflate(trunk, network)

    expected = np.asarray(trunk(picture)).mean(axis=(1, 2))
    found = features(network)(picture)

    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_c2d_sees_a_video_that_stands_still_as_the_trunk_its_picture(trunk, picture):
    network = build("c2d_r50_nl1", 8)
    pretrained.inflate(trunk, network)

    expected = np.asarray(trunk(picture)).mean(axis=(1, 2))
    found = features(network)(np.repeat(picture[:, None], 8, axis=1))

    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_an_inflated_kernel_has_shares_of_the_trunks(trunk):
    network = build("i3d_r50", 8)
    pretrained.inflate(trunk, network)

    stem = np.asarray(network.get_layer("stem_conv").kernel)
    first = np.asarray(network.get_layer("stage2_block1_conv1").kernel)

    expected = np.asarray(trunk.get_layer("conv1_conv").kernel)
    assert stem.shape[0] == 5
    np.testing.assert_allclose(stem[2], expected / 5, rtol=1e-6)
    np.testing.assert_allclose(stem.sum(axis=0), expected, rtol=1e-5, atol=1e-7)
    expected = np.asarray(trunk.get_layer("conv3_block1_1_conv").kernel)
    np.testing.assert_allclose(first[0], expected / 3, rtol=1e-6)


def test_imagenet_means_the_published_weights(trunk, monkeypatch):
    asked = []

    def load(**options):
        asked.append(options)
        return trunk

    monkeypatch.setitem(pretrained._TRUNKS, 50, load)
    network = build("image_c2d", 1)
    model = PAPER.recipe("paper", "image_c2d").model

    pretrained.start_from(network, model)

    assert asked == [{"include_top": False, "weights": "imagenet"}]
    np.testing.assert_array_equal(
        network.get_layer("stem_conv").kernel, trunk.get_layer("conv1_conv").kernel
    )


def smoke_recipe(path, *sets):
    sets = [f"model.start_from={path}", *sets]
    return PAPER.recipe("smoke", "c2d_r50_nl5", sets=sets)


def test_more_frames_start_from_the_file_of_a_run_with_fewer(tmp_path):
    earlier = build_network(PAPER.recipe("smoke", "c2d_r50_nl5"))
    earlier.save(tmp_path / "network.keras")
    recipe = smoke_recipe(tmp_path / "network.keras", "data.frames=12")
    network = build_network(recipe)

    pretrained.start_from(network, recipe.model)

    for found, expected in zip(network.weights, earlier.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_file_of_another_network_is_refused(tmp_path):
    build_network(PAPER.recipe("smoke", "c2d_r50")).save(tmp_path / "network.keras")
    recipe = smoke_recipe(tmp_path / "network.keras")

    with pytest.raises(DataError, match="the weights of another network"):
        pretrained.start_from(build_network(recipe), recipe.model)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("imagenet", "ImageNet has weights for C2D and I3D"),
        ("nowhere.keras", "expected scratch, imagenet or a .keras file"),
    ],
)
def test_what_cannot_be_started_from_is_refused(start, message):
    recipe = smoke_recipe(start)

    with pytest.raises(UsageError, match=message):
        pretrained.start_from(build_network(recipe), recipe.model)
