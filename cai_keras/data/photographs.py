"""Photographs of any size: seen in crops for training, whole for testing.

A network that makes pictures out of pictures needs no labels. Three places have them:

    embedded:pictures: seven photographs; the seed says which ones are for testing
    folder:PATH: pictures of any size and format in train/ and test/
    tfds:coco/2014: or another set with an `image`; tested on its validation split

Only the embedded ones and those for testing are kept in memory.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.loaded import LoadedData
from cai_keras.data.picture_files import as_bytes, find_pictures, read_picture
from cai_keras.data.row_random import RowRandom
from cai_keras.data.source import open_catalogue, open_records
from cai_keras.data.spec import DataSpec
from cai_keras.data.style_pictures import load_style_pictures
from cai_keras.errors import DataError, UsageError, choose

PARTS = ("train", "test")
_EMBEDDED = "embedded:pictures"
_LAYOUT = "a folder with pictures in train/ and test/"
# Streams of random numbers.
_SCALE, _PLACE, _FLIP = range(3)


@dataclass(frozen=True)
class PictureSource:
    """Pictures of which any can be read at any time.

    Attributes:
        count: how many there are.
        read: position, an int64 scalar in [0, count) -> uint8 (height, width, 3).
    """

    count: int
    read: Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Photographs:
    """What a network learns from, and what it is tested on.

    Attributes:
        train: to be read one by one.
        test: name -> float32 (height, width, 3) in [0, 1].
        info: for the record.
    """

    train: PictureSource
    test: Mapping[str, np.ndarray]
    info: LoadedData


@dataclass(frozen=True)
class View:
    """How a photograph is seen in training.

    Attributes:
        name: crop: a random square at a random scale; whole: all of it, squeezed into
            the square, as Johnson et al. 2016 do.
        side: of the square, in pixels.
        scale: smallest and largest; at 0.5 a crop shows what the picture has at half
            of its size. A picture that would be too small then is seen larger.
        flip: half of the pictures are mirrored, left to right.
    """

    name: str
    side: int
    scale: tuple[float, float]
    flip: bool

    def __post_init__(self):
        choose("view", self.name, _VIEWS)


def load_photographs(
    spec_text: str, seed: int, test_count: int, train_count: int | None = None
) -> Photographs:
    """Opens a set of photographs: see this module's text.

    Args:
        seed: which embedded pictures are for testing; other sets have a test part.
        test_count: pictures for testing, the first ones of a test part.
        train_count: the first so many for training; all if None.
    Raises:
        DataError: pictures are missing or cannot be read; names the fix.
        UsageError: another kind of spec, or a set without pictures.
    """
    spec = DataSpec.parse(spec_text)
    if spec.kind == "folder":
        return _from_folder(spec.folder, test_count, train_count)
    if spec.kind == "tfds":
        return _from_catalogue(spec, test_count, train_count)
    if str(spec) != _EMBEDDED:
        raise UsageError(
            f"data spec {spec}: expected {_EMBEDDED}, tfds:NAME, or folder:PATH, "
            f"{_LAYOUT}"
        )
    found = load_style_pictures(_EMBEDDED)
    names = list(found.content)
    if not 0 < test_count < len(names):
        raise UsageError(
            f"{spec}: expected 1 to {len(names) - 1} pictures for testing, asked for "
            f"{test_count}"
        )
    order = np.random.default_rng([0x70686F74, seed]).permutation(len(names))
    held_out = {names[number] for number in order[:test_count]}
    kept = [name for name in names if name not in held_out][:train_count]
    train = in_memory([as_bytes(found.content[name]) for name in kept])
    test = {name: found.content[name] for name in names if name in held_out}
    examples = {"train": train.count, "test": len(test)}
    info = LoadedData(found.info.name, found.info.version, examples, found.info.digest)
    return Photographs(train, test, info)


def problems_of(spec_text: str) -> list[str]:
    """What keeps `load_photographs` from reading a spec, each with its fix."""
    spec = DataSpec.parse(spec_text)
    try:
        if spec.kind == "folder":
            for part in PARTS:
                _files_of(spec.folder / part)
        if spec.kind == "tfds":
            open_records(open_catalogue(spec), "train")
    except DataError as error:
        return [str(error)]
    return []


def crop_batches(
    source: PictureSource,
    view: View,
    batch_size: int,
    seed: int,
    see: Callable[[tf.Tensor], Mapping[str, Any]],
) -> ExampleBatches:
    """Endless batches of squares; every epoch has each picture once.

    Args:
        see: float32 (side, side, 3) in [0, 1], red first -> an example.
    """
    look = _VIEWS[view.name]

    def make(step, row):
        position = (step * batch_size + row)[None]
        index = shuffled_indices(position, source.count, seed)[0]
        random = RowRandom(seed, step, row[None], batch_size)
        square = look(source.read(index), view, random)
        if view.flip:
            flipped = tf.reverse(square, [1])
            square = tf.where(random.uniform(_FLIP)[0] < 0.5, flipped, square)
        return see(tf.ensure_shape(square, (view.side, view.side, 3)))

    return ExampleBatches(make, batch_size)


def in_memory(pictures: Sequence[np.ndarray]) -> PictureSource:
    """A source of uint8 arrays (height, width, 3)."""
    return _source(len(pictures), lambda position: pictures[position])


def _crop(picture: tf.Tensor, view: View, random: RowRandom) -> tf.Tensor:
    """A square of the picture anywhere, resized: bicubic, means where it shrinks."""
    sides = tf.shape(picture)[:2]
    low, high = view.scale
    scale = random.uniform(_SCALE, minval=low, maxval=high)[0]
    wanted = tf.cast(tf.round(view.side / scale), tf.int32)
    seen = tf.minimum(wanted, tf.reduce_min(sides))
    room = sides - seen
    drawn = random.uniform(_PLACE, [2])[0] * tf.cast(room + 1, tf.float32)
    top, left = tf.unstack(tf.minimum(tf.cast(drawn, tf.int32), room))
    return _resized(picture[top : top + seen, left : left + seen], view.side)


def _whole(picture: tf.Tensor, view: View, random: RowRandom) -> tf.Tensor:
    return _resized(picture, view.side)


_VIEWS = {"crop": _crop, "whole": _whole}


def _resized(picture: tf.Tensor, side: int) -> tf.Tensor:
    pixels = tf.cast(picture, tf.float32) / 255
    found = tf.image.resize(pixels, [side, side], "bicubic", antialias=True)
    return tf.clip_by_value(found, 0.0, 1.0)


def _from_folder(folder: Path, test_count: int, train_count) -> Photographs:
    train, test = (_files_of(folder / part) for part in PARTS)
    train, test = train[:train_count], test[:test_count]
    source = _source(
        len(train), lambda position: as_bytes(read_picture(train[position]))
    )
    pictures = {path.stem: read_picture(path) for path in test}
    examples = {"train": len(train), "test": len(pictures)}
    info = LoadedData("photographs", "files", examples, _digest([*train, *test]))
    return Photographs(source, pictures, info)


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected {_LAYOUT}")
    found = find_pictures(folder)
    if not found:
        raise DataError(f"{folder}: no pictures; expected {_LAYOUT}")
    return found


def _from_catalogue(spec: DataSpec, test_count: int, train_count) -> Photographs:
    builder = open_catalogue(spec)
    if "image" not in builder.info.features:
        raise UsageError(f"data spec {spec}: has no feature `image`")
    train, test = (_records_of(builder, split) for split in ("train", "validation"))
    if train_count is not None:
        train = PictureSource(min(train_count, train.count), train.read)
    pictures = {
        f"{position:04d}": test.read(position).numpy().astype(np.float32) / 255
        for position in range(min(test_count, test.count))
    }
    examples = {"train": train.count, "test": len(pictures)}
    info = LoadedData(builder.name, str(builder.version), examples)
    return Photographs(train, pictures, info)


def _records_of(builder, split: str) -> PictureSource:
    records, features = open_records(builder, split), builder.info.features

    def read(position):
        record = tf.numpy_function(
            lambda number: records[int(number)], [position], tf.string, stateful=False
        )
        record.set_shape([])
        return features.deserialize_example(record)["image"]

    return PictureSource(len(records), read)


def _source(count: int, read: Callable[[int], np.ndarray]) -> PictureSource:
    """Of a Python function that gives uint8 pictures."""

    def read_tensor(position):
        picture = tf.numpy_function(
            lambda number: read(int(number)), [position], tf.uint8, stateful=False
        )
        picture.set_shape((None, None, 3))
        return picture

    return PictureSource(count, read_tensor)


def _digest(paths: Sequence[Path]) -> str:
    """Of names and files: decoding tens of thousands would take too long."""
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.parent.name}/{path.name}".encode())
        with open(path, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()
