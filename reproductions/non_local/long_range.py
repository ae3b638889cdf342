"""Procedural pictures and videos whose label lies in two places that are far apart."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError

# The test set is drawn with a seed that no run has.
_TEST_SEED = 0x74657374

GLYPH_SIDE = 5
_DRAWN = (
    "..#.. ..#.. ##### ..#.. ..#..",
    "#...# .#.#. ..#.. .#.#. #...#",
    "##### #...# #...# #...# #####",
    "..#.. .#.#. #...# .#.#. ..#..",
    "##### ....# ....# ....# ....#",
    "#.... #.... #.... #.... #####",
    "##### ..... ##### ..... #####",
    "#.#.# #.#.# #.#.# #.#.# #.#.#",
)
# uint8 (8, 5, 5), ink 1.
GLYPHS = np.array(
    [[[c == "#" for c in row] for row in drawn.split()] for drawn in _DRAWN], np.uint8
)
# First row or column of a glyph: this, or as far from the other edge. Between glyphs
# in two corners lie at least 32 - 2 * (3 + 5) = 16 pixels: more than the 15 that
# three 3x3 convolutions with stride 2 see at once.
_MAX_OFFSET = 3
_GLYPH_NOISE = 0.2

_DIRECTIONS = 4
_SPEED = 1.0  # pixels per frame
_LIFE = 3  # frames in which a dot is seen
_RADIUS = 1.0
# (pixels behind the dot, brightness): a frame alone shows the direction.
_TAIL = ((0.0, 1.0), (1.5, 0.7), (3.0, 0.5), (4.5, 0.3))


@dataclass(frozen=True)
class Task:
    """A procedural set.

    Attributes:
        name: of the data set.
        draw: function of a draw, `RowRandom.uniform`, giving {"clip": float32
            (n, *shape) in [0, 1], "label": int32 (n,)}.
    """

    name: str
    draw: Callable

    def batches(self, batch_size: int, seed: int) -> StepBatches:
        """New examples at every step."""

        def make(step, rows):
            return self.draw(RowRandom(seed, step, rows, batch_size).uniform)

        return StepBatches(make, batch_size)

    def test_set(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The same for all runs: (count, *shape) and (count,)."""
        rows, step = tf.range(count, dtype=tf.int64), tf.constant(0, tf.int64)
        drawn = self.draw(RowRandom(_TEST_SEED, step, rows, count).uniform)
        return drawn["clip"].numpy(), drawn["label"].numpy()


def glyph_pairs(frames: int, side: int, num_classes: int) -> Task:
    """Pictures of two glyphs in two corners: the same or not?"""
    if (frames, num_classes) != (1, 2):
        raise UsageError(
            "glyph_pairs: expected data.frames 1 and data.num_classes 2, found "
            f"{frames} and {num_classes}"
        )
    return Task("glyph_pairs", partial(draw_glyph_pairs, side=side))


def moving_dots(frames: int, side: int, num_classes: int) -> Task:
    """Videos of two dots, one after the other: do they move alike or not?"""
    needed = 3 * _LIFE - 1
    if frames < needed or num_classes != 2:
        raise UsageError(
            f"moving_dots: expected data.frames {needed} or more and data.num_classes "
            f"2, found {frames} and {num_classes}"
        )
    return Task("moving_dots", partial(draw_moving_dots, frames=frames, side=side))


def draw_glyph_pairs(draw, side: int) -> dict:
    """Two glyphs in two corners of a noisy picture: label 1 if they are the same."""
    same = draw(0, maxval=2, dtype=tf.int32)
    first = draw(1, maxval=len(GLYPHS), dtype=tf.int32)
    other = first + draw(2, minval=1, maxval=len(GLYPHS), dtype=tf.int32)
    second = tf.where(same == 1, first, other % len(GLYPHS))
    corner = draw(3, maxval=4, dtype=tf.int32)
    other_corner = (corner + draw(4, minval=1, maxval=4, dtype=tf.int32)) % 4
    offsets = draw(5, [2, 2], maxval=_MAX_OFFSET + 1, dtype=tf.int32)
    picture = sum(
        _place(glyph, corner, offsets[:, index], side)
        for index, (glyph, corner) in enumerate(
            ((first, corner), (second, other_corner))
        )
    )
    noise = draw(6, [side, side], maxval=_GLYPH_NOISE)
    picture = (1 - _GLYPH_NOISE) * picture + noise
    return {"clip": tf.repeat(picture[..., None], 3, axis=-1), "label": same}


def _place(glyph, corner, offset, side: int):
    """Float (n, side, side): a glyph near a corner, 1 where ink is."""
    far = tf.stack([corner // 2, corner % 2], axis=1)
    start = tf.where(far == 1, side - GLYPH_SIDE - offset, offset)
    inside = tf.range(side)[None, None] - start[..., None]  # (n, 2, side)
    seen = tf.one_hot(inside, GLYPH_SIDE)  # no pixel of the glyph outside of it: zeros
    ink = tf.gather(tf.constant(GLYPHS, tf.float32), glyph)
    return tf.einsum("nri,nij,ncj->nrc", seen[:, 0], ink, seen[:, 1])


def draw_moving_dots(draw, frames: int, side: int) -> dict:
    """Two dots, each seen for three frames: label 1 if they move alike.

    A third of the videos each: the dots meet in their frames, in opposite halves of
    them; follow one another in the same place; or are apart in space and time. So a
    block over space can relate the first third, one over time the second.
    """
    same = draw(0, maxval=2, dtype=tf.int32)
    first = draw(1, maxval=_DIRECTIONS, dtype=tf.int32)
    other = first + draw(2, minval=1, maxval=_DIRECTIONS, dtype=tf.int32)
    direction = tf.stack([first, tf.where(same == 1, first, other)], axis=1)
    kind = draw(3, maxval=3, dtype=tf.int32)
    start = _starts(draw, meet=kind == 0)
    centre = _centres(draw, side, follow=kind == 1)
    angle = tf.cast(direction, tf.float32) * (2 * np.pi / _DIRECTIONS)
    forward = tf.stack([tf.sin(angle), tf.cos(angle)], axis=-1)  # (n, 2 dots, 2)
    age = tf.range(frames)[None, None] - start[..., None]  # (n, 2 dots, frames)
    passed = (tf.cast(age, tf.float32) - (_LIFE - 1) / 2) * _SPEED
    seen = tf.cast((age >= 0) & (age < _LIFE), tf.float32)
    light = 0.0
    for behind, brightness in _TAIL:
        place = centre[:, :, None] + (passed - behind)[..., None] * forward[:, :, None]
        light = tf.maximum(light, brightness * _spot(place, side))
    # In 256 levels: the exponential's last bits depend on how many rows are made.
    light = tf.round(255 * light * seen[..., None, None]) / 255
    clip = tf.reduce_max(light, axis=1)[..., None]  # over the dots
    return {"clip": tf.repeat(clip, 3, axis=-1), "label": same}


def _starts(draw, meet):
    """int32 (n, 2): the first frame of each dot, the same or one life later."""
    early = draw(4, maxval=_LIFE, dtype=tf.int32)
    together = draw(5, maxval=2 * _LIFE, dtype=tf.int32)
    return tf.where(
        meet[:, None],
        tf.stack([together, together], axis=1),
        tf.stack([early, early + _LIFE], axis=1),
    )


def _centres(draw, side: int, follow):
    """float32 (n, 2 dots, 2): the middles of the paths, rows in opposite halves.

    With 16 pixels in rows 3 or 4 and 11 or 12, or the other way round.
    """
    edge = side // 5
    near = edge + draw(6, [2], maxval=2, dtype=tf.int32)
    is_above = draw(7, maxval=2, dtype=tf.int32)
    above = tf.stack([is_above, 1 - is_above], axis=1)
    rows = tf.where(above == 1, near, side - 1 - near)
    columns = draw(8, [2], minval=edge, maxval=side - edge, dtype=tf.int32)
    centre = tf.cast(tf.stack([rows, columns], axis=-1), tf.float32)
    return tf.where(follow[:, None, None], centre[:, :1], centre)


def _spot(place, side: int):
    """A bell around a place: (..., 2) as row and column gives (..., side, side)."""
    grid = tf.range(side, dtype=tf.float32)
    distance = place[..., None] - grid  # (..., 2, side)
    bell = tf.exp(-tf.square(distance) / (2 * _RADIUS**2))
    return bell[..., 0, :, None] * bell[..., 1, None, :]


TASKS = {"glyph_pairs": glyph_pairs, "moving_dots": moving_dots}
