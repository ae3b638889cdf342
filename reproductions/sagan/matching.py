"""Two coloured squares in opposite corners: have they the same colour?

They lie before grey noise, or before the pictures of a data set.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cai_keras.data.classification import LabelledImages
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches

NAME, VERSION = "two_squares", "1.0.0"
CLASSES = 2
SQUARE = 6
# First row or column of a square: up to this, or as far from the other edge. Between
# the squares lie 32 - 2 x (6 + 3) = 14 pixels or more, in rows and in columns: a
# position that sees both sees 16 pixels or more.
MAX_OFFSET = 3
# Red, green and blue of 0 to 255.
COLOURS = np.array(
    [
        (230, 25, 25), (25, 230, 25), (25, 25, 230),
        (230, 230, 25), (230, 25, 230), (25, 230, 230),
    ],
    np.float32,
)  # fmt: skip
_GREY, _NOISE = 128, 40  # grey levels, and how far pixels are from them at most
# The test set is drawn with a seed that no run has.
_TEST_SEED = 0x73717561
_SAME, _FIRST, _OTHER, _DIAGONAL, _OFFSETS, _GROUND = range(6)

# Random numbers of rows -> what is behind their squares, float (n, side, side, 3) in
# whole numbers of 0 to 255.
Ground = Callable[[RowRandom], tf.Tensor]


def noise(side: int) -> Ground:
    """Grey, each pixel of a level of its own."""

    def ground(random: RowRandom):
        ends = {"minval": _GREY - _NOISE, "maxval": _GREY + _NOISE + 1}
        level = random.uniform(_GROUND, [side, side, 1], dtype=tf.int32, **ends)
        return tf.repeat(tf.cast(level, tf.float32), 3, axis=-1)

    return ground


def pictures(images: np.ndarray) -> Ground:
    """Pictures of a data set, uint8 (n, side, side, 3), drawn evenly."""
    kept, count = tf.constant(images), len(images)

    def ground(random: RowRandom):
        chosen = random.uniform(_GROUND, maxval=count, dtype=tf.int32)
        return tf.cast(tf.gather(kept, chosen), tf.float32)

    return ground


def training_batches(ground: Ground, batch_size: int, seed: int) -> StepBatches:
    """New pictures at every step: {"image": in [-1, 1], "label"}."""

    def make(step, rows):
        random = RowRandom(seed, step, rows, batch_size)
        drawn, labels = draw(random, ground(random))
        return {"image": drawn / 127.5 - 1, "label": labels}

    return StepBatches(make, batch_size)


def test_set(ground: Ground, count: int) -> LabelledImages:
    """The same for all runs."""
    rows, step = tf.range(count, dtype=tf.int64), tf.constant(0, tf.int64)
    random = RowRandom(_TEST_SEED, step, rows, count)
    drawn, labels = draw(random, ground(random))
    return LabelledImages(drawn.numpy().astype(np.uint8), labels.numpy())


def draw(random: RowRandom, ground: tf.Tensor):
    """Pictures, float32 (n, side, side, 3) in whole numbers of 0 to 255, and labels.

    Label 1, half of all: the squares are of one of six colours, which is drawn evenly;
    0: they are of two different ones. They lie in either pair of opposite corners.
    """
    count = len(COLOURS)
    same = random.uniform(_SAME, maxval=2, dtype=tf.int32)
    first = random.uniform(_FIRST, maxval=count, dtype=tf.int32)
    step = random.uniform(_OTHER, minval=1, maxval=count, dtype=tf.int32)
    second = tf.where(same == 1, first, (first + step) % count)
    mirrored = random.uniform(_DIAGONAL, maxval=2, dtype=tf.int32)
    offsets = random.uniform(_OFFSETS, [2, 2], maxval=MAX_OFFSET + 1, dtype=tf.int32)
    above, below = tf.zeros_like(mirrored), tf.ones_like(mirrored)
    for colour, corner, offset in (
        (first, (above, mirrored), offsets[:, 0]),
        (second, (below, 1 - mirrored), offsets[:, 1]),
    ):
        inside = _inside(tf.stack(corner, axis=1), offset, ground.shape[1])
        filled = tf.gather(tf.constant(COLOURS), colour)[:, None, None]
        ground = tf.where(inside[..., None], filled, ground)
    return ground, same


def _inside(corner, offset, side: int):
    """Whether a pixel is in a square near a corner, (n, side, side).

    Args:
        corner: int32 (n, 2), 1 for the far row or column.
        offset: int32 (n, 2), from the picture's edges.
    """
    start = tf.where(corner == 1, side - SQUARE - offset, offset)[..., None]
    places = tf.range(side)[None, None]
    seen = (places >= start) & (places < start + SQUARE)  # (n, 2, side)
    return seen[:, 0, :, None] & seen[:, 1, None, :]
