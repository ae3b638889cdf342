"""Labelled images of any size, read one at a time: from memory or from disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data import source
from cai_keras.data.builders.facade_labels import FacadeLabels
from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import (
    open_catalogue,
    open_embedded,
    open_folder,
    open_records,
    read_split,
)
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError, choose
from cai_keras.metrics.mean_iou import IGNORED


@dataclass(frozen=True)
class Source:
    """How one builder names things.

    Attributes:
        title: of the set, for the passport of metrics.
        num_classes: without the pixels that have no class.
        image, label: names of the features.
        ids: the stored numbers of the classes in their order; the numbers themselves
            if None.
        sizes: images of the splits of the whole set.
        training: what a training split is made of, where its name does not say it.
    """

    title: str
    num_classes: int
    image: str = "image"
    label: str = "label"
    ids: tuple[int, ...] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    training: Mapping[str, str] = field(default_factory=dict)

    def classes_of(self, stored: tf.Tensor) -> tf.Tensor:
        """uint8 (..., height, width), 255 for what is no class, of (..., 1)."""
        if self.ids is None:
            return stored[..., 0]
        numbers = np.full(256, IGNORED, np.uint8)
        numbers[list(self.ids)] = np.arange(len(self.ids))
        return tf.gather(numbers, tf.cast(stored[..., 0], tf.int32))


# By the name of the builder.
SOURCES = {
    "context_scenes": Source("context scenes", 8),
    "facade_labels": Source("CMP facades", 12),
    "voc_segmentation": Source(
        "VOC 2012",
        21,
        sizes={"train": 1_464, "train_augmented": 10_582, "validation": 1_449},
        training={"train_augmented": "VOC 2012 and SBD"},
    ),
    "cityscapes": Source(
        "Cityscapes",
        19,
        image="image_left",
        label="segmentation_label",
        # The classes that are evaluated; of the test split there are no labels.
        ids=(7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33),
        sizes={"train": 2_975, "validation": 500},
    ),
}


@dataclass(frozen=True)
class LabelledImages:
    """A split.

    Attributes:
        count: of images.
        read: position, an int64 scalar -> image uint8 (height, width, 3) and label
            uint8 (height, width), 255 where no class is known.
        distances: uint8 (count, height, width), pixels to the cue of the label; None
            where nobody knows it.
    """

    count: int
    read: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    distances: np.ndarray | None = None


@dataclass(frozen=True)
class SegmentationData:
    """What a spec gives.

    Attributes:
        passport: what two mean IoUs must have in common to be compared.
    """

    train: LabelledImages
    test: LabelledImages
    passport: dict[str, str]
    info: LoadedData


def load(data) -> SegmentationData:
    """Opens the two splits of a recipe's data section.

    Raises:
        DataError, UsageError: what is missing or does not fit, and the fix.
    """
    spec = DataSpec.parse(data.spec)
    builder, known = _open(spec)
    if data.num_classes != known.num_classes:
        raise UsageError(
            f"data.num_classes: {data.num_classes}, but {builder.name} has "
            f"{known.num_classes}; try --set data.num_classes={known.num_classes}"
        )
    read = _on_disk if spec.kind == "tfds" else _in_memory
    train, test = (read(builder, known, s) for s in (data.train_split, data.test_split))
    counts = {data.train_split: train.count, data.test_split: test.count}
    is_part = any(count != known.sizes.get(s, count) for s, count in counts.items())
    name = f"{builder.name}_subset" if is_part else builder.name
    passport = {
        "images": f"{known.title} {data.test_split}",
        "training images": known.training.get(
            data.train_split, f"{known.title} {data.train_split}"
        ),
    }
    examples = {"train": train.count, "test": test.count}
    info = LoadedData(name, str(builder.version), examples)
    return SegmentationData(train, test, passport, info)


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    spec = DataSpec.parse(spec_text)
    if spec.kind == "embedded":
        return source.problems_of(spec_text)
    try:
        builder, _ = _open(spec)
        if spec.kind == "tfds":
            open_records(builder, "validation")
    except (DataError, UsageError) as error:
        return [str(error)]
    return []


def _open(spec: DataSpec) -> tuple[tfds.core.DatasetBuilder, Source]:
    """The builder of a spec; a folder holds pairs of facades and their labels."""
    if spec.kind == "folder":
        builder = open_folder(FacadeLabels, spec.folder)
    elif spec.kind == "embedded":
        builder = open_embedded(spec)
    else:
        builder = open_catalogue(spec)
    return builder, choose(f"data spec {spec}", builder.name, SOURCES)


def _in_memory(builder, known: Source, split: str) -> LabelledImages:
    """All images of a split at once; they are of one size."""
    rows = list(tfds.as_numpy(read_split(builder, split)))
    images = tf.constant(np.stack([row[known.image] for row in rows]))
    stored = np.stack([row[known.label] for row in rows])
    labels = tf.constant(known.classes_of(stored))
    distances = None
    if "distance" in builder.info.features:
        distances = np.stack([row["distance"][..., 0] for row in rows])
    return LabelledImages(
        len(rows), lambda n: (tf.gather(images, n), tf.gather(labels, n)), distances
    )


def _on_disk(builder, known: Source, split: str) -> LabelledImages:
    records, features = open_records(builder, split), builder.info.features
    if len(records) == 0:
        raise DataError(f"{builder.name}: split {split!r} is empty")

    def read(position):
        record = tf.numpy_function(
            lambda n: records[int(n)], [position], tf.string, stateful=False
        )
        example = features.deserialize_example(tf.ensure_shape(record, []))
        image, stored = example[known.image], example[known.label]
        return image, tf.ensure_shape(known.classes_of(stored), [None, None])

    return LabelledImages(len(records), read)
