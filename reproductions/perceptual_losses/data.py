"""Photographs, the style's picture, and small pictures for super-resolution."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.loaded import LoadedData
from cai_keras.data.photographs import (
    Photographs,
    View,
    crop_batches,
    load_photographs,
    problems_of,
)
from cai_keras.data.picture_files import (
    as_bytes,
    find_pictures,
    middle_square,
    read_picture,
    resize_picture,
)
from cai_keras.data.spec import DataSpec
from cai_keras.data.style_pictures import load_style_pictures
from cai_keras.errors import DataError, choose

__all__ = ["problems_of"]

# Digest of the pictures of a published test set -> its name.
_PUBLISHED = {
    "ce6ae6dc4b59": "set5",
}
_TRUNCATE = 4.0  # deviations at which a Gaussian ends


@dataclass(frozen=True)
class PictureData:
    """What a variant learns from and is tested on.

    Attributes:
        batches: of training, see `load_style_data` and `load_resolution_data`.
        test: name -> float32 (height, width, 3) in [0, 1].
        test_name: of the data set that the test pictures are from, and what of them.
        info: for the record.
        style: float32 (height, width, 3); None for super-resolution.
    """

    batches: ExampleBatches
    test: Mapping[str, np.ndarray]
    test_name: str
    info: LoadedData
    style: np.ndarray | None = None


def load_style_data(recipe, seed: int) -> PictureData:
    """Batches of {"picture": (batch, side, side, 3)}, and the picture of the style."""
    found = _photographs(recipe.data, seed)
    side = recipe.evaluate.side
    return PictureData(
        _batches(found, recipe.data, seed, lambda picture: {"picture": picture}),
        {name: middle_square(x, side) for name, x in found.test.items()},
        found.info.name,
        found.info,
        load_style(recipe.data.style),
    )


def load_style(settings) -> np.ndarray:
    """The picture of a recipe's `data.style`; its shorter side has `side` pixels.

    Raises:
        UsageError: there is no such picture; names the nearest.
    """
    styles = load_style_pictures(settings.spec).styles
    picture = choose("data.style.picture", settings.picture, styles)
    scale = settings.side / min(picture.shape[:2])
    height, width = (round(scale * length) for length in picture.shape[:2])
    return np.clip(resize_picture(picture, height, width), 0, 1)


def load_resolution_data(recipe, seed: int) -> PictureData:
    """Batches of {"small", "picture"}; test pictures are multiples of the factor.

    Raises:
        DataError: a test picture has one colour only.
    """
    data, factor = recipe.data, recipe.model.super_resolution.factor
    found = _photographs(data, seed)

    def see(picture):
        return {"small": shrink(picture, factor, data.blur), "picture": picture}

    test, name = found.test, found.info.name
    if data.test_spec is not None:
        test, name = _read_test(data.test_spec), "pictures of a folder"
    name = _PUBLISHED.get(_digest(test), name)
    side = recipe.evaluate.side
    if side is not None:
        test = {key: middle_square(picture, side) for key, picture in test.items()}
        name = f"{name}, middle {side} x {side}"
    test = {key: _cut(picture, factor) for key, picture in test.items()}
    for key, picture in test.items():
        if not np.ptp(picture, axis=(0, 1)).any():
            raise DataError(f"{key}: of one colour; it has no sharpness")
    return PictureData(_batches(found, data, seed, see), test, name, found.info)


def shrink(picture, factor: int, deviation: float) -> tf.Tensor:
    """A small picture of a large one: blurred, resized, rounded to 256 levels.

    Johnson et al. 2016, Section 4.2: a Gaussian and bicubic interpolation, where a
    pixel is a weighted mean of all that it covers.

    Args:
        picture: float32 (height, width, 3) in [0, 1], sides multiples of the factor.
        deviation: of the Gaussian, in pixels of the large picture; 0 for none.
    """
    pixels = tf.convert_to_tensor(picture, tf.float32)[None]
    if deviation:
        pixels = _blurred(pixels, deviation)
    height, width = (side // factor for side in pixels.shape[1:3])
    small = tf.image.resize(pixels, [height, width], "bicubic", antialias=True)[0]
    return tf.round(255 * tf.clip_by_value(small, 0.0, 1.0)) / 255


def _blurred(pixels: tf.Tensor, deviation: float) -> tf.Tensor:
    """By a Gaussian; outside, the picture is mirrored."""
    reach = int(_TRUNCATE * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    edges = [[0, 0], [reach, reach], [reach, reach], [0, 0]]
    pixels = tf.pad(pixels, edges, "SYMMETRIC")
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        kernel = np.tile(weights.reshape(shape), (1, 1, 3, 1))
        pixels = tf.nn.depthwise_conv2d(pixels, kernel, [1, 1, 1, 1], "VALID")
    return pixels


def _photographs(data, seed: int) -> Photographs:
    return load_photographs(data.spec, seed, data.test_pictures, data.train_pictures)


def _batches(found: Photographs, data, seed: int, see) -> ExampleBatches:
    view = View(data.view.name, data.view.side, tuple(data.view.scale), data.view.flip)
    return crop_batches(found.train, view, data.batch_size, seed, see)


def _read_test(spec_text: str) -> dict[str, np.ndarray]:
    folder = DataSpec.parse(spec_text).folder
    paths = find_pictures(folder)
    if not paths:
        raise DataError(f"{folder}: no pictures")
    return {path.stem: read_picture(path) for path in paths}


def _digest(pictures: Mapping[str, np.ndarray]) -> str:
    """Of pixels alone: whatever the files are called, and in whatever format."""
    digests = sorted(
        hashlib.sha256(as_bytes(picture).tobytes()).hexdigest()
        for picture in pictures.values()
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]


def _cut(picture: np.ndarray, factor: int) -> np.ndarray:
    height, width = (side // factor * factor for side in picture.shape[:2])
    return picture[:height, :width]
