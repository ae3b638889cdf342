"""Parts of images: mirrored borders, labels, random crops, tiles and frozen maps."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from reproductions.dilated_context.data import LabelledImages
from reproductions.dilated_context.views import (
    FrozenMaps,
    Tiles,
    View,
    mirrored,
    training_crops,
)

PLAIN = View(margin=0, stride=1, channel_mean=(0.0, 0.0, 0.0), channel_deviation=1.0)


def in_memory(images, labels):
    images, labels = tf.constant(images), tf.constant(labels)
    return LabelledImages(
        len(images), lambda n: (tf.gather(images, n), tf.gather(labels, n))
    )


@pytest.fixture
def numbered():
    """Four images of 6 x 8 whose red is the number of the pixel, blue the image's.

    The label is the pixel's number as well.
    """
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    images = np.zeros((4, 6, 8, 3), np.uint8)
    images[..., 0] = pixels
    images[..., 2] = 10 * np.arange(4)[:, None, None]
    return in_memory(images, np.tile(pixels, (4, 1, 1)))


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


# Cutting


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (4, [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]),
        (2, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
        (1, [0] * 12),
    ],
)
def test_places_outside_are_mirrored_as_often_as_it_takes(size, expected):
    # Places -6 to 5, where 0 is the image's first pixel.
    np.testing.assert_array_equal(mirrored(tf.range(-6, 6), size), expected)


def test_a_margin_is_the_image_mirrored_at_its_outermost_pixels():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    view = View(3, 1, (0.0, 0.0, 0.0), 1.0)

    found = view.cut(image, (0, 0), (5, 7)).numpy()

    padded = np.pad(image, [(3, 3), (3, 3), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(found, padded[..., ::-1])


def test_channels_are_blue_green_red_less_the_mean():
    image = np.tile(np.uint8([30, 20, 10]), (2, 2, 1))

    found = View(0, 1, (10.0, 10.0, 10.0), 5.0).cut(image, (0, 0), (2, 2)).numpy()

    np.testing.assert_array_equal(found[0, 0], [0.0, 2.0, 4.0])


def test_labels_outside_the_image_are_ignored():
    label = np.arange(6, dtype=np.uint8).reshape(2, 3)

    found = PLAIN.labels(label, (-1, 1), (4, 3)).numpy()

    nothing = [255] * 3
    expected = [nothing, [1, 2, 255], [4, 5, 255], nothing]
    np.testing.assert_array_equal(found, expected)


def test_predictions_are_for_every_strideth_pixel_from_the_first_on():
    view = View(0, 8, (0.0, 0.0, 0.0), 1.0)
    labels = np.arange(16 * 16).reshape(16, 16)

    found = view.thinned(labels)

    np.testing.assert_array_equal(found, [[0, 8], [8 * 16, 8 * 16 + 8]])


# Training crops


def test_a_crop_and_its_labels_are_of_the_same_place_and_mirrored_together(numbered):
    batches = training_crops(numbered, PLAIN, 4, True, batch_size=8, seed=0)

    turned = set()
    for batch in take(batches(0), 3):
        np.testing.assert_array_equal(batch["input"][..., 2], batch["label"])
        steps = np.diff(batch["label"][:, 0], axis=1)
        assert set(np.unique(steps)) <= {-1, 1}
        assert (np.ptp(steps, axis=1) == 0).all()
        turned |= set(steps[:, 0])
    assert turned == {-1, 1}


def test_the_label_of_a_mirrored_crop_is_of_the_mirrored_pixels(numbered):
    # With stride 2 the predicted pixels of a row are its first and third; mirrored,
    # the fourth and second.
    view = View(0, 2, (0.0, 0.0, 0.0), 1.0)
    batches = training_crops(numbered, view, 4, True, batch_size=8, seed=0)

    (batch,) = take(batches(0), 1)

    predicted = batch["input"][:, ::2, ::2, 2]
    np.testing.assert_array_equal(batch["label"], predicted)


def test_crops_lie_inside_and_reach_every_corner(numbered):
    batches = training_crops(numbered, PLAIN, 4, False, batch_size=8, seed=1)

    corners = {int(c) for b in take(batches(0), 20) for c in b["label"][:, 0, 0]}

    # Rows 0 to 2 and columns 0 to 4.
    assert corners == {8 * row + column for row in range(3) for column in range(5)}


def test_an_image_smaller_than_the_crop_is_mirrored_and_ignored_outside(numbered):
    batches = training_crops(numbered, PLAIN, 10, False, batch_size=2, seed=0)

    (batch,) = take(batches(0), 1)

    expected = np.full((10, 10), 255)
    expected[:6, :8] = np.arange(48).reshape(6, 8)
    np.testing.assert_array_equal(batch["label"][0], expected)
    # Behind row 5 come rows 4 and 3.
    np.testing.assert_array_equal(batch["input"][0, 6:8], batch["input"][0, [4, 3]])


def test_an_epoch_visits_every_image_once(numbered):
    batches = training_crops(numbered, PLAIN, 4, False, batch_size=2, seed=3)

    for first in (0, 2, 4):
        found = np.concatenate(
            [b["input"][:, 0, 0, 0] for b in take(batches(first), 2)]
        )
        np.testing.assert_array_equal(np.sort(found), [0, 10, 20, 30])


def test_a_batch_is_a_function_of_its_step_and_rows(numbered):
    batches = training_crops(numbered, PLAIN, 4, True, batch_size=4, seed=2)

    whole = take(batches(0), 6)[5]
    (again,), (part,) = take(batches(5), 1), take(batches(5, range(1, 3)), 1)

    for name, values in whole.items():
        np.testing.assert_array_equal(again[name], values)
        np.testing.assert_array_equal(part[name], values[1:3])


# Tiles


def test_tiles_cover_an_image_row_by_row(numbered):
    tiles = list(Tiles(numbered, PLAIN, (4, 5)))

    assert len(tiles) == 4
    inputs = tiles[0]["inputs"]
    assert inputs.shape == (4, 4, 5, 3)
    # The first pixels are those of the corners (0, 0), (0, 5), (4, 0) and (4, 5).
    np.testing.assert_array_equal(inputs[:, 0, 0, 2], [0, 5, 32, 37])
    np.testing.assert_array_equal(tiles[2]["image"][0, 0], [0, 0, 20])


def test_what_a_tile_sees_is_what_the_mirrored_image_has_there(numbered):
    view = View(2, 1, (0.0, 0.0, 0.0), 1.0)
    (example,) = Tiles(numbered, view, (4, 4)).first(1)

    padded = np.pad(example["image"][..., 0], [(2, 4), (2, 2)], mode="reflect")
    for number, (row, column) in enumerate(itertools.product((0, 4), (0, 4))):
        expected = padded[row : row + 8, column : column + 8]
        np.testing.assert_array_equal(example["inputs"][number, ..., 2], expected)


# Frozen maps


@pytest.fixture
def maps(numbered):
    """Of a front end that adds 1 to red; tiles of 4 x 8, two for each image."""
    inputs = keras.Input((None, None, 3))
    front_end = keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))
    front_end.set_weights([np.array([0.0, 0, 1]).reshape(1, 1, 3, 1), np.ones(1)])
    tiles = Tiles(numbered, PLAIN, (4, 8))
    return FrozenMaps(front_end, tiles, images_at_once=3, batch_size=4, seed=0)


def test_frozen_maps_are_what_the_front_end_gives_for_each_tile(maps):
    batch, other = take(maps(0), 2)

    assert batch["input"].shape == (4, 4, 8, 1)
    for row, label in zip(
        np.concatenate([batch["input"], other["input"]])[..., 0],
        np.concatenate([batch["label"], other["label"]]),
        strict=True,
    ):
        inside = label != 255
        np.testing.assert_array_equal(row[inside], label[inside] + 1)
    # Of every image rows 0 to 3 and, with two rows outside, 4 and 5.
    counts = [(one != 255).sum() for b in (batch, other) for one in b["label"]]
    assert sorted(counts) == [16] * 4 + [32] * 4


def test_maps_are_those_of_the_front_end_when_the_stage_begins(maps):
    (before,) = take(maps(0), 1)
    maps.front_end.set_weights([w + 1 for w in maps.front_end.get_weights()])

    (after,) = take(maps(0), 1)

    np.testing.assert_array_equal(after["label"], before["label"])
    assert (after["input"] > before["input"]).all()


def test_batches_of_maps_are_functions_of_step_and_rows(maps):
    whole = take(maps(0), 4)[3]
    (again,), (part,) = take(maps(3), 1), take(maps(3, range(2, 4)), 1)

    for name, values in whole.items():
        np.testing.assert_array_equal(again[name], values)
        np.testing.assert_array_equal(part[name], values[2:4])
