"""Labelled images that fit in memory, in an order that any step can start from."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data import source
from cai_keras.data.builders.cifar10_jpeg import Cifar10Jpeg
from cai_keras.data.builders.idx_images import IdxImages, find_file, name_of
from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import (
    open_catalogue,
    open_embedded,
    open_folder,
    read_split,
)
from cai_keras.data.spec import DataSpec
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError


@dataclass(frozen=True)
class LabelledImages:
    """A split: uint8 images (n, height, width, channels), int32 labels (n,)."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        """The images as float32 in [0, 1]: four times the memory."""
        return self.images.astype(np.float32) / 255

    def first(self, count: int | None) -> "LabelledImages":
        """The first images in stored order, or all of them.

        Raises:
            UsageError: there are fewer.
        """
        if count is None:
            return self
        if not 0 < count <= len(self.labels):
            raise UsageError(
                f"{count} images asked for, expected 1 to {len(self.labels)}"
            )
        return LabelledImages(self.images[:count], self.labels[:count])

    def divided(self, count: int) -> tuple["LabelledImages", "LabelledImages"]:
        """All but the last `count` images in stored order, and those.

        Raises:
            UsageError: none would be left.
        """
        left = len(self.labels) - count
        if left < 1:
            raise UsageError(f"{count} of {len(self.labels)} images held out: too many")
        parts = slice(None, left), slice(left, None)
        first, last = (LabelledImages(self.images[p], self.labels[p]) for p in parts)
        return first, last

    def batches(self, batch_size: int, seed: int) -> StepBatches:
        """Endless shuffled batches of {"image", "label"}, images in [0, 1].

        Every epoch visits each example once, in an order of its own; batches run
        over the ends of epochs, so that all of them are full.
        """
        images, labels = tf.constant(self.images), tf.constant(self.labels)
        count = len(self.labels)

        def make(step, rows):
            index = shuffled_indices(step * batch_size + rows, count, seed)
            return {
                "image": tf.cast(tf.gather(images, index), tf.float32) / 255,
                "label": tf.gather(labels, index),
            }

        return StepBatches(make, batch_size)


@dataclass(frozen=True)
class Classification:
    """Train and test splits, and what the record says of them.

    Attributes:
        validation: images that were held out of the training split, if any were.
    """

    train: LabelledImages
    test: LabelledImages
    info: LoadedData
    validation: LabelledImages | None = None


@lru_cache(maxsize=2)  # variants and seeds share it
def load_classification(spec_text: str) -> Classification:
    """Reads a set with features `image` and `label`, whatever the kind of its spec.

    A folder holds CIFAR-10 as JPEG files in `train.zip` and `test.zip`, or the IDX
    files of MNIST or one of its relatives. The content decides the name.

    Raises:
        DataError, UsageError: what is missing or damaged, and the fix.
    """
    spec = DataSpec.parse(spec_text)
    if spec.kind == "folder":
        return _load_folder(spec.folder)
    builder = (open_embedded if spec.kind == "embedded" else open_catalogue)(spec)
    if not {"image", "label"} <= set(builder.info.features):
        raise UsageError(f"data spec {spec}: has no features image and label")
    return _classification(builder, builder.name)


def problems_of(spec_text: str) -> list[str]:
    """What keeps a spec from being read, each with its fix; reads a folder's files."""
    if DataSpec.parse(spec_text).kind != "folder":
        return source.problems_of(spec_text)
    try:
        load_classification(spec_text)
    except DataError as error:
        return [str(error)]
    return []


def _load_folder(folder: Path) -> Classification:
    if (folder / "train.zip").exists():
        return _classification(open_folder(Cifar10Jpeg, folder), "cifar10_jpeg")
    try:
        find_file(folder, "train-images-idx3-ubyte")
    except DataError:
        raise DataError(
            f"{folder}: expected train.zip and test.zip with CIFAR-10 as JPEG files, "
            "or train-images-idx3-ubyte.gz and the three other IDX files of MNIST"
        ) from None
    found = _classification(open_folder(IdxImages, folder), "idx_images")
    parts = [a for s in (found.train, found.test) for a in (s.images, s.labels)]
    return replace(found, info=replace(found.info, name=name_of(parts)))


def _classification(builder: tfds.core.DatasetBuilder, name: str) -> Classification:
    train, test = (_read(builder, split) for split in ("train", "test"))
    examples = {"train": len(train.labels), "test": len(test.labels)}
    info = LoadedData(name, str(builder.version), examples)
    return Classification(train, test, info)


def shuffled_indices(positions, count: int, seed: int) -> tf.Tensor:
    """Example indices at positions of an endless stream: epochs of `count` examples.

    Every epoch is a permutation of its own.

    Args:
        positions: int64 (n,), counted from 0; they may span epochs.
        count: number of examples.
    Returns:
        int64 (n,) in [0, count).
    """
    epoch = tf.cast(positions // count, tf.int32)
    first = tf.fill(tf.shape(epoch), tf.constant(seed, tf.int32))
    seeds = tf.stack([first, tf.ones_like(first), epoch], axis=1)
    # tf.random.experimental.index_shuffle takes one seed only; a batch may span two
    # epochs, and the operation itself takes a seed for each index.
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % count,
        seed=seeds,
        max_index=tf.constant(count - 1, tf.int64),
        rounds=4,
    )


def _read(builder: tfds.core.DatasetBuilder, split: str) -> LabelledImages:
    rows = list(tfds.as_numpy(read_split(builder, split)))
    if not rows:
        raise DataError(f"{builder.name}: split {split!r} is empty")
    images = np.stack([row["image"] for row in rows])
    return LabelledImages(images, np.array([row["label"] for row in rows], np.int32))
