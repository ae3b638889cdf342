"""Training batches: distorted digits, and triplets for co-localisation."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from cai_keras.data.classification import LabelledImages, shuffled_indices
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import choose

from .distortions import Draws, distort_by, to_float

# Streams of `Draws` from 0 on are the distortions'.
_OTHERS, _PARTNER, _CORNER = 20, 21, 22


@dataclass(frozen=True)
class Task:
    """One entry of the recipe's `data.tasks`.

    Attributes:
        settings: of the distortion, by its names in the recipe.
    """

    name: str
    settings: Any

    @classmethod
    def of(cls, recipe) -> "Task":
        """The task that the recipe names."""
        tasks = dict(recipe.data.tasks)
        name = recipe.data.task
        return cls(name, choose("data.task", name, tasks))

    @property
    def side(self) -> int:
        return self.settings.side

    @property
    def digits(self) -> int:
        """Digits in an image, each in a channel of its own; the label is their sum."""
        return self.settings.digits

    @property
    def has_angle(self) -> bool:
        """Whether one digit is turned."""
        return self.digits == 1 and self.settings.distortion == "similarity"

    @property
    def num_classes(self) -> int:
        """Sums from 0 to 9 for each digit."""
        return 9 * self.digits + 1


def distort(
    digits: LabelledImages, task: Task, chosen, seed: int, step, rows, batch_size: int
) -> dict[str, tf.Tensor]:
    """Distorted images of chosen digits.

    Args:
        chosen: int (n, task.digits), indices of the digits of each image.
        seed, step, rows, batch_size: of the random numbers, as in `RowRandom`.
    Returns:
        "image" (n, side, side, digits) in [0, 1], "label", and of the first digit
        "angle" and "centre" as in `TestSet`.
    """
    draws = Draws(RowRandom(seed, step, rows, batch_size), task.digits)
    flat = tf.reshape(chosen, [-1])
    images = to_float(tf.gather(digits.images, flat))
    pool = tf.constant(digits.images)
    found = distort_by(task.settings.distortion)(images, pool, task.settings, draws)
    side = task.side
    # One image after the other becomes one channel after the other.
    channels = tf.reshape(found.image, [-1, task.digits, side, side])
    labels = tf.gather(digits.labels, chosen)
    return {
        "image": tf.transpose(channels, [0, 2, 3, 1]),
        "label": tf.reduce_sum(labels, axis=1),
        "angle": found.angle[:: task.digits],
        "centre": found.centre[:: task.digits] * (2 / (side - 1)) - 1,
    }


def distorted_batches(
    digits: LabelledImages, task: Task, batch_size: int, seed: int
) -> StepBatches:
    """Endless batches of {"image", "label"}: each digit once an epoch.

    Distortions are new at every step; further digits of an image are drawn from the
    whole split.
    """
    count = len(digits.labels)

    def make(step, rows):
        first = shuffled_indices(step * batch_size + rows, count, seed)
        others = RowRandom(seed, step, rows, batch_size).uniform(
            _OTHERS, [task.digits - 1], maxval=count, dtype=tf.int64
        )
        chosen = tf.concat([first[:, None], others], axis=1)
        made = distort(digits, task, chosen, seed, step, rows, batch_size)
        return {"image": made["image"], "label": made["label"]}

    return StepBatches(make, batch_size)


def triplet_batches(images, crop_side: int, batch_size: int, seed: int) -> StepBatches:
    """Pairs of different images of a fixed set, and a random crop of the first one.

    Args:
        images: float32 (n, side, side, 1), n >= 2.
    Returns:
        batches of {"image", "partner": (batch, side, side, 1), "crop": (batch,
        crop_side, crop_side, 1)}.
    """
    images = tf.constant(images)
    count, side = images.shape[:2]

    def make(step, rows):
        random = RowRandom(seed, step, rows, batch_size)
        first = shuffled_indices(step * batch_size + rows, count, seed)
        ahead = random.uniform(_PARTNER, minval=1, maxval=count, dtype=tf.int64)
        image = tf.gather(images, first)
        corner = random.uniform(
            _CORNER, [2], maxval=side - crop_side + 1, dtype=tf.int32
        )
        line = corner[:, None] + tf.range(crop_side)[None, :, None]
        crop = tf.gather(image, line[..., 0], axis=1, batch_dims=1)
        crop = tf.gather(crop, line[..., 1], axis=2, batch_dims=1)
        partner = tf.gather(images, (first + ahead) % count)
        return {"image": image, "partner": partner, "crop": crop}

    return StepBatches(make, batch_size)
