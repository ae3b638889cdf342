"""Digits of one size, whatever the data set, and distorted test sets made of them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from cai_keras.data.classification import (
    LabelledImages,
    load_classification,
    problems_of,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.errors import UsageError

from .sampling import Task, distort

__all__ = ["Digits", "TestSet", "load_digits", "make_test_set", "problems_of"]

_TEST_SEED = 1506  # the test images are the same for every run
_MNIST_SIDE, _MNIST_INK = 28, 20
_CHUNK = 500


@dataclass(frozen=True)
class Digits:
    """Train and test digits of one side, and what the record says of them."""

    train: LabelledImages
    test: LabelledImages
    info: LoadedData


@dataclass(frozen=True)
class TestSet:
    """Distorted images, and where in them the digits are.

    Attributes:
        images: float32 (n, side, side, digits) in [0, 1], ink 1.
        labels: int32 (n,): a digit, or the sum of several.
        angles: float32 (n,), of the first digit in radians, clockwise as seen.
        centres: float32 (n, 2), of the first digit: x and y from -1 to +1 over the
            centres of the border pixels.
    """

    images: np.ndarray
    labels: np.ndarray
    angles: np.ndarray
    centres: np.ndarray


@lru_cache(maxsize=4)  # variants and seeds share it
def load_digits(spec: str, side: int) -> Digits:
    """Loads digits and brings them to side x side pixels.

    Digits without MNIST's margin (scikit-learn's have 8 x 8 pixels) are first
    enlarged to 20 x 20 and laid into the middle of 28 x 28.

    Raises:
        UsageError: the images are not grey.
    """
    found = load_classification(spec)
    if found.train.images.shape[-1] != 1:
        raise UsageError(f"data spec {spec}: expected grey digits; try embedded:digits")
    return Digits(_resized(found.train, side), _resized(found.test, side), found.info)


def _resized(split: LabelledImages, side: int) -> LabelledImages:
    images = tf.constant(split.images)
    if images.shape[1] != _MNIST_SIDE:
        images = tf.image.resize(images, [_MNIST_INK, _MNIST_INK])
        images = tf.image.resize_with_crop_or_pad(images, _MNIST_SIDE, _MNIST_SIDE)
    if side != _MNIST_SIDE:
        images = tf.image.resize(images, [side, side], antialias=True)
    rounded = tf.cast(tf.round(tf.cast(images, tf.float32)), tf.uint8)
    return LabelledImages(rounded.numpy(), split.labels)


def make_test_set(
    digits: LabelledImages, task: Task, first: np.ndarray, seed: int = _TEST_SEED
) -> TestSet:
    """Chosen digits in a fixed order, each with a distortion of its own.

    Args:
        first: int (n,), indices of the digits. Further digits of an image are drawn
            from the whole split.
        seed: of the distortions.
    """
    parts = []
    for step, start in enumerate(range(0, len(first), _CHUNK)):
        chunk = first[start : start + _CHUNK]
        others = np.random.default_rng([seed, step]).integers(
            len(digits.labels), size=(len(chunk), task.digits - 1)
        )
        chosen = np.concatenate([chunk[:, None], others], axis=1)
        rows = tf.range(len(chunk), dtype=tf.int64)
        step = tf.constant(step, tf.int64)
        parts.append(distort(digits, task, chosen, seed, step, rows, _CHUNK))
    whole = {
        key: np.concatenate([part[key].numpy() for part in parts]) for key in parts[0]
    }
    return TestSet(whole["image"], whole["label"], whole["angle"], whole["centre"])
