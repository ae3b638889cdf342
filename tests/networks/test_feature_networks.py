"""Feature networks by name: pictures in, maps of named layers out."""

import json

import keras
import numpy as np
import pytest

from cai_keras.errors import DataError, UsageError
from cai_keras.networks import feature_networks
from cai_keras.networks.feature_networks import build_trunk, load_feature_network
from cai_keras.networks.weight_file import digest, weight_bytes

PICTURES = np.random.default_rng(0).uniform(size=(2, 16, 24, 3)).astype("float32")
NAMES = (
    ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]
    + [f"conv3_{n}" for n in (1, 2, 3)]
    + [f"conv4_{n}" for n in (1, 2, 3)]
    + [f"conv5_{n}" for n in (1, 2, 3)]
)


def features(network, *names, pictures=PICTURES):
    found = network.extractor(names)(pictures)
    return [keras.ops.convert_to_numpy(found[name]) for name in names]


def test_layers_have_the_names_of_gatys():
    assert list(load_feature_network("random_vgg").layers) == NAMES


def test_maps_come_by_name_and_halve_from_block_to_block():
    third, first = features(load_feature_network("random_vgg"), "conv3_1", "conv1_1")

    assert third.shape == (2, 4, 6, 128)
    assert first.shape == (2, 16, 24, 32)
    assert first.min() == 0.0  # behind the ReLU


def test_random_networks_differ_by_their_seeds_alone():
    one, again, other = (
        load_feature_network(spec)
        for spec in ("random_vgg/1", "random_vgg/1", "random_vgg/2")
    )

    assert one.digest == again.digest != other.digest
    assert one.name == "random_vgg_1"
    np.testing.assert_array_equal(
        features(one, "conv2_2")[0], features(again, "conv2_2")[0]
    )


def test_photographs_give_filters_a_mean_of_one_unless_they_hardly_fire():
    plain = load_feature_network("random_vgg")
    scaled = load_feature_network("random_vgg", photographs=list(PICTURES))

    # Scales above a layer cancel in it: its means are proportional to the plain ones.
    for before, after in zip(
        features(plain, "conv1_1", "conv3_2", "conv5_1"),
        features(scaled, "conv1_1", "conv3_2", "conv5_1"),
        strict=True,
    ):
        share = before.mean(axis=(0, 1, 2)) / before.mean()
        means = after.mean(axis=(0, 1, 2))
        # A tenth of the layer's mean is the least that counts.
        np.testing.assert_allclose(means, np.minimum(1, share / 0.1), atol=2e-3)


def test_average_poolings_give_other_maps_behind_them_only():
    most = load_feature_network("random_vgg")
    mean = load_feature_network("random_vgg", pooling="average")

    first, second = features(most, "conv1_2", "conv2_1")
    first_mean, second_mean = features(mean, "conv1_2", "conv2_1")
    np.testing.assert_array_equal(first, first_mean)
    assert np.abs(second - second_mean).max() > 0.1


def test_no_weight_of_an_extractor_is_trainable():
    assert not load_feature_network("random_vgg").extractor(NAMES).trainable_weights


def test_an_unknown_network_layer_or_pooling_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'imagenet_vgg19'"):
        load_feature_network("imagenet_vgg91")
    with pytest.raises(UsageError, match="did you mean 'conv4_2'"):
        load_feature_network("random_vgg").extractor(["conv42"])
    with pytest.raises(UsageError, match="did you mean 'average'"):
        load_feature_network("random_vgg", pooling="averages")
    with pytest.raises(UsageError, match=r"random_vgg/SEED: no whole number: 'x'"):
        load_feature_network("random_vgg/x")
    with pytest.raises(UsageError, match="expected nothing after it"):
        load_feature_network("imagenet_vgg16/2")


def test_a_file_of_ours_is_loaded_with_its_preparation(tmp_path):
    trunk = build_trunk((1,), (2,))
    kernel = np.zeros((3, 3, 3, 2), "float32")
    kernel[1, 1, 0, 0] = 1.0  # the red of the pixel itself
    content = weight_bytes({"block1_conv1": [kernel, np.zeros(2)]})
    about = {
        "sha256": digest(content),
        "network": {"blocks": [1], "filters": [2], "kernel_size": 3},
        "image": {"mean": [0.5, 0.0, 0.0], "deviation": [0.25, 1.0, 1.0]},
    }
    (tmp_path / "own.npz").write_bytes(content)
    (tmp_path / "own.json").write_text(json.dumps(about), encoding="utf-8")

    network = load_feature_network(f"path:{tmp_path}/own.npz")

    assert network.name == "own"
    assert network.digest == about["sha256"]
    picture = np.full((1, 2, 2, 3), 0.75, "float32")
    (maps,) = features(network, "conv1_1", pictures=picture)
    assert maps[0, 0, 0, 0] == pytest.approx(1.0)  # (0.75 - 0.5) / 0.25
    assert trunk.count_params() == 3 * 3 * 3 * 2 + 2


def keras_vgg(depth, seed=0):
    make = {16: keras.applications.VGG16, 19: keras.applications.VGG19}[depth]
    keras.utils.set_random_seed(seed)
    return make(include_top=False, weights=None)


def theirs(source, layer):
    """Keras's own features, of pictures prepared as Keras's documentation says."""
    prepared = keras.applications.vgg16.preprocess_input(255 * PICTURES.copy())
    return keras.Model(source.input, source.get_layer(layer).output)(prepared)


@pytest.mark.parametrize("depth", [16, 19])
def test_imagenet_networks_have_the_features_of_keras(depth, monkeypatch):
    source = keras_vgg(depth)
    monkeypatch.setattr(
        keras.applications, f"VGG{depth}", lambda include_top, weights: source
    )

    network = load_feature_network(f"imagenet_vgg{depth}")

    found, deep = features(network, "conv3_1", "conv4_2")
    np.testing.assert_allclose(
        found, theirs(source, "block3_conv1"), rtol=1e-3, atol=1e-3
    )
    np.testing.assert_allclose(
        deep, theirs(source, "block4_conv2"), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(("depth", "last"), [(16, "conv5_3"), (19, "conv5_4")])
def test_the_weights_of_keras_may_lie_in_a_file(tmp_path, depth, last):
    source = keras_vgg(depth)
    source.save_weights(tmp_path / "vgg.weights.h5")

    network = load_feature_network(f"path:{tmp_path}/vgg.weights.h5")

    assert network.layers[-1] == last
    (found,) = features(network, "conv2_1")
    np.testing.assert_allclose(
        found, theirs(source, "block2_conv1"), rtol=1e-3, atol=1e-3
    )


def test_a_download_that_fails_says_what_else_there_is(monkeypatch):
    def fail(include_top, weights):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "VGG19", fail)

    with pytest.raises(
        DataError, match=r"cannot be downloaded.*path:FILE\.h5.*cai_vgg"
    ):
        load_feature_network("imagenet_vgg19")


def test_files_that_are_none_are_named(tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(b"no weights")

    with pytest.raises(DataError, match=r"other\.h5: expected weights of keras"):
        load_feature_network(f"path:{other}")
    with pytest.raises(DataError, match=r"absent\.h5: no such file"):
        load_feature_network(f"path:{tmp_path}/absent.h5")
    with pytest.raises(DataError, match=r"absent\.npz: no such file"):
        load_feature_network(f"path:{tmp_path}/absent.npz")


@pytest.mark.skipif(
    not feature_networks.CAI_VGG.is_file(), reason="not trained in this checkout"
)
def test_the_shipped_network_is_small_sound_and_good_enough():
    assert feature_networks.CAI_VGG.stat().st_size <= 8 * 2**20

    network = load_feature_network("cai_vgg")

    about = json.loads(feature_networks.CAI_VGG.with_suffix(".json").read_text())
    assert list(network.layers) == NAMES
    assert network.digest == about["sha256"]
    assert about["test"]["top1_error_percent"] <= 15.0
    assert about["test"]["images"] == 5000
