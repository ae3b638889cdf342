"""Three kinds of data: ImageNet on disk, images in memory, and the global-cue task."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from cai_keras.data import classification
from cai_keras.data.augmentation import crop_and_flip
from cai_keras.data.classification import LabelledImages, load_classification
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.imagenet import (
    EvaluationView,
    TrainingView,
    evaluation_batches,
    open_imagenet,
    training_batches,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.spec import DataSpec
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError

CUE_SIDE = 24
_CELL = CUE_SIDE // 2
_BLOTCH = 4  # pixels of the background that share their noise


@dataclass(frozen=True)
class Task:
    """What a variant trains and is tested on.

    Attributes:
        batches: of training, {"image", "label"}.
        test: gives the test images once, as (images, labels) of any number.
        image_shape: (height, width, channels).
        info: for the record.
    """

    batches: StepBatches | ExampleBatches
    test: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
    image_shape: tuple[int, int, int]
    info: LoadedData


def load_imagenet(data, seed: int) -> Task:
    """Crops of random size, shape and place; the middle of each test image."""
    images, settings = open_imagenet(data.spec), data.imagenet
    mean = tuple(settings.channel_mean)
    training = TrainingView(
        side=data.image_side,
        channel_mean=mean,
        area=tuple(settings.crop_area),
        aspect=tuple(settings.crop_aspect),
        rotation_degrees=settings.rotation_degrees,
        jitter=settings.jitter,
    )
    testing = EvaluationView(data.image_side, settings.shorter_side, mean)
    test = evaluation_batches(images.test, testing, data.batch_size)
    return Task(
        training_batches(images.train, training, data.batch_size, seed),
        test.as_numpy_iterator,
        (data.image_side, data.image_side, 3),
        images.info,
    )


def load_in_memory(data, seed: int) -> Task:
    """Images less the training set's mean colour, shifted and flipped at random."""
    train, test, info = _pooled(data.spec, data.in_memory.pool)
    return _task(train, test, info, data.batch_size, data.in_memory.padding, seed)


def load_global_cue(data, seed: int) -> Task:
    """The task of `make_cue_images`; the same images for every seed."""
    if DataSpec.parse(data.spec).kind == "folder":
        raise UsageError(
            f"data spec {data.spec}: the global-cue variants make their own images; "
            "leave --data out"
        )
    settings = data.global_cue
    train, test = (
        make_cue_images(count, settings.tint, settings.noise, stream)
        for stream, count in enumerate((settings.train, settings.test))
    )
    examples = {"train": settings.train, "test": settings.test}
    info = LoadedData("global_cue", "1.0.0", examples)
    return _task(train, test, info, data.batch_size, 0, seed)


LOADERS = {
    "imagenet": load_imagenet,
    "in_memory": load_in_memory,
    "global_cue": load_global_cue,
}


def make_cue_images(
    count: int, tint: float, noise: float, stream: int
) -> LabelledImages:
    """A red and a green object, one a circle and one a square; which is meant?

    The mean blue of the whole background says it: above grey the red object, below
    grey the green one. The label is the shape of the object that is meant. In any small
    part of the background the tint is hidden under noise whose mean over the whole is
    exactly 0, so that the cue can be seen in the whole image only.

    Args:
        tint: of the background's mean blue, in levels of 255, to either side.
        noise: standard deviation of the background's 4x4 blotches, in levels of 255.
        stream: images of different streams are different.
    Returns:
        uint8 images (count, 24, 24, 3), and int32 labels: 0 circle, 1 square.
    """
    rng = np.random.default_rng([0x637565, stream])
    is_bluish, red_is_square = rng.integers(0, 2, (2, count)).astype(bool)
    is_red, is_green = _two_objects(rng, count, red_is_square)
    blotches = rng.normal(0, noise, (count, CUE_SIDE // _BLOTCH, CUE_SIDE // _BLOTCH))
    blue = blotches.repeat(_BLOTCH, axis=1).repeat(_BLOTCH, axis=2)
    background = ~(is_red | is_green)
    blue -= blue.mean(axis=(1, 2), where=background, keepdims=True)
    blue += np.where(is_bluish, tint, -tint)[:, None, None]
    levels = np.zeros((count, CUE_SIDE, CUE_SIDE, 3))
    levels[..., 2] = blue * background
    contrast = is_red.astype(float) - is_green  # 1 red, -1 green
    levels[..., :2] = contrast[..., None] * [70, -70]
    # Of red and green only: it would blur the cue.
    levels[..., :2] += rng.normal(0, 10, levels[..., :2].shape)
    images = np.clip(np.round(128 + levels), 0, 255).astype(np.uint8)
    return LabelledImages(images, (is_bluish == red_is_square).astype(np.int32))


def _two_objects(rng, count: int, red_is_square) -> tuple[np.ndarray, np.ndarray]:
    """Masks (count, 24, 24) of the red and the green object, in different quarters."""
    quarters = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)[:, :2]
    corners = _CELL * np.stack([quarters // 2, quarters % 2], axis=-1)
    middles = corners + _CELL / 2 - 0.5 + rng.uniform(-1.5, 1.5, corners.shape)
    radius = rng.uniform(3.5, 4.5, (count, 2))
    grid = np.stack(np.mgrid[:CUE_SIDE, :CUE_SIDE], axis=-1)
    offset = grid - middles[:, :, None, None]  # (count, 2, 24, 24, 2)
    circles = np.hypot(*np.moveaxis(offset, -1, 0)) <= radius[..., None, None]
    # Of the circle's area, so that no mean of a colour tells the shape.
    half_sides = radius * np.sqrt(np.pi) / 2
    squares = np.abs(offset).max(axis=-1) <= half_sides[..., None, None]
    is_square = np.stack([red_is_square, ~red_is_square], axis=1)
    masks = np.where(is_square[..., None, None], squares, circles)
    return masks[:, 0], masks[:, 1]


@lru_cache(maxsize=2)  # variants and seeds share it
def _pooled(spec: str, pool: int) -> tuple[LabelledImages, LabelledImages, LoadedData]:
    """Train, test and what they are, each pixel the mean of pool x pool pixels."""
    found = load_classification(spec)
    sides = found.train.images.shape[1:3]
    if any(side % pool for side in sides):
        raise UsageError(f"data.in_memory.pool: {pool} does not divide {sides}")
    return _pool(found.train, pool), _pool(found.test, pool), found.info


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


def _task(train, test, info, batch_size: int, padding: int, seed: int) -> Task:
    mean = train.images.mean(axis=(0, 1, 2)).astype(np.float32) / 255
    plain = train.batches(batch_size, seed)

    def make(step, rows):
        batch = plain.make(step, rows)
        # Before padding: what comes from outside is the mean colour then.
        image = batch["image"] - mean
        if padding:
            random = RowRandom(seed, step, rows, batch_size)
            offsets = random.uniform(0, [2], maxval=2 * padding + 1, dtype=tf.int32)
            image = crop_and_flip(image, padding, offsets, random.uniform(1) < 0.5)
        return {**batch, "image": image}

    return Task(
        StepBatches(make, batch_size),
        lambda: iter([(test.pixels - mean, test.labels)]),
        train.images.shape[1:],
        info,
    )


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    if not spec_text.startswith("tfds:imagenet"):
        return classification.problems_of(spec_text)
    try:
        open_imagenet(spec_text)
    except DataError as error:
        return [str(error)]
    return []
