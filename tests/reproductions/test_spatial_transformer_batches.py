"""Digits, test sets and training batches of spatial_transformer."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.cli import papers
from cai_keras.data.classification import LabelledImages, load_classification
from cai_keras.errors import UsageError
from reproductions.spatial_transformer import data, sampling
from reproductions.spatial_transformer.sampling import Task

PAPER = papers.find_paper("spatial_transformer")
TASKS = ("r", "rts", "p", "e", "tc", "addition")


def task_of(name, variant="rts_fcn", scale="small"):
    return Task.of(PAPER.recipe(scale, variant, sets=[f"data.task={name}"]))


def plain_task(digits=1, side=8):
    """Digits of 8 x 8 pixels as they are."""
    sets = {"side": side, "digit_side": 8, "degrees": 0.0, "digits": digits}
    sets |= {"scale_low": 1.0, "scale_high": 1.0}
    texts = [f"data.tasks.r.{key}={value}" for key, value in sets.items()]
    return Task.of(PAPER.recipe("small", "r_fcn", sets=texts))


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


@pytest.fixture
def digits():
    """30 images, each of one grey of its own; labels are the index modulo 10."""
    greys = np.arange(1, 31, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(greys * 8, (30, 8, 8, 1)).copy()
    return LabelledImages(images, np.arange(30, dtype=np.int32) % 10)


def index_of(images):
    """Which of `digits` an image of one grey is."""
    return np.round(images[:, 4, 4] * 255 / 8).astype(int) - 1


# Digits


def test_small_digits_get_the_margin_of_mnist():
    loaded = data.load_digits("embedded:digits", 28)

    images = loaded.train.images
    assert images.shape == (1297, 28, 28, 1)
    assert images.dtype == np.uint8
    assert images[:, :4].max() == images[:, :, -4:].max() == 0
    assert images[:, 4:24, 4:24].max() == 255


def test_digits_are_reduced_without_a_change_of_their_mean():
    full = data.load_digits("embedded:digits", 28).test.images.mean()

    reduced = data.load_digits("embedded:digits", 20).test.images

    assert reduced.shape == (500, 20, 20, 1)
    assert reduced.mean() == pytest.approx(full, rel=0.02)


def test_images_of_mnists_size_are_left_alone(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    split = LabelledImages(images, np.arange(3, dtype=np.int32))
    monkeypatch.setattr(
        data, "load_classification", lambda spec: data.Digits(split, split, None)
    )

    loaded = data.load_digits("folder:three", 28)

    np.testing.assert_array_equal(loaded.train.images, images)


def test_colour_images_are_refused(monkeypatch):
    colour = LabelledImages(np.zeros((1, 28, 28, 3), np.uint8), np.zeros(1, np.int32))
    monkeypatch.setattr(
        data, "load_classification", lambda spec: data.Digits(colour, colour, None)
    )

    with pytest.raises(UsageError, match="folder:colour: expected grey digits"):
        data.load_digits("folder:colour", 28)


def test_the_paper_scale_reads_mnist_through_tfds():
    load_classification.cache_clear()
    with tfds.testing.mock_data(num_examples=12):
        loaded = data.load_digits("tfds:mnist", 28)
    load_classification.cache_clear()
    data.load_digits.cache_clear()

    task = task_of("tc", scale="paper")
    (batch,) = take(sampling.distorted_batches(loaded.train, task, 4, 0)(0), 1)

    assert loaded.info.name == "mnist"
    assert batch["image"].shape == (4, 60, 60, 1)


# Test sets


@pytest.mark.parametrize("name", TASKS)
def test_a_test_set_is_in_order_in_range_and_always_the_same(name):
    split = data.load_digits("embedded:digits", task_of(name).settings.digit_side).test
    chosen = np.arange(30)

    first = data.make_test_set(split, task_of(name), chosen)
    again = data.make_test_set(split, task_of(name), chosen)

    side = task_of(name).side
    assert first.images.shape == (30, side, side, 2 if name == "addition" else 1)
    assert first.images.min() >= 0
    assert first.images.max() <= 1 + 1e-6
    assert (first.images.max(axis=(1, 2, 3)) > 0.3).all()
    np.testing.assert_array_equal(first.images, again.images)
    if name != "addition":
        np.testing.assert_array_equal(first.labels, split.labels[:30])


def test_a_test_set_goes_on_over_the_border_of_its_chunks(digits, monkeypatch):
    monkeypatch.setattr(data, "_CHUNK", 4)

    test = data.make_test_set(digits, plain_task(), np.arange(10))

    assert list(index_of(test.images)[:, 0]) == list(range(10))


def test_centres_are_in_units_of_half_an_image(digits):
    task = plain_task(side=15)

    test = data.make_test_set(digits, task, np.arange(30))

    # 7 pixels of room over 15: the middle of the square is within 3.5 of 7 pixels.
    assert np.abs(test.centres).max() <= 0.5
    for image, centre in zip(test.images[..., 0], test.centres, strict=True):
        rows, columns = np.mgrid[:15, :15]
        middle = [(image * at).sum() / image.sum() for at in (columns, rows)]
        np.testing.assert_allclose(middle, 7 * (centre + 1), atol=0.05)


# Batches


def test_an_epoch_has_every_digit_once_with_its_label(digits):
    batches = take(sampling.distorted_batches(digits, plain_task(), 10, 0)(0), 3)

    images = np.concatenate([batch["image"] for batch in batches])
    index = index_of(images)[:, 0]
    labels = np.concatenate([batch["label"] for batch in batches])
    assert sorted(index) == list(range(30))
    np.testing.assert_array_equal(labels, index % 10)


def test_the_label_of_two_digits_is_their_sum(digits):
    (batch,) = take(sampling.distorted_batches(digits, plain_task(2), 30, 0)(0), 1)

    index = index_of(batch["image"])
    assert index.shape == (30, 2)
    np.testing.assert_array_equal(batch["label"], (index % 10).sum(axis=1))
    assert len(np.unique(index[:, 1])) > 10
    assert (index[:, 0] != index[:, 1]).sum() > 20


def test_two_digits_are_turned_on_their_own():
    split = data.load_digits("embedded:digits", 20).train
    task = task_of("addition")
    rows = tf.range(4, dtype=tf.int64)
    step = tf.constant(0, tf.int64)

    # The same digit twice: only the distortions can differ.
    made = sampling.distort(split, task, np.full((4, 2), 7), 0, step, rows, 4)

    image = made["image"].numpy()
    assert np.abs(image[..., 0] - image[..., 1]).max(axis=(1, 2)).min() > 0.2


def test_distortions_are_new_at_every_step_and_differ_between_seeds():
    split = data.load_digits("embedded:digits", 28).train.first(4)
    first, second = take(sampling.distorted_batches(split, task_of("r"), 4, 0)(0), 2)
    (other,) = take(sampling.distorted_batches(split, task_of("r"), 4, 1)(0), 1)

    assert np.abs(np.sort(first["image"], 0) - np.sort(second["image"], 0)).max() > 0.1
    assert np.abs(np.sort(first["image"], 0) - np.sort(other["image"], 0)).max() > 0.1


@pytest.fixture(scope="module")
def fixed_images():
    return np.random.default_rng(0).random((6, 9, 9, 1)).astype("float32")


def test_triplets_are_two_images_and_a_window_of_the_first(fixed_images):
    batches = take(sampling.triplet_batches(fixed_images, 4, 6, 0)(0), 20)

    for batch in batches:
        for image, partner, crop in zip(*batch.values(), strict=True):
            assert not np.array_equal(image, partner)
            windows = np.lib.stride_tricks.sliding_window_view(image[..., 0], (4, 4))
            same = (windows == crop[..., 0]).all(axis=(2, 3))
            assert same.sum() == 1
    corners = {float(crop[0, 0, 0]) for batch in batches for crop in batch["crop"]}
    assert len(corners) > 60  # of 6 images x 36 places, 120 drawn


def batches_of_six(name, images):
    if name == "triplets":
        return sampling.triplet_batches(images, 4, 6, 3)
    split = data.load_digits("embedded:digits", task_of(name).settings.digit_side).train
    return sampling.distorted_batches(split, task_of(name), 6, 3)


@pytest.mark.parametrize("name", [*TASKS, "triplets"])
@pytest.mark.parametrize(
    ("step", "start", "stop"), [(0, 0, 2), (7, 1, 5), (2**31, 5, 6)]
)
def test_any_rows_of_any_step_are_those_of_the_whole_batch(
    name, fixed_images, step, start, stop
):
    six = batches_of_six(name, fixed_images)
    step = tf.constant(step, tf.int64)

    whole = six.make(step, tf.range(6, dtype=tf.int64))
    part = six.make(step, tf.range(start, stop, dtype=tf.int64))

    for key, values in part.items():
        # Vectors of other lengths are computed by other instructions.
        np.testing.assert_allclose(values, whole[key][start:stop], atol=1e-5)
