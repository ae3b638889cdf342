"""Images in memory, with noisy labels where asked for, and ImageNet on disk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import tensorflow as tf

from cai_keras.data import classification, imagenet
from cai_keras.data.augmentation import crop_and_flip
from cai_keras.data.classification import LabelledImages, load_classification
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError

Labelled = Iterator[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Task:
    """What a variant trains and is tested on; images as the network sees them.

    Attributes:
        batches: of training, {"image", "label"}.
        test: gives the test images once, as (images, labels) of any number.
        training_sample: gives some training images, not augmented, with the labels
            that are trained on; None where images are on disk.
        info: for the record.
    """

    batches: StepBatches | ExampleBatches
    test: Callable[[], Labelled]
    training_sample: Callable[[], Labelled] | None
    info: LoadedData


def load_in_memory(data, seed: int) -> Task:
    """Standardised images, shifted and flipped at random; labels may be noisy."""
    train, test, info = _reduced(data.spec, data.image_side)
    if data.label_noise:
        rng = np.random.default_rng([0x6E6F6973, seed])
        confusion = confusion_matrix(int(train.labels.max()) + 1, data.label_noise)
        noisy = corrupt(train.labels, confusion, rng)
        train = replace(train, labels=noisy)
    mean, deviation = _moments(train)

    def standardise(pixels):
        return (pixels - mean) / deviation

    plain = train.batches(data.batch_size, seed)

    def make(step, rows):
        batch, random = (
            plain.make(step, rows),
            RowRandom(seed, step, rows, data.batch_size),
        )
        last = 2 * data.crop_padding
        offsets = random.uniform(0, [2], maxval=last + 1, dtype=tf.int32)
        # Standardised first: what comes from outside is the mean colour then.
        image = standardise(batch["image"])
        image = crop_and_flip(
            image, data.crop_padding, offsets, random.uniform(1) < 0.5
        )
        return {**batch, "image": image}

    def once(split):
        return lambda: iter([(standardise(split.pixels), split.labels)])

    sample = LabelledImages(
        train.images[: data.training_sample], train.labels[: data.training_sample]
    )
    return Task(StepBatches(make, data.batch_size), once(test), once(sample), info)


def load_imagenet(data, seed: int) -> Task:
    """Crops of random size, shape and place; the middle of each test image."""
    images, settings = imagenet.open_imagenet(data.spec), data.imagenet
    mean = tuple(settings.channel_mean)
    training = imagenet.TrainingView(
        side=data.image_side,
        channel_mean=mean,
        area=tuple(settings.crop_area),
        aspect=tuple(settings.crop_aspect),
    )
    testing = imagenet.EvaluationView(data.test_side, settings.test_shorter_side, mean)
    batches = imagenet.training_batches(images.train, training, data.batch_size, seed)
    test = imagenet.evaluation_batches(images.test, testing, data.batch_size)
    return Task(batches, test.as_numpy_iterator, None, images.info)


LOADERS = {"in_memory": load_in_memory, "imagenet": load_imagenet}


def confusion_matrix(num_classes: int, noise: float) -> np.ndarray:
    """Q, whose row i is the distribution of the label that class i is given.

    Wang et al. 2017, Section 4.1, after Sukhbaatar et al. 2014 (arXiv:1406.2080):
    1 - noise on the diagonal, noise / (classes - 1) elsewhere.

    Raises:
        UsageError: the noise is not a share.
    """
    if not 0 <= noise <= 1:
        raise UsageError(f"data.label_noise: expected 0 to 1, found {noise}")
    matrix = np.full((num_classes, num_classes), noise / (num_classes - 1))
    np.fill_diagonal(matrix, 1 - noise)
    return matrix


def corrupt(labels: np.ndarray, confusion: np.ndarray, rng) -> np.ndarray:
    """A label for each label, drawn once from its row of the confusion matrix.

    Returns:
        int32 (n,).
    """
    ends = np.cumsum(confusion, axis=1)
    ends[:, -1] = 1.0  # the sum may be a rounding error below it
    drawn = rng.random(len(labels))
    return (drawn[:, None] >= ends[labels]).sum(axis=1).astype(np.int32)


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    if not spec_text.startswith("tfds:imagenet"):
        return classification.problems_of(spec_text)
    try:
        imagenet.open_imagenet(spec_text)
    except DataError as error:
        return [str(error)]
    return []


@lru_cache(maxsize=2)  # variants and seeds share it
def _reduced(spec: str, side: int) -> tuple[LabelledImages, LabelledImages, LoadedData]:
    """Train, test and what they are, at side x side pixels: means of square blocks."""
    found = load_classification(spec)
    height, width, channels = found.train.images.shape[1:]
    if height != width or height % side or channels != 3:
        raise UsageError(
            f"data spec {spec}: expected square colour images with a side that is a "
            f"multiple of {side}, found {height} x {width} x {channels}"
        )
    return _pool(found.train, side), _pool(found.test, side), found.info


def _pool(split: LabelledImages, side: int) -> LabelledImages:
    count, old_side, _, channels = split.images.shape
    block = old_side // side
    if block == 1:
        return split
    blocks = split.images.reshape(count, side, block, side, block, channels)
    means = blocks.mean(axis=(2, 4), dtype=np.float32)
    return replace(split, images=np.round(means).astype(np.uint8))


def _moments(split: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, of pixels in [0, 1]."""
    mean = split.images.mean(axis=(0, 1, 2), dtype=np.float64) / 255
    deviation = split.images.std(axis=(0, 1, 2), dtype=np.float64) / 255
    return mean.astype(np.float32), deviation.astype(np.float32)
