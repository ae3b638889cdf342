"""The judge of generated pictures: its size, its files, and that it learns."""

import json

import keras
import numpy as np
import pytest

from cai_keras.errors import DataError
from cai_keras.networks.small_classifier import (
    build_small_classifier,
    load_small_classifier,
    save_small_classifier,
)
from cai_keras.networks.weight_file import digest

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(5, 12, 9, 2)).astype("float32")


def used(shape=(12, 9, 2), classes=3):
    """A classifier whose normalisations have seen something."""
    network = build_small_classifier(shape, classes)
    for layer in network.layers:
        if "_norm" in layer.name:
            n = layer.gamma.shape[0]
            layer.set_weights(
                [RNG.uniform(0.5, 2, n), RNG.normal(size=n), RNG.normal(size=n),
                 RNG.uniform(0.5, 2, n)]
            )  # fmt: skip
    return network


def numpy_of(values):
    return keras.ops.convert_to_numpy(values)


@pytest.mark.parametrize(
    ("shape", "side"), [((28, 28, 1), 3), ((32, 32, 3), 4), ((8, 8, 1), 1)]
)
def test_it_has_the_parameters_of_its_description(shape, side):
    # Convolutions without bias, two numbers per filter for the normalisation, and two
    # averages that are not trained.
    convolutions = 9 * (shape[-1] * 32 + 32 * 64 + 64 * 128 + 128 * 128)
    norms = 2 * (32 + 64 + 128 + 128)
    dense = (side * side * 128 + 1) * 64 + (64 + 1) * 10

    network = build_small_classifier(shape, 10)

    assert network.count_params() == convolutions + 2 * norms + dense
    assert network.output_shape == (None, 10)
    assert network.get_layer("features").output.shape == (None, 64)


def test_dropout_is_for_training_only():
    network = build_small_classifier((8, 8, 1), 2, dropout=0.5)
    images = RNG.uniform(size=(1, 8, 8, 1)).astype("float32")

    first, second = numpy_of(network(images)), numpy_of(network(images))
    trained = [numpy_of(network(images, training=True)) for _ in range(4)]

    np.testing.assert_array_equal(first, second)
    assert np.abs(np.ptp(trained, axis=0)).max() > 0


@pytest.mark.parametrize(("precision", "tolerance"), [("single", 1e-5), ("half", 5e-3)])
def test_a_file_has_the_network_in_testing(tmp_path, precision, tolerance):
    network = used()
    path = tmp_path / "folder" / "judge.npz"

    saved = save_small_classifier(network, path, {"data": "noise"}, precision)
    loaded, about = load_small_classifier(path)

    found = {name: numpy_of(values) for name, values in loaded(IMAGES).items()}
    hidden = keras.Model(network.input, network.get_layer("features").output)
    for ours, expected in (
        (found["logits"], numpy_of(network(IMAGES))),
        (found["features"], numpy_of(hidden(IMAGES))),
    ):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours / scale, expected / scale, atol=tolerance)
    assert found["features"].min() == 0
    assert loaded.trainable_weights == []
    assert saved == about["sha256"] == digest(path.read_bytes())
    assert about["data"] == "noise"
    assert about["network"] == {
        "kind": "small_classifier", "image_shape": [12, 9, 2], "classes": 3,
    }  # fmt: skip


def test_half_precision_takes_half_the_room(tmp_path):
    network = used()
    sizes = []
    for precision in ("half", "single"):
        path = tmp_path / f"{precision}.npz"
        save_small_classifier(network, path, {}, precision)
        sizes.append(path.stat().st_size)

    assert sizes[0] < 0.6 * sizes[1]


def test_wrong_names_and_sizes_are_named(tmp_path):
    network = used()
    with pytest.raises(ValueError, match=r"path: expected .* received judge\.h5"):
        save_small_classifier(network, tmp_path / "judge.h5", {})
    with pytest.raises(
        ValueError, match="precision: expected half or single, received"
    ):
        save_small_classifier(network, tmp_path / "judge.npz", {}, "double")
    with pytest.raises(ValueError, match=r"image_shape: expected 8 pixels or more"):
        build_small_classifier((7, 28, 1), 10)


def changed(path, **change):
    """The same weights, of which the JSON file says something else."""
    beside = path.with_suffix(".json")
    about = json.loads(beside.read_text(encoding="utf-8"))
    beside.write_text(json.dumps({**about, **change}), encoding="utf-8")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"blocks": [2]}, "not a small classifier: 'kind'"),
        ({"kind": "vgg"}, "not a small classifier: a network of the kind 'vgg'"),
        (
            {"kind": "small_classifier", "image_shape": [12, 9, 2], "classes": 4},
            r"not a small classifier: .*shape",
        ),
        (
            {"kind": "small_classifier", "image_shape": 28, "classes": 4},
            "not a small classifier: ",
        ),
    ],
)
def test_a_file_of_another_network_is_refused(tmp_path, network, message):
    path = tmp_path / "judge.npz"
    save_small_classifier(used(), path, {})
    changed(path, network=network)

    with pytest.raises(DataError, match=message):
        load_small_classifier(path)


def test_a_damaged_or_missing_file_is_refused(tmp_path):
    path = tmp_path / "judge.npz"
    save_small_classifier(used(), path, {})
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(DataError, match=r"judge\.npz: its SHA-256 begins"):
        load_small_classifier(path)
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        load_small_classifier(tmp_path / "none.npz")


def test_it_learns_which_half_is_brighter():
    keras.utils.set_random_seed(0)
    images = RNG.uniform(0, 0.5, (256, 8, 8, 1)).astype("float32")
    labels = np.arange(256) % 2
    images[labels == 0, :, :4] += 0.5
    images[labels == 1, :, 4:] += 0.5
    network = build_small_classifier((8, 8, 1), 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(3e-3), loss)

    network.fit(images, labels, batch_size=32, epochs=3, verbose=0)

    found = network.predict_on_batch(images).argmax(axis=1)
    assert (found == labels).mean() > 0.95
