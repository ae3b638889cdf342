"""Extractors by name: what they see, what they give, what they are called."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import torch_files

from cai_keras import networks
from cai_keras.errors import DataError, UsageError
from cai_keras.generation import extractors
from cai_keras.generation.extractors import FeatureExtractor, load_extractor
from cai_keras.generation.resizing import resize_pictures
from cai_keras.networks import fid_inception_weights
from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.networks.fid_inception import build_fid_inception
from cai_keras.networks.small_classifier import (
    build_small_classifier,
    save_small_classifier,
)

BYTES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
PICTURES = BYTES.astype("float32") / 255


def seen_by(channels=3, size=None, resizing="none"):
    """An extractor whose features are the pixels that the network sees."""

    def compute(pictures):
        return pictures.reshape(len(pictures), -1), None

    return FeatureExtractor("eye", 64 * "a", resizing, 1, size, channels, compute)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    path = tmp_path_factory.mktemp("judge") / "letters.npz"
    keras.utils.set_random_seed(0)
    network = build_small_classifier((32, 32, 3), 7)
    save_small_classifier(network, path, {}, "single")
    return path, network


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    return torch_files.write_zip(
        path, torch_files.random_inception(build_fid_inception())
    )


def test_pictures_are_seen_as_8_bit_files_would_be():
    # 0.5 is 127.5 of 255: the even neighbour.
    pictures = np.float32([0, 0.001, 0.5, 1.0005]).reshape(1, 2, 2, 1)

    features, _ = seen_by(channels=1)(pictures)

    assert features.tolist() == [[0, 0, 128, 255]]


def test_floats_and_bytes_of_the_same_pictures_are_the_same():
    eye = seen_by()

    np.testing.assert_array_equal(eye(PICTURES)[0], eye(BYTES)[0])
    np.testing.assert_array_equal(eye(BYTES)[0], BYTES.reshape(5, -1))


def test_grey_becomes_three_equal_channels_before_pictures_are_resized():
    eye = seen_by(size=(4, 4), resizing="tf1_bilinear")
    grey = BYTES[:1, :2, :2, :1]

    features, _ = eye(grey)

    expected = resize_pictures(np.repeat(grey, 3, axis=-1), 4, 4, "tf1_bilinear")
    np.testing.assert_array_equal(features[0], expected.ravel())


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_batches_keep_the_order_and_the_last_one_may_be_short(batch_size):
    features, _ = seen_by()(BYTES, batch_size=batch_size)

    np.testing.assert_array_equal(features, BYTES.reshape(5, -1))
    assert features.dtype == np.float32


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (PICTURES * 2 - 1, r"expected values in \[0, 1\], received -1 to 1"),
        (PICTURES * np.nan, r"expected values in \[0, 1\], received nan to nan"),
        (BYTES.astype(int), "expected floats or uint8, received int64"),
        (PICTURES[0], r"eye expects \(n, height, width, 1 or 3\), received \(32, 32"),
        (PICTURES[:0], r"received \(0, 32, 32, 3\)"),
        (PICTURES[..., :2], r"received \(5, 32, 32, 2\)"),
    ],
)
def test_pictures_of_another_range_or_shape_are_refused(pictures, message):
    with pytest.raises(ValueError, match=message):
        seen_by()(pictures)


def test_a_network_for_grey_refuses_colours():
    with pytest.raises(ValueError, match=r"expects \(n, height, width, 1\), received"):
        seen_by(channels=1)(PICTURES)


def test_a_passport_says_features_weights_and_resizing():
    assert seen_by().passport() == {
        "features": "eye", "weights": "aaaaaaaaaaaa", "resizing": "none",
    }  # fmt: skip


def test_cai_vgg_gives_means_of_the_last_maps_of_its_fourth_block():
    extractor = load_extractor("cai_vgg")
    network = load_feature_network("cai_vgg")
    maps = network.extractor(["conv4_3"])(PICTURES)["conv4_3"]

    features, probabilities = extractor(PICTURES)

    expected = keras.ops.convert_to_numpy(maps).mean(axis=(1, 2))
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)
    assert features.shape == (5, extractor.width) == (5, 256)
    assert probabilities is None
    assert extractor.passport() == {
        "features": "cai_vgg", "weights": network.digest[:12], "resizing": "none",
    }  # fmt: skip
    assert not extractor.is_published


def test_grey_pictures_of_28_pixels_have_features_that_differ():
    grey = PICTURES[:, :28, :28, :1]

    features, _ = load_extractor("cai_vgg")(grey)

    # Of the last block, a third would be the same for all: its map is one pixel.
    assert np.mean(np.ptp(features, axis=0) > 0) > 0.95


def test_random_vggs_have_the_seed_in_their_names_and_other_features():
    one, other = load_extractor("random_vgg/1"), load_extractor("random_vgg/2")

    assert (one.name, other.name) == ("random_vgg_1", "random_vgg_2")
    assert one.digest != other.digest
    assert np.abs(one(PICTURES)[0] - other(PICTURES)[0]).max() > 0.1


def test_the_same_pictures_have_the_same_features_to_the_bit():
    first, again = (load_extractor("random_vgg")(PICTURES)[0] for _ in range(2))

    np.testing.assert_array_equal(first, again)


def test_a_file_of_a_feature_network_is_called_by_its_name(tmp_path):
    shipped = Path(fid_inception_weights.__file__).parent / "weights" / "cai_vgg.npz"
    for suffix in (".npz", ".json"):
        content = shipped.with_suffix(suffix).read_bytes()
        (tmp_path / "Own").with_suffix(suffix).write_bytes(content)

    extractor = load_extractor(f"path:{tmp_path}/Own.npz")

    assert extractor.name == "Own"
    features, _ = extractor(PICTURES)
    np.testing.assert_array_equal(features, load_extractor("cai_vgg")(PICTURES)[0])


def test_a_judge_gives_its_hidden_layer_and_probabilities(judge):
    path, network = judge
    extractor = load_extractor(f"classifier:{path}")

    features, probabilities = extractor(PICTURES, batch_size=2)

    hidden = keras.Model(network.input, network.get_layer("features").output)
    np.testing.assert_allclose(features, hidden(PICTURES), rtol=1e-3, atol=1e-4)
    expected = keras.ops.softmax(network(PICTURES))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-5)
    assert features.shape == (5, extractor.width) == (5, 64)
    assert (extractor.name, extractor.resizing) == ("classifier_letters", "none")


def test_a_judge_takes_other_sizes_only_with_a_resizing(judge):
    spec = f"classifier:{judge[0]}"
    with pytest.raises(UsageError, match="expected pictures of 32 x 32, found 28 x 28"):
        load_extractor(spec)(PICTURES[:, :28, :28])

    extractor = load_extractor(spec, resizing="clean_bicubic")
    features, _ = extractor(PICTURES[:, :28, :28])

    assert features.shape == (5, 64)
    assert extractor.passport()["resizing"] == "clean_bicubic"


def test_the_network_of_the_fid_sees_what_its_graph_would(inception_file):
    network, digest = fid_inception_weights.load_fid_inception(inception_file)
    extractor = load_extractor(f"inception_fid:{inception_file}")

    features, probabilities = extractor(PICTURES[:2])

    graph = resize_pictures(BYTES[:2], 299, 299, "tf1_bilinear")
    expected = network.predict_on_batch(graph)["pool3"]
    np.testing.assert_array_equal(features, expected)
    scores = expected @ network.get_layer("logits").get_weights()[0]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        probabilities, scores / scores.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-7
    )
    assert extractor.width == 2048
    assert extractor.digest == digest
    assert extractor.resizing == "tf1_bilinear"


def test_only_the_published_weights_may_be_called_fid(inception_file, monkeypatch):
    spec = f"inception_fid:{inception_file}"
    own = load_extractor(spec)
    # No file with random weights has the published hash: the hash is changed instead.
    monkeypatch.setattr(fid_inception_weights, "PUBLISHED_DIGEST", own.digest[:8])
    published = load_extractor(spec, resizing="clean_bicubic")

    assert (own.name, own.is_published) == ("inception_own", False)
    assert (published.name, published.is_published) == ("inception_fid", True)
    assert published.passport()["resizing"] == "clean_bicubic"


def test_keras_s_inception_has_a_name_of_its_own(tmp_path):
    theirs = keras.applications.InceptionV3(weights=None)
    path = tmp_path / "any.weights.h5"
    theirs.save_weights(path)
    extractor = load_extractor(f"keras_inception_v3:{path}")

    features, probabilities = extractor(PICTURES[:1])

    resized = resize_pictures(BYTES[:1], 299, 299, "clean_bicubic")
    prepared = keras.applications.inception_v3.preprocess_input(resized)
    np.testing.assert_allclose(
        probabilities, theirs.predict_on_batch(prepared), rtol=1e-3, atol=1e-6
    )
    assert features.shape == (1, extractor.width) == (1, 2048)
    assert extractor.name == "keras_inception_v3"
    assert not extractor.is_published


def test_a_failed_download_says_what_to_get(monkeypatch):
    def no_network(weights):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "InceptionV3", no_network)

    with pytest.raises(
        DataError, match=r"keras_inception_v3: its weights cannot be .*"
    ):
        load_extractor("keras_inception_v3")


def test_files_that_are_missing_or_of_another_network_are_named(tmp_path):
    other = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save_weights(other)

    with pytest.raises(DataError, match=r"keras_inception_v3:no\.h5: no such file"):
        load_extractor("keras_inception_v3:no.h5")
    with pytest.raises(DataError, match="expected weights of keras"):
        load_extractor(f"keras_inception_v3:{other}")
    with pytest.raises(
        DataError, match=r"no\.pth: no such file; get pt_inception-2015"
    ):
        load_extractor("inception_fid:no.pth")
    with pytest.raises(DataError, match=r"no\.npz: no such file"):
        load_extractor("classifier:no.npz")
    with pytest.raises(UsageError, match=r"expected inception_fid:FILE; get pt_incep"):
        load_extractor("inception_fid")
    with pytest.raises(UsageError, match=r"the judge: unknown name '.*fashion_mnist"):
        load_extractor("classifier:fashion_mnis")


def test_unknown_names_and_resizings_get_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'inception_fid'"):
        load_extractor("inception:file.pth")
    with pytest.raises(UsageError, match="did you mean 'tf1_bilinear'"):
        load_extractor("cai_vgg", resizing="bilinear")
    with pytest.raises(UsageError, match="expected resizing none, found clean_bicubic"):
        load_extractor("cai_vgg", resizing="clean_bicubic")
    with pytest.raises(UsageError, match="no whole number: 'x'"):
        load_extractor("random_vgg/x")


def test_every_name_is_explained():
    assert all(name in extractors.__doc__ for name in extractors.NAMES)


@pytest.mark.parametrize(
    ("name", "shape", "most"),
    [("fashion_mnist", (28, 28, 1), 8), ("mnist", (28, 28, 1), 1),
     ("cifar10", (32, 32, 3), 25)],
)  # fmt: skip
def test_shipped_judges_know_ten_classes(name, shape, most):
    judge = load_extractor(f"classifier:{name}")

    pictures = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    features, probabilities = judge(pictures)

    assert judge.name == f"classifier_{name}"
    assert (features.shape, probabilities.shape) == ((3, 64), (3, 10))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    beside = Path(networks.__file__).with_name("weights") / f"{judge.name}.json"
    assert json.loads(beside.read_text())["test"]["top1_error_percent"] < most
