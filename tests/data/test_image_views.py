"""How an image is seen in training and in testing, by pixel."""

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data import image_views
from cai_keras.data.image_views import EvaluationView, TrainingView
from cai_keras.data.row_random import RowRandom

MEAN = (10.0, 20.0, 30.0)
WHOLE = TrainingView(16, MEAN, area=(1.0, 1.0), aspect=(1.0, 1.0))


def random_of(step=0, row=0, seed=0):
    row = tf.constant([row], tf.int64)
    return RowRandom(seed, tf.constant(step, tf.int64), row, batch_size=8)


def jpeg(image):
    return tf.io.encode_jpeg(image, quality=100)


def grey_steps(height, width):
    """Every column has a level of its own, from black on the left to white."""
    levels = np.linspace(0, 255, width).round().astype(np.uint8)
    return np.broadcast_to(levels[None, :, None], (height, width, 3))


def test_the_middle_of_the_resized_image_is_tested():
    # 40 x 80 becomes 20 x 40; 16 x 16 of it start at row 2 and column 12: the middle.
    image = grey_steps(40, 80)

    found = image_views.view_for_evaluation(jpeg(image), EvaluationView(16, 20, MEAN))

    halved = image.reshape(20, 2, 40, 2, 3).mean(axis=(1, 3))
    expected = halved[2:18, 12:28] - MEAN
    np.testing.assert_allclose(found, expected, atol=3)


def test_a_crop_of_the_whole_is_the_whole_resized_perhaps_flipped():
    image = grey_steps(32, 32)
    expected = image.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3)) - MEAN

    views = np.stack(
        [
            image_views.view_for_training(jpeg(image), WHOLE, random_of(row=r))
            for r in range(8)
        ]
    )

    is_flipped = views[:, 0, 0, 0] > views[:, 0, -1, 0]
    # Not all of eight fair coins fall alike, but for one seed of 128.
    assert 0 < is_flipped.sum() < 8
    for view, flipped in zip(views, is_flipped, strict=True):
        np.testing.assert_allclose(view[:, ::-1] if flipped else view, expected, atol=3)


def test_windows_are_even_in_area_and_aspect_and_lie_inside():
    view = TrainingView(16, MEAN, area=(0.08, 1.0), aspect=(0.75, 1.3333))
    shape = tf.constant([400, 800, 3])

    windows = np.stack(
        [image_views.sample_window(shape, view, random_of(step=s)) for s in range(400)]
    )

    top, left, height, width = windows.T
    assert (windows[:, :2] >= 0).all()
    assert (top + height).max() <= 400
    assert (left + width).max() <= 800
    fitting = height * width < 320_000  # one try of ten at least
    assert fitting.mean() > 0.98
    area = (height * width / 320_000)[fitting]
    aspect = (width / height)[fitting]
    # A crop of 400 x 533 at most: areas from 0.08 to 0.67, those above 0.38 less often.
    assert 0.08 <= area.min() < 0.1
    assert 0.55 < area.max() < 0.67
    assert 0.74 < aspect.min() < 0.8
    assert 1.25 < aspect.max() < 1.35
    # As many areas from 0.08 to 0.23 as from 0.23 to 0.38, within five deviations.
    small, large = (area < 0.23).sum(), ((area >= 0.23) & (area < 0.38)).sum()
    assert abs(small - large) < 5 * np.sqrt(small + large)


def test_windows_of_a_square_image_have_half_of_its_area_on_average():
    view = TrainingView(16, MEAN, area=(0.08, 1.0), aspect=(1.0, 1.0))
    shape = tf.constant([100, 100, 3])

    windows = np.stack(
        [image_views.sample_window(shape, view, random_of(step=s)) for s in range(400)]
    )

    # (0.08 + 1) / 2, deviation 0.27 / 20 = 0.013; even sides would give 0.45.
    area = windows[:, 2] * windows[:, 3] / 10_000
    assert abs(area.mean() - 0.54) < 0.04


def test_an_image_in_which_no_window_fits_is_taken_as_a_whole():
    view = TrainingView(16, MEAN, area=(0.9, 1.0), aspect=(1.0, 1.0))

    window = image_views.sample_window(tf.constant([10, 1000, 3]), view, random_of())

    np.testing.assert_array_equal(window, [0, 0, 10, 1000])


def test_turning_keeps_the_middle_and_fills_the_corners_with_the_mean():
    white = jpeg(np.full((32, 32, 3), 255, np.uint8))
    view = TrainingView(16, MEAN, (1.0, 1.0), (1.0, 1.0), rotation_degrees=45.0)

    views = np.stack(
        [image_views.view_for_training(white, view, random_of(row=r)) for r in range(8)]
    )

    np.testing.assert_allclose(
        views[:, 7:9, 7:9], np.subtract(255.0, MEAN) + np.zeros((8, 2, 2, 3)), atol=1
    )
    # Some of eight angles within 45 degrees bring the outside into the corner.
    assert np.abs(views[:, 0, 0]).min() < 1


def test_jitter_adds_one_number_to_each_channel():
    grey = jpeg(np.full((32, 32, 3), 100, np.uint8))
    view = TrainingView(16, MEAN, (1.0, 1.0), (1.0, 1.0), jitter=20.0)

    added = np.stack(
        [image_views.view_for_training(grey, view, random_of(row=r)) for r in range(8)]
    ) - np.subtract(100.0, MEAN)

    assert np.ptp(added, axis=(1, 2)).max() < 0.01
    assert np.abs(added).max() <= 20.5
    assert added[:, 0, 0].std(axis=0).min() > 3  # of 24 numbers uniform within 20
    assert np.abs(added[0, 0, 0, 0] - added[0, 0, 0, 1]) > 0.1


def test_a_view_has_a_crop_by_area_or_by_shorter_side():
    with pytest.raises(ValueError, match="either area or shorter_side"):
        TrainingView(16, MEAN)
    with pytest.raises(ValueError, match="either area or shorter_side"):
        TrainingView(16, MEAN, area=(0.1, 1.0), shorter_side=(20, 30))


def test_scale_augmentation_cuts_a_square_of_the_image_resized():
    # The shorter side of 100 becomes 20 to 40 pixels: 16 of them are 80 to 40 pixels.
    view = TrainingView(16, MEAN, shorter_side=(20, 40))
    shape = tf.constant([100, 150, 3])

    windows = np.stack(
        [image_views.sample_window(shape, view, random_of(step=s)) for s in range(300)]
    )

    top, left, height, width = windows.T
    np.testing.assert_array_equal(height, width)
    expected = {round(1600 / side) for side in range(20, 41)}
    assert set(height) <= expected
    assert {40, 80} <= set(height)  # each is missed by chance once in two million
    assert top.min() >= 0
    assert left.min() >= 0
    assert (top + height).max() <= 100
    assert (left + width).max() <= 150
    assert left.max() > 70  # the place is random, also along the longer side


def test_the_result_is_divided_by_the_deviation():
    grey = jpeg(np.full((32, 32, 3), 100, np.uint8))
    deviation = (2.0, 4.0, 5.0)
    training = TrainingView(
        16, MEAN, (1.0, 1.0), (1.0, 1.0), channel_deviation=deviation
    )
    testing = EvaluationView(16, 20, MEAN, deviation)

    seen = image_views.view_for_training(grey, training, random_of())
    tested = image_views.view_for_evaluation(grey, testing)

    # (100 - 10) / 2, (100 - 20) / 4, (100 - 30) / 5
    np.testing.assert_allclose(seen[8, 8], [45, 20, 14], atol=0.5)
    np.testing.assert_allclose(tested[8, 8], [45, 20, 14], atol=0.5)


def test_ten_views_are_the_middle_the_corners_and_their_mirror_images():
    image = np.zeros((20, 24, 3), np.uint8)
    image[:, :, 0] = np.arange(24) * 10
    image[:, :, 1] = np.arange(20)[:, None] * 12

    views = image_views.ten_views(jpeg(image), EvaluationView(16, 20, (0.0, 0.0, 0.0)))

    # Rows start at 2 of 4 and columns at 4 of 8 in the middle.
    starts = [(2, 4), (0, 0), (0, 8), (4, 0), (4, 8)]
    for view, (row, column) in zip(views[:5], starts, strict=True):
        expected = image[row : row + 16, column : column + 16, :2]
        np.testing.assert_allclose(view[..., :2], expected, atol=12)
        means = np.mean(view[..., :2], axis=(0, 1))
        np.testing.assert_allclose(means, expected.mean(axis=(0, 1)), atol=2)
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])
