"""Labelled images: every example once an epoch, any step can be the first."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.classification import (
    LabelledImages,
    load_classification,
    problems_of,
    shuffled_indices,
)
from cai_keras.errors import DataError, UsageError


def indices(first_step, num_steps, batch_size, count, seed=0):
    """The indices of some consecutive steps, one after the other."""
    rows = tf.range(batch_size, dtype=tf.int64)
    batches = [
        shuffled_indices(step * batch_size + rows, count, seed).numpy()
        for step in range(first_step, first_step + num_steps)
    ]
    return np.concatenate(batches)


@pytest.fixture
def ten_images():
    """Example i is a picture of the level i with label i."""
    labels = np.arange(10, dtype=np.int32)
    images = np.repeat(labels[:, None], 4, axis=1).reshape(10, 2, 2, 1)
    return LabelledImages(images.astype(np.uint8), labels)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


@pytest.mark.parametrize(("batch_size", "count"), [(4, 12), (5, 12), (7, 3), (1, 1)])
def test_an_epoch_visits_every_example_once(batch_size, count):
    # count steps of batch_size are batch_size whole epochs.
    visited = indices(0, count, batch_size, count).reshape(batch_size, count)

    np.testing.assert_array_equal(np.sort(visited), [list(range(count))] * batch_size)


def test_every_epoch_has_an_order_of_its_own():
    # 6 epochs of 30: two equal orders have probability 15 / 30!.
    epochs = indices(0, 18, 10, 30).reshape(6, 30)

    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_the_order_is_not_the_stored_one():
    assert list(indices(0, 1, 30, 30)) != list(range(30))


def test_seeds_give_different_orders():
    assert list(indices(0, 1, 30, 30, seed=0)) != list(indices(0, 1, 30, 30, seed=1))


def test_the_first_index_is_about_uniform():
    # 2,000 epochs of 10 examples: 200 of each, standard deviation 13.4; 5 of them.
    first = indices(0, 2000, 10, 10).reshape(2000, 10)[:, 0]

    counts = np.bincount(first, minlength=10)

    assert counts.min() >= 133
    assert counts.max() <= 267


def test_steps_beyond_the_range_of_32_bits_work():
    # Step 3 * 2^30 starts at example 12 * 2^30: the start of epoch 2^30.
    visited = indices(3 * 2**30, 3, 4, 12)

    np.testing.assert_array_equal(np.sort(visited), range(12))


def test_the_same_step_is_the_same_batch_from_any_start(ten_images):
    batches = ten_images.batches(batch_size=4, seed=3)

    from_start = take(batches(0), 6)
    from_fourth = take(batches(4), 2)

    for expected, found in zip(from_start[4:], from_fourth, strict=True):
        np.testing.assert_array_equal(found["label"], expected["label"])
        np.testing.assert_array_equal(found["image"], expected["image"])


def test_batches_across_ends_of_epochs_are_full(ten_images):
    # 10 examples, 4 a batch: the third batch has 2 of the first epoch and 2 of the
    # second.
    batches = take(ten_images.batches(batch_size=4, seed=0)(0), 5)

    labels = np.concatenate([batch["label"] for batch in batches])
    assert [len(batch["label"]) for batch in batches] == [4] * 5
    np.testing.assert_array_equal(np.sort(labels[:10]), range(10))
    np.testing.assert_array_equal(np.sort(labels[10:]), range(10))


def test_images_keep_their_labels(ten_images):
    for batch in take(ten_images.batches(batch_size=3, seed=0)(0), 10):
        found = np.round(batch["image"][:, 0, 0, 0] * 255)
        np.testing.assert_array_equal(found, batch["label"])


def test_a_batch_may_be_larger_than_the_set(ten_images):
    (batch,) = take(ten_images.batches(batch_size=25, seed=0)(0), 1)

    # Two epochs and a half.
    counts = np.bincount(batch["label"], minlength=10)
    assert set(counts) == {2, 3}
    assert counts.sum() == 25


def test_an_index_depends_on_its_own_position_alone():
    # A replica asks for its own positions only; 23 are three epochs and 2.
    positions = tf.range(23, dtype=tf.int64)
    together = shuffled_indices(positions, 7, 5).numpy()

    alone = [shuffled_indices(p[None], 7, 5).numpy()[0] for p in positions]

    np.testing.assert_array_equal(alone, together)
    assert together.dtype == np.int64


def test_digits_are_loaded_with_their_labels():
    loaded = load_classification("embedded:digits")

    assert loaded.train.images.shape == (1297, 8, 8, 1)
    assert loaded.test.images.shape == (500, 8, 8, 1)
    assert loaded.train.images.dtype == np.uint8
    assert (loaded.train.images.min(), loaded.train.images.max()) == (0, 255)
    assert loaded.train.pixels.dtype == np.float32
    assert (loaded.train.pixels.min(), loaded.train.pixels.max()) == (0, 1)
    assert loaded.train.labels.dtype == np.int32
    assert set(loaded.test.labels) == set(range(10))
    # scikit-learn's set begins with 0 1 2 3.
    np.testing.assert_array_equal(loaded.train.labels[:4], [0, 1, 2, 3])


def test_the_record_gets_name_version_and_counts():
    info = load_classification("embedded:digits").info

    assert (info.name, info.version) == ("digits", "1.0.0")
    assert info.examples == {"train": 1297, "test": 500}


def test_the_first_images_keep_their_order(ten_images):
    first = ten_images.first(3)

    np.testing.assert_array_equal(first.labels, [0, 1, 2])
    np.testing.assert_array_equal(first.images[:, 0, 0, 0], [0, 1, 2])
    assert ten_images.first(None) is ten_images


@pytest.mark.parametrize("count", [0, 11, -1])
def test_more_images_than_there_are_cannot_be_taken(ten_images, count):
    with pytest.raises(UsageError, match=f"{count} images asked for, expected 1 to 10"):
        ten_images.first(count)


def test_a_folder_of_something_else_says_what_it_should_hold(tmp_path):
    (tmp_path / "notes.txt").touch()

    with pytest.raises(DataError, match=r"expected train\.zip .* IDX files") as caught:
        load_classification(f"folder:{tmp_path}")

    assert str(tmp_path) in str(caught.value)
    assert problems_of(f"folder:{tmp_path}") == [str(caught.value)]


def test_a_folder_with_cifar_as_jpeg_is_a_set_of_its_own_name(cifar_folder):
    loaded = load_classification(f"folder:{cifar_folder}")

    # A stand-in: the pixels are not CIFAR-10's, and there are 20 of them.
    assert loaded.info.name == "cifar10_jpeg"
    assert loaded.info.examples == {"train": 20, "test": 10}
    assert loaded.train.images.shape == (20, 32, 32, 3)
    # Classes take turns; class c is a picture of the level 20 c.
    np.testing.assert_array_equal(loaded.train.labels, [*range(10), *range(10)])
    levels = loaded.train.images.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, 20 * loaded.train.labels, atol=3)
    assert problems_of(f"folder:{cifar_folder}") == []


def test_a_folder_of_idx_files_is_named_after_its_content(idx_folder):
    loaded = load_classification(f"folder:{idx_folder}")

    assert loaded.info.name == "idx_images"  # MNIST has other pixels
    assert loaded.info.examples == {"train": 12, "test": 4}
    np.testing.assert_array_equal(loaded.train.labels, np.arange(12) % 10)
    np.testing.assert_array_equal(loaded.train.images[7, :, :, 0], 7)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "name", "train", "test"),
    [
        ("mnist", "mnist", 60_000, 10_000),
        ("fashion_mnist", "fashion_mnist", 60_000, 10_000),
        ("cifar10", "cifar10_jpeg", 50_000, 5_000),
    ],
)
def test_real_sets_are_recognised(real_data, folder, name, train, test):
    loaded = load_classification(f"folder:{real_data / folder}")

    assert loaded.info.name == name
    assert loaded.info.examples == {"train": train, "test": test}
    counts = np.bincount(loaded.test.labels, minlength=10)
    assert counts.min() > 0.8 * test / 10


def test_a_set_without_labels_is_refused():
    with pytest.raises(UsageError, match="embedded:glyphs: has no features image and"):
        load_classification("embedded:glyphs")


def test_an_unknown_set_gets_the_nearest_name():
    with pytest.raises(UsageError, match="did you mean 'digits'"):
        load_classification("embedded:digit")
