"""Pictures of one size: crops, colours, splits, and sets that are read from disk."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.data.classification import load_classification
from cai_keras.data.picture_sets import (
    frame_picture,
    in_range,
    load_picture_set,
    problems_of,
)
from cai_keras.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def _mocked_pictures_are_not_kept():
    load_classification.cache_clear()
    yield
    load_classification.cache_clear()


def settings(**changes):
    given = {
        "spec": "embedded:digits", "train_split": "train", "test_split": "test",
        "train": 20, "test": 12, "validation": 5, "crop": None, "side": 8,
        "channels": 1,
    }  # fmt: skip
    return SimpleNamespace(**{**given, **changes})


def take(batches, count):
    return list(itertools.islice(batches(0).as_numpy_iterator(), count))


def test_a_crop_is_the_middle_of_the_picture():
    picture = np.zeros((6, 8, 3), np.uint8)
    # Rows 1 to 4 and columns 2 to 5 are the middle 4 x 4.
    picture[1:5, 2:6] = 200

    found = frame_picture(picture, side=4, channels=3, crop=4)

    np.testing.assert_array_equal(found, np.full((4, 4, 3), 200))


def test_without_a_crop_the_largest_square_is_resized():
    picture = np.full((6, 8, 1), 90, np.uint8)

    found = frame_picture(picture, side=3, channels=1)

    np.testing.assert_array_equal(found, np.full((3, 3, 1), 90))


def test_colours_become_luma_and_grey_becomes_three_channels():
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 100

    # 0.299 x 100 = 29.9
    np.testing.assert_array_equal(frame_picture(red, 2, 1), np.full((2, 2, 1), 30))
    grey = np.full((2, 2, 1), 7, np.uint8)
    np.testing.assert_array_equal(frame_picture(grey, 2, 3), np.full((2, 2, 3), 7))


def test_a_crop_that_is_larger_than_the_picture_is_refused():
    with pytest.raises(UsageError, match=r"data\.crop: 9 pixels of a picture 8 x 8"):
        frame_picture(np.zeros((8, 8, 1), np.uint8), 8, 1, crop=9)


def test_splits_do_not_overlap_and_are_counted():
    found = load_picture_set(settings(train=None, test=None, validation=97))

    # 1,297 training digits, of which 97 are held out, and 500 others.
    assert found.info.examples == {"train": 1200, "test": 500, "validation": 97}
    assert (found.train.count, found.test.count) == (1200, 500)
    whole = load_picture_set(settings(train=None, validation=0))
    last = whole.train.head(1297)[1200:]
    np.testing.assert_array_equal(found.validation.head(97), last)


def test_an_epoch_has_every_picture_once_with_its_label():
    found = load_picture_set(settings())

    parts = take(found.train.batches(10, 3), 2)

    images = np.concatenate([part["image"] for part in parts])
    labels = np.concatenate([part["label"] for part in parts])
    seen = sorted(zip(images.reshape(20, -1).tolist(), labels, strict=True))
    real = found.train.head(20).astype(np.float32) / 255
    expected = sorted(
        zip(real.reshape(20, -1).tolist(), found.train.labels, strict=True)
    )
    assert seen == expected


def test_batches_are_brought_into_the_range_of_the_output():
    plain = load_picture_set(settings()).train.batches(4, 0)

    (given,) = take(plain, 1)
    (signed,) = take(in_range(plain, "tanh"), 1)
    (same,) = take(in_range(plain, "sigmoid"), 1)

    np.testing.assert_allclose(signed["image"], 2 * given["image"] - 1, atol=1e-7)
    np.testing.assert_array_equal(same["image"], given["image"])
    np.testing.assert_array_equal(signed["label"], given["label"])


def test_an_unknown_output_and_other_channels_are_refused():
    batches = load_picture_set(settings()).train.batches(4, 0)

    with pytest.raises(UsageError, match="generator's output"):
        in_range(batches, "relu")
    with pytest.raises(UsageError, match="expected 1 or 3, found 2"):
        load_picture_set(settings(channels=2))


@pytest.mark.parametrize(
    ("spec", "crop"), [("tfds:celeb_a", 108), ("tfds:lsun/bedroom", None)]
)
def test_sets_without_labels_are_read_picture_by_picture(spec, crop):
    asked = settings(
        spec=spec, crop=crop, side=64, channels=3, validation=0, train=None, test=3
    )
    with tfds.testing.mock_data(num_examples=5):
        found = load_picture_set(asked)
        first, second = take(found.train.batches(4, 0), 2)
        held = found.test.head(3)

    assert found.info.name == spec.partition(":")[2].partition("/")[0]
    assert found.info.examples == {"train": 5, "test": 3}
    assert found.train.labels is None
    for batch in (first, second):
        assert set(batch) == {"image"}
        assert batch["image"].shape == (4, 64, 64, 3)
        assert 0 <= batch["image"].min() < batch["image"].max() <= 1
    assert (held.shape, held.dtype) == ((3, 64, 64, 3), np.uint8)


def test_a_step_from_disk_is_the_same_from_any_start_and_in_any_part():
    asked = settings(
        spec="tfds:celeb_a", crop=108, side=8, channels=3, validation=0, train=None
    )
    with tfds.testing.mock_data(num_examples=5):
        batches = load_picture_set(asked).train.batches(4, 0)
        expected = take(batches, 3)[2]["image"]
        whole = next(batches(2).as_numpy_iterator())["image"]
        part = next(batches(2, range(1, 3)).as_numpy_iterator())["image"]

    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(part, expected[1:3])


def test_mnist_comes_with_labels_and_held_out_pictures():
    asked = settings(spec="tfds:mnist", side=28, train=None, test=None, validation=2)
    with tfds.testing.mock_data(num_examples=6):
        found = load_picture_set(asked)

    assert found.info.name == "mnist"
    assert found.info.examples == {"train": 4, "test": 6, "validation": 2}
    assert found.train.head(4).shape == (4, 28, 28, 1)


def test_held_out_pictures_of_a_set_without_labels_are_refused():
    with pytest.raises(UsageError, match=r"data\.validation: expected 0"):
        load_picture_set(settings(spec="tfds:celeb_a", validation=5))


def test_a_set_that_is_not_prepared_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    with pytest.raises(DataError, match="tfds build celeb_a"):
        load_picture_set(settings(spec="tfds:celeb_a", validation=0))
    (problem,) = problems_of("tfds:celeb_a")
    assert "tfds build celeb_a" in problem
    assert problems_of("embedded:digits") == []
