"""Distortions with given numbers: turned, moved, pulled and bent by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import map_coordinates

from cai_keras.data.row_random import RowRandom
from cai_keras.errors import UsageError
from reproductions.spatial_transformer import distortions
from reproductions.spatial_transformer.distortions import Draws


class Given:
    """Draws that were worked out before, by their stream."""

    def __init__(self, streams):
        self.streams = streams

    def uniform(self, stream, *_):
        return tf.constant(self.streams[stream], tf.float32)

    def normal(self, stream, *_):
        return tf.constant(self.streams[stream], tf.float32)

    def below(self, stream, *_):
        return tf.constant(self.streams[stream], tf.int32)


def settings(**changed):
    defaults = {
        "side": 7, "digit_side": 7, "degrees": 90.0, "scale_low": 0.5,
        "scale_high": 1.5, "patches": 0, "patch_side": 2, "corner_sigma": 1.0,
        "control_sigma": 1.0,
    }  # fmt: skip
    return SimpleNamespace(**{**defaults, **changed})


def digits(count=1, side=7, seed=0):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.random((count, side, side, 1)), tf.float32)


def draws(count, seed=0, copies=1):
    rows = tf.range(count, dtype=tf.int64)
    return Draws(RowRandom(seed, tf.constant(0, tf.int64), rows, count), copies)


def similar(image, angle=0.0, scale=1.0, shift=(0.0, 0.0), **changed):
    given = Given({0: [angle], 1: [scale], 2: [shift]})
    return distortions.similarity(image, None, settings(**changed), given)


# R and RTS


def test_a_similarity_without_change_is_the_digit():
    found = similar(digits())

    np.testing.assert_allclose(found.image, digits(), atol=1e-6)
    np.testing.assert_allclose(found.centre, [[3, 3]])


@pytest.mark.parametrize(("turns", "angle"), [(-1, np.pi / 2), (1, -np.pi / 2)])
def test_a_positive_angle_is_clockwise(turns, angle):
    found = similar(digits(), angle=angle)

    # np.rot90 turns counter-clockwise.
    expected = np.rot90(digits(), turns, axes=(1, 2))
    np.testing.assert_allclose(found.image, expected, atol=1e-5)
    np.testing.assert_allclose(found.angle, [angle], rtol=1e-6)


def test_a_shift_is_a_share_of_the_room_around_the_digit():
    # 11 - 7 = 4 pixels of room, 2 on each side: 1 of them is to the right edge.
    found = similar(digits(), shift=(1.0, -0.5), side=11)

    expected = np.zeros((1, 11, 11, 1))
    expected[:, 1:8, 4:11] = digits()
    np.testing.assert_allclose(found.image, expected, atol=1e-5)
    # The digit's middle: column 4 + 3, row 1 + 3.
    np.testing.assert_allclose(found.centre, [[7, 4]])


def test_a_digit_of_twice_the_size_shows_every_pixel_at_every_second_one():
    found = similar(digits(side=4), scale=2.0, side=7, digit_side=4)

    # The middle stays: 3 = 1.5 * 2; pixel k is at 2 k.
    np.testing.assert_allclose(found.image[:, ::2, ::2], digits(side=4), atol=1e-5)


def test_every_digit_is_inside_and_turned_no_further_than_allowed():
    scales = {"scale_low": 0.7, "scale_high": 1.2}
    chosen = settings(side=42, digit_side=28, degrees=45.0, **scales)
    black = tf.zeros([2000, 28, 28, 1])

    found = distortions.similarity(black, None, chosen, draws(2000))
    scale = draws(2000).uniform(1, 0.7, 1.2).numpy()

    reach = np.abs(found.centre - 20.5) + 28 * scale[:, None] / 2
    assert reach.max() <= 21 + 1e-4
    assert np.rad2deg(np.abs(found.angle)).max() <= 45
    # Uniform: the mean of |angle| is half the limit, with standard error 45/sqrt(12 n).
    assert np.rad2deg(np.abs(found.angle)).mean() == pytest.approx(22.5, abs=1.5)


# T and TC


def test_a_translated_digit_is_copied_pixel_by_pixel():
    given = Given({2: [[3, 1]]})

    found = distortions.translated(digits(), None, settings(side=12), given)

    expected = np.zeros((1, 12, 12, 1))
    expected[:, 1:8, 3:10] = digits()
    np.testing.assert_allclose(found.image, expected, atol=1e-6)
    np.testing.assert_allclose(found.centre, [[6, 4]])


def test_clutter_is_crops_of_the_pool_at_their_places():
    rng = np.random.default_rng(1)
    pool = tf.constant(rng.integers(1, 256, (5, 7, 7, 1)), tf.uint8)
    # Two crops of 2 x 2: image 4 from row 1, column 3; image 0 from row 5, column 0.
    given = Given({5: [[4, 0]], 6: [[[1, 3], [5, 0]]], 7: [[[0, 0], [6, 4]]]})
    chosen = settings(side=9, patches=2, patch_side=2)

    found = distortions.clutter(pool, chosen, given)

    expected = np.zeros((1, 9, 9, 1))
    expected[0, 0:2, 0:2] = pool[4, 1:3, 3:5]
    expected[0, 6:8, 4:6] = pool[0, 5:7, 0:2]
    np.testing.assert_allclose(found, expected / 255, atol=1e-6)


def test_where_crops_overlap_the_brighter_one_is_seen():
    pool = tf.constant(np.stack([np.full((7, 7, 1), v) for v in (51, 204)]), tf.uint8)
    given = Given({5: [[1, 0]], 6: [[[0, 0], [0, 0]]], 7: [[[0, 0], [0, 1]]]})

    found = distortions.clutter(pool, settings(patches=2), given)

    np.testing.assert_allclose(found[0, 0, :4, 0], [0.8, 0.8, 0.2, 0.0], atol=1e-6)


def test_clutter_is_so_many_crops_anywhere_in_the_image():
    pool = tf.fill([3, 7, 7, 1], tf.constant(255, tf.uint8))
    chosen = settings(side=20, patches=6, patch_side=3)
    black = tf.zeros([200, 7, 7, 1])

    found = distortions.translated(black, pool, chosen, draws(200)).image.numpy()

    # Six crops of nine pixels that may overlap, up to the last row and column.
    ink = found.sum(axis=(1, 2, 3))
    assert 9 <= ink.min() < ink.max() <= 54 + 1e-4
    anywhere = found.max(axis=(0, 3))
    assert anywhere.min() == 1.0


def test_a_digit_is_seen_through_clutter():
    dark = tf.fill([3, 7, 7, 1], tf.constant(51, tf.uint8))
    white = tf.ones([20, 7, 7, 1])
    chosen = settings(side=20, patches=6, patch_side=3)

    found = distortions.translated(white, dark, chosen, draws(20)).image.numpy()

    np.testing.assert_allclose((found == 1.0).sum(axis=(1, 2, 3)), 49)


# P


def test_a_homography_takes_four_points_where_they_belong():
    rng = np.random.default_rng(0)
    square = np.array([[0, 0], [6, 0], [6, 6], [0, 6]], np.float32)
    sources = (square + rng.normal(0, 0.5, (3, 4, 2))).astype("float32")

    h = distortions.homographies(tf.constant(sources), tf.stack([square] * 3)).numpy()

    matrices = np.concatenate([h, np.ones((3, 1))], axis=1).reshape(3, 3, 3)
    points = np.concatenate([sources, np.ones((3, 4, 1))], axis=-1)
    mapped = np.einsum("nij,npj->npi", matrices, points)
    np.testing.assert_allclose(
        mapped[..., :2] / mapped[..., 2:], [square] * 3, atol=1e-3
    )


def test_corners_that_are_not_pulled_change_nothing():
    given = Given({1: [1.0], 3: np.zeros((1, 4, 2))})

    found = distortions.projective(digits(), None, settings(), given)

    np.testing.assert_allclose(found.image, digits(), atol=1e-4)


def test_corners_that_are_pulled_alike_move_the_digit():
    given = Given({1: [1.0], 3: np.tile([2.0, -1.0], (1, 4, 1))})

    found = distortions.projective(digits(), None, settings(side=11), given)

    expected = np.zeros((1, 11, 11, 1))
    expected[:, 1:8, 4:11] = digits()
    np.testing.assert_allclose(found.image, expected, atol=1e-4)


# E


def test_a_spline_without_noise_changes_nothing():
    given = Given({1: [1.0], 4: np.zeros((1, 16, 2))})

    found = distortions.elastic(digits(), None, settings(), given)

    np.testing.assert_allclose(found.image, digits(), atol=1e-4)


def test_control_points_that_move_alike_shift_what_is_seen():
    given = Given({1: [1.0], 4: np.tile([2.0, -1.0], (1, 16, 1))})

    found = distortions.elastic(digits(), None, settings(), given).image

    # Each pixel shows what is 2 to the right of it and 1 above.
    np.testing.assert_allclose(found[:, 1:, :5], digits()[:, :6, 2:], atol=1e-4)
    np.testing.assert_allclose(found[:, 0], 0.0, atol=1e-4)


def test_points_are_read_as_scipy_reads_them_and_black_is_outside():
    rng = np.random.default_rng(3)
    images = rng.random((2, 5, 8, 1)).astype("float32")
    points = rng.uniform(-3, 10, (2, 6, 7, 2)).astype("float32")

    found = distortions.read_points(tf.constant(images), tf.constant(points))

    for image, at, read in zip(images[..., 0], points, found, strict=True):
        padded = np.pad(image, 20)
        expected = map_coordinates(padded, (at[..., 1] + 20, at[..., 0] + 20), order=1)
        np.testing.assert_allclose(read[..., 0], expected, atol=1e-5)


# All


def test_the_draws_of_copies_are_numbers_of_their_own():
    single, pair = draws(3).uniform(0), draws(3, copies=2).uniform(0)

    assert single.shape == (3,)
    assert len(np.unique(pair)) == 6


def test_an_unknown_distortion_is_named():
    with pytest.raises(UsageError, match=r"unknown name 'elastik'.*'elastic'"):
        distortions.distort_by("elastik")
