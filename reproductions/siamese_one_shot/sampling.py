"""Training batches: pairs by the paper's protocol, and groups of one alphabet."""

import numpy as np
import tensorflow as tf

from cai_keras.data.affine import (
    IDENTITY,
    AffineRanges,
    apply_affine,
    sample_affine,
)
from cai_keras.data.classification import shuffled_indices
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError

from .data import NUM_DRAWERS, Drawings

# Distortions are drawn from a bank of this many: cheap to look up in the input
# pipeline, and far more than one drawing meets in a training.
_BANK = 1 << 16


def sample_pairs(
    drawings: Drawings, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs by the paper's protocol: half of them same, half different.

    Alphabets are uniform, characters uniform within the alphabet, drawers uniform
    and distinct. A different pair is of two characters of one alphabet: each pair
    belongs to one alphabet, as the paper fixes their number per alphabet, and the
    one-shot runs are within an alphabet too.

    Returns:
        int (count, 2), indices into `drawings.flat`; and bool (count,), true for same.
    """
    same = np.arange(count) % 2 == 0
    alphabet = rng.integers(len(drawings.names), size=count)
    size = drawings.sizes[alphabet]
    first = rng.integers(size)
    other = (first + rng.integers(1, size)) % size
    characters = np.stack([first, np.where(same, first, other)], axis=1)
    characters += drawings.starts[alphabet][:, None]
    drawer = rng.integers(NUM_DRAWERS, size=count)
    second = (drawer + rng.integers(1, NUM_DRAWERS, size=count)) % NUM_DRAWERS
    return characters * NUM_DRAWERS + np.stack([drawer, second], axis=1), same


def pair_batches(
    drawings: Drawings,
    num_pairs: int,
    num_distortions: int,
    ranges: AffineRanges,
    batch_size: int,
    seed: int,
) -> StepBatches:
    """A fixed set of pairs, each as drawn and in `num_distortions` distorted copies.

    The paper's training sets: 30,000 pairs with 8 distortions are 270,000 examples.
    Every epoch visits each example once, in an order of its own.

    Returns:
        batches of {"images": float32 (batch, 2, side, side, 1) in
        [0, 1], ink 1; "same": float32 (batch,)}.
    """
    rng = np.random.default_rng([0x70616972, seed])
    pairs, same = sample_pairs(drawings, num_pairs, rng)
    bank = np.concatenate([IDENTITY[None], sample_affine(ranges, _BANK, rng)])
    # Column 0 is the pair as drawn: entry 0 of the bank changes nothing.
    choice = rng.integers(1, _BANK + 1, (num_pairs, 1 + num_distortions, 2), np.int32)
    choice[:, 0] = 0
    tensors = [tf.constant(a) for a in (drawings.flat, pairs, same, bank, choice)]
    images, pairs, same, bank, choice = tensors
    copies = 1 + num_distortions
    per_epoch = num_pairs * copies

    def make(step, rows):
        example = shuffled_indices(step * batch_size + rows, per_epoch, seed)
        pair, copy = example // copies, example % copies
        drawn = tf.gather(images, tf.reshape(tf.gather(pairs, pair), [-1]))
        chosen = tf.gather_nd(choice, tf.stack([pair, copy], axis=1))
        distorted = apply_affine(
            _to_float(drawn), tf.gather(bank, tf.reshape(chosen, [-1]))
        )
        side = images.shape[-1]
        return {
            "images": tf.reshape(distorted, [-1, 2, side, side, 1]),
            "same": tf.cast(tf.gather(same, pair), tf.float32),
        }

    return StepBatches(make, batch_size)


def group_batches(
    drawings: Drawings,
    num_characters: int,
    ranges: AffineRanges,
    quarter_turns: bool,
    num_groups: int,
    seed: int,
) -> StepBatches:
    """Groups of characters of one alphabet, each character by two drawers.

    Every step draws new groups and new distortions. With `quarter_turns` a whole
    group is turned by 0, 90, 180 or 270 degrees: turned characters are new characters
    (Santoro et al. 2016; Vinyals et al. 2016).

    Returns:
        batches of {"images": float32 (groups, 2 * characters, side,
        side, 1) in [0, 1], ink 1}; members 2i and 2i + 1 are the same character.
    """
    if num_characters > drawings.sizes.min():
        raise UsageError(
            f"data.group_characters: {num_characters}; the smallest alphabet has "
            f"{drawings.sizes.min()} characters"
        )
    rng = np.random.default_rng([0x67726F75, seed])
    bank = tf.constant(sample_affine(ranges, _BANK, rng))
    images = tf.constant(drawings.flat)
    starts = tf.constant(drawings.starts, tf.int32)
    sizes = tf.constant(drawings.sizes, tf.int32)
    side, members = images.shape[-1], 2 * num_characters
    largest = int(drawings.sizes.max())

    def make(step, rows):
        uniform = RowRandom(seed, step, rows, num_groups).uniform
        alphabet = uniform(0, [], maxval=len(drawings.names), dtype=tf.int32)
        size = tf.gather(sizes, alphabet)[:, None]
        # The largest k of random scores: k distinct characters, uniformly.
        lottery = uniform(1, [largest])
        lottery = tf.where(tf.range(largest)[None] < size, lottery, -1.0)
        character = tf.math.top_k(lottery, num_characters).indices
        character += tf.gather(starts, alphabet)[:, None]
        drawers = uniform(2, [num_characters, NUM_DRAWERS])
        drawer = tf.math.top_k(drawers, 2).indices
        index = tf.reshape(character[..., None] * NUM_DRAWERS + drawer, [-1])
        chosen = uniform(3, [members], maxval=_BANK, dtype=tf.int32)
        drawn = apply_affine(
            _to_float(tf.gather(images, index)),
            tf.gather(bank, tf.reshape(chosen, [-1])),
        )
        drawn = tf.reshape(drawn, [-1, members, side, side, 1])
        if quarter_turns:
            turns = uniform(4, [], maxval=4, dtype=tf.int32)
            drawn = turn(drawn, turns)
        return {"images": drawn}

    return StepBatches(make, num_groups)


def turn(images: tf.Tensor, turns: tf.Tensor) -> tf.Tensor:
    """Turns each group's images by a number of quarter turns, counter-clockwise.

    Args:
        images: (groups, members, side, side, 1).
        turns: int32 (groups,) in 0..3.
    """
    swapped = tf.transpose(images, [0, 1, 3, 2, 4])
    turns = turns[:, None, None, None, None]
    quarter = tf.where(turns == 1, tf.reverse(swapped, [2]), tf.reverse(swapped, [3]))
    half = tf.where(turns == 2, tf.reverse(images, [2, 3]), images)
    return tf.where(turns % 2 == 1, quarter, half)


def _to_float(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32)[..., None] / 255.0
