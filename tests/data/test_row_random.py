"""Random numbers by step and row, and augmentation with given numbers."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.data.augmentation import crop_and_flip
from cai_keras.data.row_random import RowRandom


def _rows(*numbers):
    return tf.constant(numbers, tf.int64)


def _random(rows, step=5, seed=1, size=8):
    return RowRandom(seed, tf.constant(step, tf.int64), rows, size)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=8))
@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_a_row_has_its_numbers_whichever_others_are_asked_for(kind, rows):
    whole = getattr(_random(_rows(*range(8))), kind)(0, (3,)).numpy()

    some = getattr(_random(_rows(*rows)), kind)(0, (3,)).numpy()

    np.testing.assert_array_equal(some, whole[rows])


def test_steps_streams_and_seeds_have_numbers_of_their_own():
    rows = _rows(*range(8))
    draws = [
        _random(rows).uniform(0),
        _random(rows).uniform(1),
        _random(rows, step=6).uniform(0),
        _random(rows, seed=2).uniform(0),
    ]

    assert len({tuple(draw.numpy()) for draw in draws}) == 4


def test_bounds_and_types_are_those_asked_for():
    found = _random(_rows(*range(8))).uniform(0, (50,), maxval=3, dtype=tf.int32)

    assert found.dtype == tf.int32
    assert set(np.unique(found)) == {0, 1, 2}
    moved = _random(_rows(*range(8))).normal(0, (200,), mean=7.0, stddev=0.1)
    assert float(tf.reduce_mean(moved)) == pytest.approx(7.0, abs=0.02)


@pytest.fixture
def image():
    """One image whose pixel (r, c) is 10 r + c + 1."""
    levels = 10 * np.arange(3)[:, None] + np.arange(4)[None] + 1
    return tf.constant(levels[None, :, :, None], tf.float32)


@pytest.mark.parametrize(
    ("offsets", "flip", "expected"),
    [
        ((1, 1), False, [[1, 2, 3, 4], [11, 12, 13, 14], [21, 22, 23, 24]]),
        ((1, 1), True, [[4, 3, 2, 1], [14, 13, 12, 11], [24, 23, 22, 21]]),
        ((0, 0), False, [[0, 0, 0, 0], [0, 1, 2, 3], [0, 11, 12, 13]]),
        ((2, 2), False, [[12, 13, 14, 0], [22, 23, 24, 0], [0, 0, 0, 0]]),
        ((2, 0), True, [[13, 12, 11, 0], [23, 22, 21, 0], [0, 0, 0, 0]]),
    ],
)
def test_a_crop_by_hand(image, offsets, flip, expected):
    found = crop_and_flip(image, 1, tf.constant([offsets]), tf.constant([flip]))

    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_every_image_has_a_crop_of_its_own(image):
    both = tf.concat([image, image], axis=0)
    offsets = tf.constant([[1, 1], [0, 0]])

    found = crop_and_flip(both, 1, offsets, tf.constant([False, False]))

    assert found[0, 0, 0, 0] == 1
    assert found[1, 0, 0, 0] == 0
