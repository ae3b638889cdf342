"""Real pictures of one size, which generators learn from and are compared with.

The `data` section of a recipe that is read here:

    spec: labelled images that fit in memory, of any kind that `load_classification`
        reads; or a set of TFDS without labels, such as tfds:celeb_a and tfds:lsun/...
    train_split, test_split: of a set without labels; others have theirs
    train, test: how many pictures of each, in stored order; null for all
    validation: how many at the end of the training split are held out; 0 for none
    crop: pixels of the middle square that is seen; null for the whole picture
    side: pixels of the pictures, in both directions
    channels: 1 or 3
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from cai_keras.data import classification
from cai_keras.data.classification import (
    LabelledImages,
    load_classification,
    shuffled_indices,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.data.picture_files import as_bytes, resize_picture
from cai_keras.data.source import open_catalogue, open_records
from cai_keras.data.spec import DataSpec
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError, choose

# Of red, green and blue, to grey: ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class PictureSplit:
    """A part of a set.

    Attributes:
        count: of pictures.
        head: number -> the first so many, uint8 (number, side, side, channels).
        batches: (batch size, seed) -> endless shuffled batches of {"image"} in [0, 1],
            and of "label" where there are any; every epoch has each picture once.
        labels: int32 (count,); None without any.
    """

    count: int
    head: Callable[[int], np.ndarray]
    batches: Callable[[int, int], StepBatches]
    labels: np.ndarray | None


@dataclass(frozen=True)
class PictureSet:
    """What a generator learns from, and what its pictures are compared with."""

    train: PictureSplit
    test: PictureSplit
    info: LoadedData
    validation: PictureSplit | None = None


@dataclass(frozen=True)
class _Frame:
    """How pictures are seen; see this module's text."""

    side: int
    channels: int
    crop: int | None


def load_picture_set(data) -> PictureSet:
    """By a recipe's section `data`: see this module's text.

    Raises:
        DataError, UsageError: what is missing, and the fix.
    """
    frame = _Frame(data.side, data.channels, data.crop)
    if frame.channels not in (1, 3):
        raise UsageError(f"data.channels: expected 1 or 3, found {frame.channels}")
    if _without_labels(data.spec):
        return _load_stored(data, frame)
    train, test, info = _framed(data.spec, frame)
    validation = None
    if data.validation:
        train, validation = train.divided(data.validation)
    train, test = train.first(data.train), test.first(data.test)
    parts = {"train": train, "test": test}
    if validation is not None:
        parts["validation"] = validation
    counts = {name: len(part.labels) for name, part in parts.items()}
    splits = {name: _in_memory(part) for name, part in parts.items()}
    return PictureSet(info=replace(info, examples=counts), **splits)


def problems_of(spec_text: str) -> list[str]:
    """What keeps a spec from being read, each with its fix."""
    if not _without_labels(spec_text):
        return classification.problems_of(spec_text)
    try:
        open_records(open_catalogue(DataSpec.parse(spec_text)), "train")
    except DataError as error:
        return [str(error)]
    return []


def in_range(batches: StepBatches, output: str) -> StepBatches:
    """Batches whose `image`, in [0, 1], is in the range of a generator's output.

    Args:
        output: tanh, [-1, 1]; sigmoid, [0, 1].
    """
    low, high = choose("generator's output", output, _RANGES)

    def make(step, rows):
        batch = batches.make(step, rows)
        return {**batch, "image": low + (high - low) * batch["image"]}

    return StepBatches(make, batches.batch_size)


_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


def frame_picture(
    picture: np.ndarray, side: int, channels: int, crop: int | None = None
) -> np.ndarray:
    """The middle of a picture, bicubically resized; uint8 (side, side, channels).

    Args:
        picture: uint8 (any, any, 1 or 3).
        crop: pixels of the middle square. None: the largest one.
    Raises:
        UsageError: the picture is smaller than the square.
    """
    height, width = picture.shape[:2]
    seen = min(height, width) if crop is None else crop
    if seen > min(height, width):
        raise UsageError(f"data.crop: {seen} pixels of a picture {height} x {width}")
    top, left = (height - seen) // 2, (width - seen) // 2
    found = picture[top : top + seen, left : left + seen]
    if channels > found.shape[-1]:
        found = np.repeat(found, channels, axis=-1)
    if channels == found.shape[-1] and seen == side:
        return found
    pixels = found.astype(np.float32) / 255
    if channels < found.shape[-1]:
        pixels = (pixels @ _LUMA)[..., None]
    return as_bytes(np.clip(resize_picture(pixels, side, side), 0, 1))


def _framed(spec: str, frame: _Frame):
    """Both splits of labelled images, seen through the frame, and their info."""
    found = load_classification(spec)
    train, test = (
        LabelledImages(
            np.stack(
                [
                    frame_picture(image, frame.side, frame.channels, frame.crop)
                    for image in split.images
                ]
            ),
            split.labels,
        )
        for split in (found.train, found.test)
    )
    return train, test, found.info


def _in_memory(images: LabelledImages) -> PictureSplit:
    return PictureSplit(
        len(images.labels),
        lambda count: images.first(count).images,
        images.batches,
        images.labels,
    )


def _without_labels(spec_text: str) -> bool:
    spec = DataSpec.parse(spec_text)
    return spec.kind == "tfds" and "label" not in open_catalogue(spec).info.features


def _load_stored(data, frame: _Frame) -> PictureSet:
    if data.validation:
        raise UsageError("data.validation: expected 0 for a set without labels")
    builder = open_catalogue(DataSpec.parse(data.spec))
    if "image" not in builder.info.features:
        raise UsageError(f"data spec {data.spec}: has no feature `image`")
    train = _stored(builder, data.train_split, data.train, frame)
    test = _stored(builder, data.test_split, data.test, frame)
    counts = {"train": train.count, "test": test.count}
    info = LoadedData(builder.name, str(builder.version), counts)
    return PictureSet(train, test, info)


def _stored(builder, split: str, most: int | None, frame: _Frame) -> PictureSplit:
    """Pictures that are read when they are asked for."""
    records, features = open_records(builder, split), builder.info.features
    count = len(records) if most is None else min(most, len(records))
    shape = (frame.side, frame.side, frame.channels)

    def frame_one(picture) -> np.ndarray:
        return frame_picture(picture, frame.side, frame.channels, frame.crop)

    def see(position) -> tf.Tensor:
        record = tf.numpy_function(
            lambda number: records[int(number)], [position], tf.string, stateful=False
        )
        record.set_shape([])
        picture = features.deserialize_example(record)["image"]
        picture = tf.numpy_function(frame_one, [picture], tf.uint8, stateful=False)
        return tf.ensure_shape(picture, shape)

    def batches(batch_size: int, seed: int) -> StepBatches:
        def make(step, rows):
            index = shuffled_indices(step * batch_size + rows, count, seed)
            pictures = tf.map_fn(see, index, fn_output_signature=tf.uint8)
            return {"image": tf.cast(pictures, tf.float32) / 255}

        return StepBatches(make, batch_size)

    def head(number: int) -> np.ndarray:
        return np.stack([see(position).numpy() for position in range(number)])

    return PictureSplit(count, head, batches, None)
