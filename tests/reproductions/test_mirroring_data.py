"""What is mirrored: fresh noise, reduced luminance, colours; and where it is from."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.data.classification import load_classification
from cai_keras.errors import UsageError
from reproductions.feature_visualization_mirroring import data


def settings(**changes):
    values = {
        "spec": "embedded:shapes", "signal": "noise", "side": 16,
        "train_images": None, "noise_test_images": 50,
    }  # fmt: skip
    return SimpleNamespace(**{**values, **changes})


def images_of(batches, step, rows=None):
    return next(iter(batches(step, rows)))["image"].numpy()


def test_noise_is_standard_normal_and_new_at_each_step():
    noise = data.load(settings(noise_test_images=2000))
    batches = noise.batches(64, 0)
    first, second = images_of(batches, 0), images_of(batches, 1)

    assert first.shape == (64, 16, 16, 1)
    # 16,384 and 512,000 draws; the bounds are 5 deviations of mean and variance.
    assert abs(first.mean()) < 5 / np.sqrt(16384)
    assert abs(noise.test.mean()) < 5 / np.sqrt(512000)
    assert abs(noise.test.var() - 1) < 5 * np.sqrt(2 / 512000)
    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert abs(correlation) < 5 / np.sqrt(16384)


def test_a_row_of_noise_does_not_depend_on_the_others():
    batches = data.load(settings()).batches(8, 3)

    whole, part = images_of(batches, 5), images_of(batches, 5, range(2, 5))

    np.testing.assert_array_equal(part, whole[2:5])


def test_seeds_train_on_other_noise_and_are_tested_on_the_same():
    first, second = data.load(settings()), data.load(settings())

    np.testing.assert_array_equal(first.test, second.test)
    trained = [images_of(first.batches(4, seed), 0) for seed in (0, 1)]
    assert not np.array_equal(*trained)


def test_noise_is_named_for_what_it_is_and_reads_no_images():
    noise = data.load(settings(spec="tfds:no_such_set"))

    assert noise.info.name == "white_noise"
    assert noise.info.examples == {"test": 50}
    assert noise.value_range is None
    assert noise.some_train is None


def test_luminance_is_the_mean_of_a_square_of_pixels():
    images = np.zeros((1, 4, 4, 3), np.uint8)
    images[0, :2, :2] = 255
    images[0, 0, 2] = (255, 0, 0)

    found = data.reduced_luminance(images, 2)

    # ITU-R BT.709: red has 0.2125 of the luminance, here in one of four pixels.
    expected = [[1, 0.2125 / 4], [0, 0]]
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1e-6)


def test_luminance_has_mean_0_and_variance_1_over_the_training_images():
    found = data.load(settings(signal="luminance", train_images=300))
    train = found.some_train(1000)

    assert train.shape == (300, 16, 16, 1)
    assert abs(train.mean()) < 1e-5
    assert abs(train.std() - 1) < 1e-5
    # The values are at most 1 apart before they are divided by the deviation.
    assert np.ptp(found.test) <= found.value_range
    assert found.info.name == "shapes"


def test_an_epoch_of_luminance_visits_every_image_once():
    found = data.load(settings(signal="luminance", train_images=12))
    batches = found.batches(4, 0)

    seen = np.concatenate([images_of(batches, step) for step in range(3)])

    expected = found.some_train(12)
    key = lambda images: sorted(images.reshape(12, -1).sum(axis=1).tolist())  # noqa: E731
    np.testing.assert_allclose(key(seen), key(expected), rtol=1e-5)


def test_colours_are_between_minus_1_and_1():
    found = data.load(settings(signal="colour"))
    plain = load_classification("embedded:shapes")

    batch = images_of(found.batches(8, 0), 0)

    assert batch.shape == (8, 32, 32, 3)
    assert np.abs(batch).max() <= 1
    np.testing.assert_allclose(
        (found.test[:3] + 1) * 127.5, plain.test.images[:3], atol=1e-3
    )
    assert found.value_range == 2


def test_a_classifier_sees_images_and_their_labels():
    plain = load_classification("embedded:shapes").train.first(10)

    batch = next(iter(data.scaled_batches(plain, 10, 0)(0)))

    order = np.argsort(batch["label"].numpy())
    np.testing.assert_allclose(
        (batch["image"].numpy()[order] + 1) * 127.5, plain.images, atol=1e-3
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signal": "sound"}, "data.signal: unknown name 'sound'"),
        ({"signal": "luminance", "side": 12}, "data.side: 12; expected colour images"),
        ({"signal": "colour", "spec": "embedded:digits"}, "expected colour images"),
    ],
)
def test_what_cannot_be_mirrored_is_named(changes, message):
    with pytest.raises(UsageError, match=message):
        data.load(settings(**changes))


@pytest.mark.parametrize("variant", ["colour_unet", "luminance_u"])
def test_the_paper_scale_reads_cifar10(variant):
    paper = find_paper("feature_visualization_mirroring")
    recipe = paper.recipe("paper", variant, sets=["data.train_images=4"])
    load_classification.cache_clear()

    with tfds.testing.mock_data(num_examples=5):
        try:
            found = data.load(recipe.data)
        finally:
            load_classification.cache_clear()

    assert found.info.name == "cifar10"
    batch = images_of(found.batches(4, 0), 0)
    side, channels = (32, 3) if variant == "colour_unet" else (16, 1)
    assert batch.shape == (4, side, side, channels)
    assert batch.dtype == tf.float32
