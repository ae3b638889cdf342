"""U-Net's training tiles: places, deformation, reading, labels and weights."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.border_weights import border_weights, class_weights, nearness_to_two
from cai_keras.data.builders import cells
from cai_keras.data.row_random import RowRandom
from reproductions.unet import tiles
from reproductions.unet.data import Weighted

STILL = SimpleNamespace(
    displacement=0.0, rotation_degrees=0.0, contrast=0.0, brightness=0.0
)
PAPERS = SimpleNamespace(
    displacement=2.0, rotation_degrees=180.0, contrast=0.1, brightness=0.1
)


def random_of(count, step=0, seed=0):
    return RowRandom(seed, tf.constant(step, tf.int64), tf.range(count, 0, -1) - 1, 8)


def settings(augmentation=None, side=24, strength=10.0, batch_size=3):
    return SimpleNamespace(
        tile_side=side,
        batch_size=batch_size,
        border_weights=SimpleNamespace(strength=strength, deviation=2.0),
        augment=augmentation is not None,
        augmentation=augmentation,
    )


@pytest.fixture(scope="module")
def train():
    """Five images of cells."""
    rng = np.random.default_rng(3)
    instances = np.stack([cells.place_cells(rng) for _ in range(5)]).astype(np.int32)
    return Weighted(
        rng.normal(size=instances.shape).astype(np.float32),
        instances,
        np.array([class_weights(i > 0) for i in instances], np.float32),
        np.stack([nearness_to_two(i, 2.0) for i in instances]),
    )


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


# Places


def test_a_tile_lies_at_whole_pixels_with_its_middle_inside_the_image():
    places = tiles.place_tiles(random_of(8), 10, 3, (9, 20)).numpy()

    assert places.shape == (8, 10, 10, 2)
    np.testing.assert_array_equal(places, np.round(places))
    inner = places[:, 3:7, 3:7]
    assert inner.min() >= 0
    assert (inner.max(axis=(0, 1, 2)) <= [8, 19]).all()
    assert len(np.unique(places[:, 0, 0, 1])) > 2
    np.testing.assert_array_equal(np.diff(places[..., 0], axis=1), 1)
    np.testing.assert_array_equal(np.diff(places[..., 1], axis=2), 1)


def test_every_place_inside_the_image_is_drawn():
    starts = [
        tiles.place_tiles(random_of(8, step), 6, 1, (6, 6)).numpy()[:, 1, 1]
        for step in range(20)
    ]

    # Four pixels in six: 0, 1 or 2 for rows and columns.
    assert {tuple(start) for start in np.concatenate(starts)} == set(
        itertools.product((0.0, 1.0, 2.0), repeat=2)
    )


def test_a_tile_larger_than_the_image_has_it_in_its_middle():
    places = tiles.place_tiles(random_of(2), 10, 2, (4, 4)).numpy()

    # The six pixels with labels begin one before the image's four.
    assert (places[:, 2, 2] == -1).all()


# Deformation


def test_without_turn_and_displacement_places_stay_where_they_are():
    places = tiles.place_tiles(random_of(2), 11, 2, (30, 30))

    np.testing.assert_allclose(tiles.deform(places, random_of(2), STILL), places)


def test_a_turn_keeps_distances_and_the_middle():
    turning = SimpleNamespace(rotation_degrees=180.0, displacement=0.0)
    places = tiles.place_tiles(random_of(8), 9, 2, (30, 30))

    turned = tiles.deform(places, random_of(8), turning).numpy()

    np.testing.assert_allclose(turned[:, 4, 4], places.numpy()[:, 4, 4], atol=1e-4)
    steps = np.diff(turned, axis=1)
    np.testing.assert_allclose(np.hypot(*np.moveaxis(steps, -1, 0)), 1, atol=1e-4)
    # Clockwise or not: rows go to (cos, sin), columns to (-sin, cos).
    along_columns = np.diff(turned, axis=2)[:, 0, 0]
    along_rows = steps[:, 0, 0]
    np.testing.assert_allclose(
        along_columns, np.stack([-along_rows[:, 1], along_rows[:, 0]], -1), atol=1e-4
    )
    angles = np.arctan2(along_rows[:, 1], along_rows[:, 0])
    assert np.ptp(angles) > 1


def test_displacements_have_the_deviation_that_is_asked_for():
    bending = SimpleNamespace(rotation_degrees=0.0, displacement=3.0)
    found = []
    for step in range(40):
        places = tiles.place_tiles(random_of(8, step), 9, 2, (30, 30))
        bent = tiles.deform(places, random_of(8, step), bending)
        # Pixel 4 of 9 is the middle of the middle one of three cells.
        found.append((bent - places).numpy()[:, [1, 1, 4, 7], [1, 4, 4, 7]])

    # 40 * 8 * 4 * 2 numbers: the deviation of their deviation is 3 / sqrt(5120).
    assert np.std(found) == pytest.approx(3.0, abs=0.15)
    assert np.mean(found) == pytest.approx(0.0, abs=0.15)


def test_displacements_change_little_from_pixel_to_pixel():
    bending = SimpleNamespace(rotation_degrees=0.0, displacement=10.0)
    places = tiles.place_tiles(random_of(4), 572, 92, (512, 512))

    bent = (tiles.deform(places, random_of(4), bending) - places).numpy()

    # Two displacements 191 pixels apart differ by some 14; cubic slopes are 1.5 times.
    assert 0 < np.abs(np.diff(bent, axis=1)).max() < 0.5


def test_grey_levels_vary_by_one_contrast_and_brightness_an_image():
    image = tf.constant(np.random.default_rng(0).normal(size=(4, 5, 5)), tf.float32)

    varied = tiles.vary_grey(image, random_of(4), PAPERS).numpy()

    for before, after in zip(image.numpy(), varied, strict=True):
        contrast, brightness = np.polyfit(before.ravel(), after.ravel(), 1)
        assert 0.9 <= contrast <= 1.1
        assert brightness != 0
        np.testing.assert_allclose(after, contrast * before + brightness, atol=1e-5)
    np.testing.assert_array_equal(tiles.vary_grey(image, random_of(4), STILL), image)


# Reading


def ramp(height=6, width=7):
    """f(row, column) = 10 row + column."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return (10 * rows + columns)[None]


@pytest.mark.parametrize("read", [tiles.read_linear, tiles.read_cubic])
def test_a_plane_is_read_exactly_between_pixels(read):
    places = np.float32([[[[2.0, 3.0], [2.25, 3.5], [3.75, 2.125]]]])

    np.testing.assert_allclose(read(ramp(), places)[0, 0], [23.0, 26.0, 39.625])


def test_cubic_reading_has_keys_weights():
    # Half way: -1/16, 9/16, 9/16, -1/16. A quarter: from the formula for a = -1/2,
    # -0.0703125, 0.8671875, 0.2265625, -0.0234375.
    line = np.float32([[[0, 0, 1, 0, 0, 0]]])
    places = np.stack(
        [np.zeros(4), [0.5, 1.5, 2.25, 3.25]], axis=-1
    ).astype(np.float32)[None, None]  # fmt: skip

    found = tiles.read_cubic(line, places)[0, 0]

    np.testing.assert_allclose(
        found, [-1 / 16, 9 / 16, 0.8671875, -0.0703125], atol=1e-6
    )


def test_the_nearest_pixel_is_read_for_numbers():
    places = np.float32([[[[1.4, 2.6], [0.6, 0.4]]]])
    numbers = tf.constant(ramp(), tf.int32)

    np.testing.assert_array_equal(tiles.read_nearest(numbers, places)[0, 0], [13, 10])


@pytest.mark.parametrize(
    "read", [tiles.read_linear, tiles.read_cubic, tiles.read_nearest]
)
def test_outside_the_image_is_the_image_mirrored(read):
    image = np.random.default_rng(1).normal(size=(2, 4, 5)).astype(np.float32)
    grid = np.stack(np.mgrid[-7:12, -7:13], axis=-1).astype(np.float32)

    found = read(image, np.stack([grid] * 2))

    expected = np.pad(image, [(0, 0), (7, 8), (7, 8)], mode="symmetric")
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_separation_is_that_of_the_data_set():
    instances = np.random.default_rng(2).integers(0, 4, (3, 9, 8)).astype(np.uint8)

    found = tiles.separate(tf.constant(instances, tf.int32))

    expected = [cells.separate(one) for one in instances]
    np.testing.assert_array_equal(found, expected)


# Batches


def test_without_augmentation_tiles_are_cut_out_of_the_mirrored_image(train):
    batches = tiles.tile_batches(train, settings(), margin=4, seed=0)

    (batch,) = take(batches(0), 1)

    assert batch["image"].shape == (3, 24, 24, 1)
    assert batch["label"].shape == batch["weight"].shape == (3, 16, 16)
    weights = [border_weights(i, 10.0, 2.0) for i in train.instances]
    padded = np.pad(train.images, [(0, 0), (4, 4), (4, 4)], mode="symmetric")
    for row in range(3):
        image = batch["image"][row, :, :, 0]
        windows = np.lib.stride_tricks.sliding_window_view(padded, (24, 24), (1, 2))
        ((number, top, left),) = np.argwhere((windows == image).all(axis=(3, 4)))
        inside = (slice(top, top + 16), slice(left, left + 16))
        label = train.instances[number][inside] > 0
        np.testing.assert_array_equal(batch["label"][row], label)
        np.testing.assert_allclose(
            batch["weight"][row], weights[number][inside], rtol=1e-5
        )


def test_an_epoch_visits_every_image_once(train):
    numbered = Weighted(
        np.arange(5, dtype=np.float32)[:, None, None] * np.ones((1, 64, 64), "f"),
        train.instances,
        train.class_weights,
        train.nearness,
    )
    batches = tiles.tile_batches(numbered, settings(batch_size=5), margin=4, seed=1)

    for batch in take(batches(0), 3):
        assert sorted(batch["image"][:, 0, 0, 0]) == [0, 1, 2, 3, 4]


def test_a_step_is_the_same_from_any_start_and_in_any_part(train):
    batches = tiles.tile_batches(train, settings(PAPERS), margin=4, seed=0)

    expected = take(batches(0), 6)[5]
    (whole,), (part,) = take(batches(5), 1), take(batches(5, range(1, 3)), 1)

    for name, values in expected.items():
        np.testing.assert_array_equal(whole[name], values)
        np.testing.assert_array_equal(part[name], values[1:3])


def test_deformed_labels_weights_and_images_belong_together(train):
    bright = Weighted(
        (train.instances > 0).astype(np.float32),
        train.instances,
        train.class_weights,
        train.nearness,
    )
    bending = SimpleNamespace(**{**vars(PAPERS), "contrast": 0.0, "brightness": 0.0})
    batches = tiles.tile_batches(bright, settings(bending, side=60), margin=4, seed=0)

    batch = take(batches(0), 1)[0]

    seen = batch["image"][:, 4:56, 4:56, 0] > 0.5
    label = batch["label"] > 0
    # They differ where gaps are kept open and by half a pixel.
    assert np.mean(seen != label) < 0.05
    # Within objects the weight is a constant of the image, about 1.5.
    for is_object, weight in zip(label, batch["weight"], strict=True):
        assert np.ptp(weight[is_object]) == 0
        assert weight[~is_object].max() > 5


def test_a_gap_of_one_pixel_never_closes(train):
    def contacts(numbers):
        """Pixels beside one of another object, to the right or below."""
        pairs = [(numbers[:, 1:], numbers[:, :-1])]
        pairs += [(numbers[:, :, 1:], numbers[:, :, :-1])]
        return sum(np.sum((a > 0) & (b > 0) & (a != b)) for a, b in pairs)

    places = tiles.place_tiles(random_of(5), 60, 4, (64, 64))
    deformed = tiles.deform(places, random_of(5), PAPERS)

    read = tiles.read_nearest(tf.constant(train.instances), deformed)

    assert contacts(train.instances) == 0
    assert contacts(read.numpy()) > 0
    assert contacts(tiles.separate(read).numpy()) == 0
