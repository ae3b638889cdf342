"""ImageNet from TFDS: read one image at a time, cropped for training and for testing.

Nothing is kept in memory. TFDS's ArrayRecord files can be read at any position, so that
a training batch is a function of its step: prepare the set in that format once,
`tfds build imagenet2012 --file_format=array_record`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data.affine import apply_affine
from cai_keras.data.classification import shuffled_indices
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.source import open_catalogue, open_records
from cai_keras.data.spec import DataSpec
from cai_keras.errors import UsageError

_ATTEMPTS = 10
# Streams of a row's random numbers.
_AREA, _ASPECT, _CORNER, _FLIP, _ANGLE, _JITTER = range(6)


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


@dataclass(frozen=True)
class TrainingView:
    """How a training image is changed at random.

    Attributes:
        side: of the result, in pixels.
        channel_mean: red, green and blue of 0 to 255, subtracted.
        area: smallest and largest share of the image that a crop has (Szegedy et al.
            2015, arXiv:1409.4842, Section 6).
        aspect: smallest and largest width over height of the crop.
        rotation_degrees: turned by up to this angle to either side.
        jitter: largest number that is added to a channel, or taken from it.
    """

    side: int
    channel_mean: tuple[float, float, float]
    area: tuple[float, float]
    aspect: tuple[float, float]
    rotation_degrees: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True)
class EvaluationView:
    """How a test image is changed: resized, and its middle cut out.

    Attributes:
        side: of the crop, in pixels.
        shorter_side: of the image before the crop.
        channel_mean: as in training.
    """

    side: int
    shorter_side: int
    channel_mean: tuple[float, float, float]


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
    images: EncodedImages, view: EvaluationView, batch_size: int
) -> tf.data.Dataset:
    """Every image once in stored order, as (image, label); the last batch is partial.

    Returns:
        batches of image: float32 (batch, side, side, 3), 0 to 255 less the mean;
        label: int32 (batch,).
    """

    def load(position):
        encoded, label = images.read(position)
        return view_for_evaluation(encoded, view), label

    positions = tf.data.Dataset.range(len(images))
    loaded = positions.map(load, tf.data.AUTOTUNE, deterministic=True)
    return loaded.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def view_for_training(
    encoded: tf.Tensor, view: TrainingView, random: RowRandom
) -> tf.Tensor:
    """A crop of random size, shape and place, perhaps flipped, turned or tinted.

    Args:
        encoded: JPEG bytes, a string scalar.
        random: of one row.
    Returns:
        float32 (side, side, 3), 0 to 255 less the channel mean.
    """
    window = sample_window(tf.image.extract_jpeg_shape(encoded), view, random)
    image = tf.image.decode_and_crop_jpeg(encoded, window, channels=3)
    image = tf.image.resize(image, [view.side, view.side])
    is_flipped = random.uniform(_FLIP)[0] < 0.5
    image = tf.where(is_flipped, image[:, ::-1], image) - tf.constant(view.channel_mean)
    if view.rotation_degrees:
        image = _turn(image, view.rotation_degrees, random)
    if view.jitter:
        ends = {"minval": -view.jitter, "maxval": view.jitter}
        image += random.uniform(_JITTER, [3], **ends)[0]
    return tf.ensure_shape(image, [view.side, view.side, 3])


def sample_window(shape: tf.Tensor, view: TrainingView, random: RowRandom) -> tf.Tensor:
    """The crop of a training image: top, left, height and width, int32 (4,).

    Szegedy et al. 2015, Section 6: the area is even between the two shares, and so is
    the aspect here. The first of ten tries that fits is taken, else the whole image.
    (TensorFlow's own `sample_distorted_bounding_box` is even in the side, not the area:
    its crops are smaller.)

    Args:
        shape: of the image, int32, height and width first.
        random: of one row.
    """
    sides = tf.cast(shape[:2], tf.float32)
    low, high = view.area
    area = random.uniform(_AREA, [_ATTEMPTS], minval=low, maxval=high)[0]
    low, high = view.aspect
    aspect = random.uniform(_ASPECT, [_ATTEMPTS], minval=low, maxval=high)[0]
    area *= tf.reduce_prod(sides)
    tries = tf.round(tf.sqrt(tf.stack([area / aspect, area * aspect], axis=1)))
    fits = tf.reduce_all((tries >= 1) & (tries <= sides), axis=1)
    tries = tf.concat([tf.boolean_mask(tries, fits), sides[None]], axis=0)
    size = tries[0]
    corner = tf.floor(random.uniform(_CORNER, [2])[0] * (sides - size + 1))
    return tf.cast(tf.concat([corner, size], axis=0), tf.int32)


def view_for_evaluation(encoded: tf.Tensor, view: EvaluationView) -> tf.Tensor:
    """The middle of the image, whose shorter side is resized first.

    Args:
        encoded: JPEG bytes, a string scalar.
    Returns:
        float32 (side, side, 3), 0 to 255 less the channel mean.
    """
    image = tf.io.decode_jpeg(encoded, channels=3)
    shape = tf.shape(image)[:2]
    scale = view.shorter_side / tf.reduce_min(shape)
    resized = tf.cast(tf.round(tf.cast(shape, tf.float64) * scale), tf.int32)
    image = tf.image.resize(image, resized)
    top, left = tf.unstack((resized - view.side) // 2)
    image = image[top : top + view.side, left : left + view.side]
    image -= tf.constant(view.channel_mean)
    return tf.ensure_shape(image, [view.side, view.side, 3])


def _turn(image: tf.Tensor, degrees: float, random: RowRandom) -> tf.Tensor:
    """Turned about its middle; corners that come from outside are 0, the mean."""
    angle = random.uniform(_ANGLE, minval=-degrees, maxval=degrees)[0] * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    rows = [[cosine, -sine, 0.0], [sine, cosine, 0.0]]
    return apply_affine(image[None], tf.convert_to_tensor(rows)[None])[0]


def _open_split(builder: tfds.core.DatasetBuilder, split: str) -> EncodedImages:
    return EncodedImages(open_records(builder, split), builder.info.features)
