"""Labelled images that fit in memory, in an order that any step can start from."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import open_catalogue, open_embedded, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError


@dataclass(frozen=True)
class LabelledImages:
    """A split: float32 images (n, height, width, channels) in [0, 1], int32 labels."""

    images: np.ndarray
    labels: np.ndarray

    def batches(self, batch_size: int, seed: int) -> StepBatches:
        """Endless shuffled batches of {"image", "label"}.

        Every epoch visits each example once, in an order of its own; batches run
        over the ends of epochs, so that all of them are full.
        """
        images, labels = tf.constant(self.images), tf.constant(self.labels)
        count = len(self.labels)

        def make(step, rows):
            index = shuffled_indices(step * batch_size + rows, count, seed)
            return {
                "image": tf.gather(images, index),
                "label": tf.gather(labels, index),
            }

        return StepBatches(make, batch_size)


@dataclass(frozen=True)
class Classification:
    """Train and test splits, and what the record says of them."""

    train: LabelledImages
    test: LabelledImages
    info: LoadedData


def load_classification(spec_text: str) -> Classification:
    """Reads an embedded or TFDS set with features `image` and `label`."""
    spec = DataSpec.parse(spec_text)
    if spec.kind == "folder":
        raise UsageError(f"data spec {spec}: expected tfds:NAME or embedded:NAME")
    builder = (open_embedded if spec.kind == "embedded" else open_catalogue)(spec)
    if not {"image", "label"} <= set(builder.info.features):
        raise UsageError(f"data spec {spec}: has no features image and label")
    train, test = (_read(builder, split) for split in ("train", "test"))
    examples = {"train": len(train.labels), "test": len(test.labels)}
    info = LoadedData(builder.name, str(builder.version), examples)
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
    images = np.stack([row["image"] for row in rows]).astype(np.float32) / 255
    return LabelledImages(images, np.array([row["label"] for row in rows], np.int32))
