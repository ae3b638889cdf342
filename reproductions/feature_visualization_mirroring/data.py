"""What is mirrored: white noise, luminance of natural images, or their colours."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from skimage.color import rgb2gray
from skimage.measure import block_reduce

from cai_keras.data.classification import (
    LabelledImages,
    load_classification,
    problems_of,
    shuffled_indices,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError, choose

__all__ = ["MirrorData", "load", "problems_of"]

_NOISE_SEED = 0x6E6F6973  # the test images are the same for every run


@dataclass(frozen=True)
class MirrorData:
    """Images to mirror.

    Attributes:
        batches: (batch size, seed) -> StepBatches of {"image": float32 (batch, side,
            side, channels)}.
        test: float32 (n, side, side, channels).
        some_train: number -> the same of the first training images; None where every
            batch is new.
        value_range: largest minus smallest possible value, the peak of a PSNR; None
            for noise, which has no bounds.
        info: for the record.
    """

    batches: Callable[[int, int], StepBatches]
    test: np.ndarray
    some_train: Callable[[int], np.ndarray] | None
    value_range: float | None
    info: LoadedData


def load(settings) -> MirrorData:
    """The images of a recipe's `data` section.

    Raises:
        DataError, UsageError: what is missing or of the wrong kind.
    """
    return choose("data.signal", settings.signal, SIGNALS)(settings)


def load_noise(settings) -> MirrorData:
    """Independent pixels N(0, 1); every step draws new ones."""
    shape = (settings.side, settings.side, 1)

    def batches(batch_size, seed):
        def make(step, rows):
            return {"image": RowRandom(seed, step, rows, batch_size).normal(0, shape)}

        return StepBatches(make, batch_size)

    count = settings.noise_test_images
    rng = np.random.default_rng(_NOISE_SEED)
    test = rng.standard_normal((count, *shape), np.float32)
    return MirrorData(batches, test, None, None, white_noise(settings.side, count))


def white_noise(side: int, test_images: int) -> LoadedData:
    """What the record says of noise: nobody's data set, drawn here."""
    return LoadedData("white_noise", f"{side}x{side}", {"test": test_images})


def load_luminance(settings) -> MirrorData:
    """Grey images, reduced by averaging, with mean 0 and variance 1 over the training.

    Raises:
        UsageError: the images are not coloured squares that `side` divides.
    """
    found, train_split = _coloured(settings)
    train, test = (
        reduced_luminance(split.images, settings.side)
        for split in (train_split, found.test)
    )
    mean, deviation = train.mean(), train.std()
    train, test = (train - mean) / deviation, (test - mean) / deviation
    kept = tf.constant(train)

    def batches(batch_size, seed):
        def make(step, rows):
            position = step * batch_size + rows
            index = shuffled_indices(position, len(train), seed)
            return {"image": tf.gather(kept, index)}

        return StepBatches(make, batch_size)

    value_range = float(1 / deviation)
    return MirrorData(batches, test, lambda n: train[:n], value_range, found.info)


def reduced_luminance(images: np.ndarray, side: int) -> np.ndarray:
    """Luminance in [0, 1], float32 (n, side, side, 1), of uint8 (n, s, s, 3)."""
    size = images.shape[1]
    if images.shape[1:] != (size, size, 3) or size % side:
        raise UsageError(
            f"data.side: {side}; expected colour images whose side it divides, found "
            f"{images.shape[1:]}"
        )
    block = (1, size // side, size // side)
    reduced = block_reduce(rgb2gray(images), block, np.mean)
    return reduced[..., None].astype(np.float32)


def load_colour(settings) -> MirrorData:
    """Colours in [-1, 1], as in the notebook."""
    found, train = _coloured(settings)

    def batches(batch_size, seed):
        return scaled_batches(train, batch_size, seed)

    def some_train(count):
        return to_signed(train.images[:count])

    test = to_signed(found.test.images)
    return MirrorData(batches, test, some_train, 2.0, found.info)


def to_signed(images: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1


def scaled_batches(images: LabelledImages, batch_size: int, seed: int) -> StepBatches:
    """{"image", "label"} with images in [-1, 1]."""
    plain = images.batches(batch_size, seed)

    def make(step, rows):
        batch = plain.make(step, rows)
        return {**batch, "image": 2 * batch["image"] - 1}

    return StepBatches(make, batch_size)


def _coloured(settings):
    found = load_classification(settings.spec)
    if found.train.images.shape[-1] != 3:
        raise UsageError(
            f"data spec {settings.spec}: expected colour images, found "
            f"{found.train.images.shape[1:]}"
        )
    return found, found.train.first(settings.train_images)


SIGNALS = {"colour": load_colour, "luminance": load_luminance, "noise": load_noise}
