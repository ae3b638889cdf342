"""Clips of videos: the paper's training and test pipelines, one function of an index.

Videos stay on disk as encoded frames; only the frames of a clip are decoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError, nearest

# Of the blue, green and red channel in 0..255: what the ImageNet weights expect.
_CHANNEL_MEANS = (103.939, 116.779, 123.68)


class _Encoded(tfds.decode.SkipDecoding):
    """Leaves frames encoded, also for random access, where TFDS's own cannot."""

    def decode_batch_example_np(self, frames):
        return frames


class Videos:
    """Random access to the videos of a split.

    Args:
        builder: with features `video` and `label`, stored as array records.
    Raises:
        DataError: it is not prepared, or not for random access; names the fix.
        UsageError: other features.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, split: str):
        if not {"video", "label"} <= set(builder.info.features):
            raise UsageError(f"{builder.name}: has no features video and label")
        splits = builder.info.splits
        if splits and split.partition("[")[0] not in splits:
            raise DataError(
                f"{builder.name}: no split {split!r}; {nearest(split, splits)}"
            )
        try:
            self._source = builder.as_data_source(split, decoders={"video": _Encoded()})
        except (AssertionError, FileNotFoundError, KeyError, NotImplementedError):
            raise DataError(how_to_prepare(builder)) from None
        if len(self._source) == 0:
            raise DataError(f"{builder.name}: split {split!r} is empty")

    def __len__(self) -> int:
        return len(self._source)

    def read(self, index: int, count: int, stride: int, place: float):
        """`count` encoded frames, every `stride`-th, and the label.

        Args:
            place: where the clip starts among all places, in [0, 1]. A video shorter
                than a clip starts again.
        """
        example = self._source[int(index)]
        frames = example["video"]
        places = max(1, len(frames) - count * stride + 1)
        start = min(int(place * places), places - 1)
        chosen = (start + stride * np.arange(count)) % len(frames)
        return np.array([frames[n] for n in chosen], object), np.int32(example["label"])


def how_to_prepare(builder: tfds.core.DatasetBuilder) -> str:
    """One line: what is missing, and the command that makes it."""
    config = builder.builder_config
    name = f"{builder.name}/{config.name}" if config else builder.name
    return (
        f"tfds:{name} is not prepared for random access in {builder.data_dir}; run: "
        f"tfds build {name} --file_format=array_record"
    )


@dataclass(frozen=True)
class ClipShape:
    """frames, one in stride, of side x side pixels."""

    frames: int
    stride: int
    side: int


def training_batches(
    videos: Videos,
    shape: ClipShape,
    scales: tuple[int, int],
    batch_size: int,
    seed: int,
) -> StepBatches:
    """Random clips: Section 4, "Training".

    64 consecutive frames at a random place, every second one; the shorter side drawn
    from `scales`; a random crop; half of the clips mirrored. Every epoch visits each
    video once.

    Returns:
        batches of {"clip": float32 (batch, frames, side, side, 3), "label"}.
    """

    def make(step, rows):
        random = RowRandom(seed, step, rows, batch_size).uniform
        draws = (
            shuffled_indices(step * batch_size + rows, len(videos), seed),
            random(0),
            random(1, minval=scales[0], maxval=scales[1] + 1, dtype=tf.int32),
            random(2, [2]),
            random(3) < 0.5,
        )

        def one(row):
            index, place, shorter, corner, is_mirrored = row
            frames, label = _read(videos, index, shape, place)
            clip = _crop(_resize(frames, shorter), corner, shape.side)
            clip = tf.where(is_mirrored, clip[:, :, ::-1], clip)
            return _colours(clip), label

        clip, label = tf.map_fn(
            one, draws, fn_output_signature=(_clip_spec(shape), _LABEL), name="clips"
        )
        return {"clip": _without_time(clip, shape), "label": label}

    return StepBatches(make, batch_size)


@dataclass(frozen=True)
class VideoViews:
    """Clips and crops of the first `count` videos, for testing: Section 4, "Inference".

    Iterating gives {"clip": (crops, ...), "label", "owner": number of the video} for
    every clip of every video. Clips are spread over the video from end to end and
    crops over the longer side of the frame; a single one is in the middle.
    """

    videos: Videos
    shape: ClipShape
    count: int
    clips: int
    crops: int

    def __iter__(self) -> Iterator[dict]:
        total = self.count * self.clips
        dataset = tf.data.Dataset.range(total).map(
            self._view, tf.data.AUTOTUNE, deterministic=True
        )
        return dataset.prefetch(2).as_numpy_iterator()

    def _view(self, number):
        owner = number // self.clips
        place = _spread(tf.cast(number % self.clips, tf.float32), self.clips)
        frames, label = _read(self.videos, owner, self.shape, place)
        frames = _resize(frames, self.shape.side)
        along = [_spread(float(k), self.crops) for k in range(self.crops)]
        crops = [_crop(frames, tf.stack([k, k]), self.shape.side) for k in along]
        clip = _without_time(_colours(tf.stack(crops)), self.shape)
        return {
            "clip": clip,
            "label": tf.repeat(label, self.crops),
            "owner": tf.repeat(owner, self.crops),
        }


_LABEL = tf.TensorSpec([], tf.int32)


def _clip_spec(shape: ClipShape) -> tf.TensorSpec:
    return tf.TensorSpec([shape.frames, shape.side, shape.side, 3], tf.float32)


def _spread(number, count: int):
    """Number 0, ..., count - 1 over [0, 1]; 1/2 for a single one."""
    return number / (count - 1) if count > 1 else tf.constant(0.5)


def _read(videos: Videos, index, shape: ClipShape, place):
    """uint8 (frames, height, width, 3), and the label."""
    encoded, label = tf.numpy_function(
        lambda index, place: videos.read(index, shape.frames, shape.stride, place),
        (index, place),
        (tf.string, tf.int32),
        stateful=False,
    )
    encoded, label = tf.ensure_shape(encoded, [shape.frames]), tf.reshape(label, [])
    decode = tf.io.decode_jpeg
    return tf.map_fn(
        lambda f: decode(f, 3), encoded, fn_output_signature=tf.uint8
    ), label


def _resize(frames, shorter):
    """The shorter side becomes `shorter` pixels; float32 in [0, 255]."""
    size = tf.cast(tf.shape(frames)[1:3], tf.float32)
    factor = tf.cast(shorter, tf.float32) / tf.reduce_min(size)
    return tf.image.resize(frames, tf.cast(tf.round(size * factor), tf.int32))


def _crop(frames, corner, side: int):
    """side x side pixels; `corner` in [0, 1] spans the places along both axes."""
    room = tf.cast(tf.shape(frames)[1:3] - side + 1, tf.float32)
    first = tf.cast(tf.minimum(tf.floor(corner * room), room - 1), tf.int32)
    cropped = frames[:, first[0] : first[0] + side, first[1] : first[1] + side]
    return tf.ensure_shape(cropped, [frames.shape[0], side, side, 3])


def _colours(frames):
    return frames[..., ::-1] - tf.constant(_CHANNEL_MEANS)


def to_pixels(clip: np.ndarray) -> np.ndarray:
    """uint8 RGB of what the network saw."""
    return np.clip(clip + np.array(_CHANNEL_MEANS), 0, 255).astype(np.uint8)[..., ::-1]


def _without_time(clip, shape: ClipShape):
    return clip[:, 0] if shape.frames == 1 else clip
