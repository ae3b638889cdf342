"""ImageNet from TFDS: read one image at a time, seen as `image_views` says.

Nothing is kept in memory. TFDS's ArrayRecord files can be read at any position, so that
a training batch is a function of its step: prepare the set in that format once,
`tfds build imagenet2012 --file_format=array_record`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.image_views import (
    EvaluationView,
    TrainingView,
    ten_views,
    view_for_evaluation,
    view_for_training,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.source import open_catalogue, open_records
from cai_keras.data.spec import DataSpec
from cai_keras.errors import UsageError


@dataclass(frozen=True)
class EncodedImages:
    """A split of labelled JPEG files, of which any can be read at any time.

    Attributes:
        records: serialised examples by position.
        features: TFDS's description of them.
    """

    records: Sequence[bytes]
    features: Any

    def __len__(self) -> int:
        return len(self.records)

    def read(self, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """JPEG bytes, a string scalar, and int32 label of the example at a position."""
        record = tf.numpy_function(self._record, [position], tf.string, stateful=False)
        record.set_shape([])
        skip = {"image": tfds.decode.SkipDecoding()}
        example = self.features.deserialize_example(record, decoders=skip)
        return example["image"], tf.cast(example["label"], tf.int32)

    def _record(self, position) -> bytes:
        return self.records[int(position)]


@dataclass(frozen=True)
class Imagenet:
    """Training images, and the 50,000 that papers test on (TFDS: `validation`)."""

    train: EncodedImages
    test: EncodedImages
    info: LoadedData


def open_imagenet(spec_text: str) -> Imagenet:
    """Opens TFDS's imagenet2012, or another set with JPEG files and the same splits.

    Raises:
        DataError: it is not prepared, or not in a format with random access.
        UsageError: the spec is no `tfds:` spec, or the set has other features.
    """
    spec = DataSpec.parse(spec_text)
    if spec.kind != "tfds":
        raise UsageError(f"data spec {spec}: expected tfds:NAME for images on disk")
    builder = open_catalogue(spec)
    features = builder.info.features
    if not {"image", "label"} <= set(features):
        raise UsageError(f"data spec {spec}: has no features image and label")
    train, test = (_open_split(builder, split) for split in ("train", "validation"))
    examples = {"train": len(train), "test": len(test)}
    info = LoadedData(builder.name, str(builder.version), examples)
    return Imagenet(train, test, info)


def training_batches(
    images: EncodedImages, view: TrainingView, batch_size: int, seed: int
) -> ExampleBatches:
    """Endless batches of {"image", "label"}, every epoch in an order of its own.

    Returns:
        batches of image: float32 (batch, side, side, 3), 0 to 255 less the mean;
        label: int32 (batch,).
    """
    count = len(images)

    def make(step, row):
        position = shuffled_indices((step * batch_size + row)[None], count, seed)[0]
        encoded, label = images.read(position)
        random = RowRandom(seed, step, row[None], batch_size)
        return {"image": view_for_training(encoded, view, random), "label": label}

    return ExampleBatches(make, batch_size)


def evaluation_batches(
    images: EncodedImages,
    view: EvaluationView,
    batch_size: int,
    ten_crops: bool = False,
) -> tf.data.Dataset:
    """Every image once in stored order, as (image, label); the last batch is partial.

    Returns:
        batches of image: float32 (batch, side, side, 3), 0 to 255 less the mean, over
        the deviation, or (batch, 10, side, side, 3) with ten crops; label: int32
        (batch,).
    """
    see = ten_views if ten_crops else view_for_evaluation

    def load(position):
        encoded, label = images.read(position)
        return see(encoded, view), label

    positions = tf.data.Dataset.range(len(images))
    loaded = positions.map(load, tf.data.AUTOTUNE, deterministic=True)
    return loaded.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _open_split(builder: tfds.core.DatasetBuilder, split: str) -> EncodedImages:
    return EncodedImages(open_records(builder, split), builder.info.features)
