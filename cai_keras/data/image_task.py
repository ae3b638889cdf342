"""Labelled images as a network is trained and tested on them, in memory or on disk.

The `data` section of a recipe that is read here:

    spec: which images
    loader: in_memory or imagenet
    batch_size: of training
    image_side: of what the network is given, for images on disk
    in_memory:
      pool: pixels averaged, in both directions
      augment: whether training images are shifted and flipped at random
      padding: of the random crop, in pixels; 0 for flips only
      normalisation: channel_mean, channel_moments or pixel_mean
      train, test: how many images of each split, in stored order; null for all
      validation: how many images at the end of the training split are held out, for
        errors during training; none if the key is missing
      training_sample: how many training images are also tested on; 0 for none
      ten_crops: whether test images are also seen as ten crops of the padded image
    imagenet:
      crop_area, crop_aspect: of a training crop (Szegedy et al. 2015), or null and
      crop_shorter_side: as in `TrainingView`
      shorter_side: of a test image before its middle is cut out
      channel_mean, channel_deviation, rotation_degrees, jitter, colour_jitter,
      lighting: as in `TrainingView`
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import tensorflow as tf

from cai_keras.data import classification
from cai_keras.data.augmentation import crop_and_flip
from cai_keras.data.classification import (
    Classification,
    LabelledImages,
    load_classification,
)
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.image_views import EvaluationView, TrainingView
from cai_keras.data.imagenet import (
    evaluation_batches,
    open_imagenet,
    training_batches,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError, choose

Labelled = Iterator[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class ImageTask:
    """What a network is trained and tested on; images as it sees them.

    Attributes:
        batches: of training, {"image", "label"}.
        test: gives the test images once, as (images, labels) of any number.
        image_shape: (height, width, channels).
        info: for the record.
        training_sample: gives some training images, not augmented; None where they
            are on disk or none are asked for.
        ten_crops: gives the test images as (images, labels) with ten crops each,
            (n, 10, height, width, channels); None where a recipe does not ask for it.
        validation: gives held-out training images, not augmented; None without any.
    """

    batches: StepBatches | ExampleBatches
    test: Callable[[], Labelled]
    image_shape: tuple[int, int, int]
    info: LoadedData
    training_sample: Callable[[], Labelled] | None = None
    ten_crops: Callable[[], Labelled] | None = None
    validation: Callable[[], Labelled] | None = None


def load_in_memory(data, seed: int) -> ImageTask:
    """Images that are shifted and flipped at random, of a recipe's `data` section."""
    return in_memory_task(read_in_memory(data), data, seed)


def load_imagenet(data, seed: int) -> ImageTask:
    """Random crops in training; the middle, and ten crops, of each test image."""
    images, settings = open_imagenet(data.spec), data.imagenet
    colours = {
        "channel_mean": tuple(settings.channel_mean),
        "channel_deviation": tuple(settings.channel_deviation),
    }
    training = TrainingView(
        side=data.image_side,
        area=_pair(settings.crop_area),
        aspect=_pair(settings.crop_aspect) or (1.0, 1.0),
        shorter_side=_pair(settings.crop_shorter_side),
        rotation_degrees=settings.rotation_degrees,
        jitter=settings.jitter,
        colour_jitter=settings.colour_jitter,
        lighting=settings.lighting,
        **colours,
    )
    # Some papers test on larger images than they train on.
    side = getattr(data, "test_side", data.image_side)
    testing = EvaluationView(side, settings.shorter_side, **colours)

    def tested(ten_crops: bool):
        size = -(-data.batch_size // 10) if ten_crops else data.batch_size
        found = evaluation_batches(images.test, testing, size, ten_crops)
        return found.as_numpy_iterator()

    return ImageTask(
        batches=training_batches(images.train, training, data.batch_size, seed),
        test=lambda: tested(False),
        image_shape=(data.image_side, data.image_side, 3),
        info=images.info,
        ten_crops=lambda: tested(True),
    )


LOADERS = {"imagenet": load_imagenet, "in_memory": load_in_memory}


def load_image_task(data, seed: int) -> ImageTask:
    """By `data.loader`: see this module's text.

    Raises:
        DataError, UsageError: what is missing, and the fix.
    """
    return choose("data.loader", data.loader, LOADERS)(data, seed)


def problems_of(spec_text: str) -> list[str]:
    """What keeps `load_image_task` from reading a spec, each with its fix."""
    if not spec_text.startswith("tfds:imagenet"):
        return classification.problems_of(spec_text)
    try:
        open_imagenet(spec_text)
    except DataError as error:
        return [str(error)]
    return []


def read_in_memory(data) -> Classification:
    """Both splits as `data.in_memory` asks for them, uint8."""
    settings = data.in_memory
    found = _pooled(data.spec, settings.pool)
    train, test, validation = found.train, found.test.first(settings.test), None
    if held_out := getattr(settings, "validation", 0):
        train, validation = train.divided(held_out)
    train = train.first(settings.train)
    examples = {"train": len(train.labels), "test": len(test.labels)}
    if validation is not None:
        examples["validation"] = len(validation.labels)
    info = replace(found.info, examples=examples)
    return Classification(train, test, info, validation)


def in_memory_task(found: Classification, data, seed: int) -> ImageTask:
    """The task of two splits, normalised by what the training split holds."""
    settings = data.in_memory
    normalise = choose(
        "data.in_memory.normalisation", settings.normalisation, NORMALISATIONS
    )(found.train)
    plain = found.train.batches(data.batch_size, seed)

    def make(step, rows):
        batch = plain.make(step, rows)
        # Before padding: what comes from outside is the mean colour then.
        image = normalise(batch["image"])
        if settings.augment:
            padding = settings.padding
            random = RowRandom(seed, step, rows, data.batch_size)
            offsets = random.uniform(0, [2], maxval=2 * padding + 1, dtype=tf.int32)
            image = crop_and_flip(image, padding, offsets, random.uniform(1) < 0.5)
        return {**batch, "image": image}

    def once(split):
        return lambda: iter([(normalise(split.pixels), split.labels)])

    count = settings.training_sample
    sample = once(found.train.first(count)) if count else None
    shape = found.train.images.shape[1:]
    batches = StepBatches(make, data.batch_size)

    def ten_crops():
        images = normalise(found.test.pixels)
        yield ten_crops_of_padded(images, settings.padding), found.test.labels

    return ImageTask(
        batches,
        once(found.test),
        shape,
        found.info,
        sample,
        ten_crops if settings.ten_crops else None,
        once(found.validation) if found.validation is not None else None,
    )


def ten_crops_of_padded(images: np.ndarray, padding: int) -> np.ndarray:
    """Each image itself, moved to the four corners of its padding, and all flipped.

    Ten-crop testing (Krizhevsky et al. 2012, Section 4.1) for images that a network
    sees as a whole; as in training, zeros come from outside.

    Args:
        images: (n, height, width, channels).
        padding: pixels on each side.
    Returns:
        (n, 10, height, width, channels).
    """
    height, width = images.shape[1:3]
    edges = (padding, padding)
    padded = np.pad(images, ((0, 0), edges, edges, (0, 0)))
    last = 2 * padding
    places = [(padding, padding), (0, 0), (0, last), (last, 0), (last, last)]
    views = [padded[:, r : r + height, c : c + width] for r, c in places]
    crops = np.stack(views, axis=1)
    return np.concatenate([crops, crops[:, :, :, ::-1]], axis=1)


def _less_channel_mean(train: LabelledImages) -> Callable:
    mean = train.images.mean(axis=(0, 1, 2)).astype(np.float32) / 255
    return lambda pixels: pixels - mean


def channel_moments(train: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over all pixels, for pixels in [0, 1]."""
    mean = train.images.mean(axis=(0, 1, 2), dtype=np.float64) / 255
    deviation = train.images.std(axis=(0, 1, 2), dtype=np.float64) / 255
    return mean.astype(np.float32), deviation.astype(np.float32)


def _by_channel_moments(train: LabelledImages) -> Callable:
    mean, deviation = channel_moments(train)
    return lambda pixels: (pixels - mean) / deviation


def _less_pixel_mean(train: LabelledImages) -> Callable:
    mean = train.images.mean(axis=0).astype(np.float32) / 255
    return lambda pixels: pixels - mean


# Of pixels in [0, 1].
NORMALISATIONS = {
    "channel_mean": _less_channel_mean,
    "channel_moments": _by_channel_moments,
    "pixel_mean": _less_pixel_mean,
}


@lru_cache(maxsize=2)  # variants and seeds share it
def _pooled(spec: str, pool: int) -> Classification:
    """Both splits, each pixel the mean of pool x pool pixels."""
    found = load_classification(spec)
    sides = found.train.images.shape[1:3]
    if any(side % pool for side in sides):
        raise UsageError(f"data.in_memory.pool: {pool} does not divide {sides}")
    return replace(found, train=_pool(found.train, pool), test=_pool(found.test, pool))


def _pool(split: LabelledImages, pool: int) -> LabelledImages:
    count, height, width, channels = split.images.shape
    if pool == 1:
        return split
    parts = split.images.reshape(
        count, height // pool, pool, width // pool, pool, channels
    )
    # In whole numbers: the mean of float64 copies would need eight times the memory.
    sums = parts.sum(axis=(2, 4), dtype=np.uint16)
    rounded = (sums + pool * pool // 2) // (pool * pool)
    return LabelledImages(rounded.astype(np.uint8), split.labels)


def _pair(values) -> tuple | None:
    return None if values is None else tuple(values)
