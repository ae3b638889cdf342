"""Training tiles: images, labels and weights, deformed together.

A deformation is a map from the pixels of a tile to places in the image, as rows and
columns; what lies outside the image is the image mirrored at its border.
"""

import numpy as np
import tensorflow as tf

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches

from .data import Weighted

# Streams of random numbers.
_PLACE, _TURN, _BEND, _CONTRAST, _BRIGHTNESS = range(5)
_COARSE = 3  # x 3 displacements


def tile_batches(train: Weighted, data, margin: int, seed: int) -> StepBatches:
    """Endless batches of tiles; every epoch visits each image once.

    Args:
        data: the recipe's section.
        margin: pixels of a tile around the part that has labels.
    Returns:
        batches of {"image": float32 (batch, side, side, 1), "label": int32 (batch,
        output, output), 1 for objects, "weight": float32 of that shape}.
    """
    images, instances = tf.constant(train.images), tf.constant(train.instances)
    by_class, near = tf.constant(train.class_weights), tf.constant(train.nearness)
    count, *shape = images.shape
    inside = slice(margin, data.tile_side - margin)
    strength = data.border_weights.strength

    def make(step, rows):
        random = RowRandom(seed, step, rows, data.batch_size)
        index = shuffled_indices(step * data.batch_size + rows, count, seed)
        places = place_tiles(random, data.tile_side, margin, shape)
        if data.augment:
            places = deform(places, random, data.augmentation)
        image = read_cubic(tf.gather(images, index), places)
        if data.augment:
            image = vary_grey(image, random, data.augmentation)
        inner = places[:, inside, inside]
        found = separate(read_nearest(tf.gather(instances, index), inner))
        is_object = found > 0
        background, objects = tf.unstack(
            tf.gather(by_class, index)[..., None, None], axis=1
        )
        border = strength * read_linear(tf.gather(near, index), inner)
        return {
            "image": image[..., None],
            "label": tf.cast(is_object, tf.int32),
            "weight": tf.where(is_object, objects, background + border),
        }

    return StepBatches(make, data.batch_size)


def place_tiles(random: RowRandom, side: int, margin: int, shape) -> tf.Tensor:
    """Where each tile lies: its labelled part anywhere in the image, at whole pixels.

    Where that part is larger than the image, the image is in its middle.

    Args:
        shape: height and width of the image.
    Returns:
        float32 (n, side, side, 2), the row and the column of each pixel.
    """
    room = np.array(shape) - (side - 2 * margin)
    drawn = tf.floor(random.uniform(_PLACE, [2]) * (room + 1).astype(np.float32))
    start = tf.where(room > 0, tf.minimum(drawn, room.astype(np.float32)), room // 2)
    grid = np.stack(np.mgrid[:side, :side], axis=-1).astype(np.float32)
    return (tf.cast(start, tf.float32) - margin)[:, None, None] + grid


def deform(places: tf.Tensor, random: RowRandom, settings) -> tf.Tensor:
    """Turns each tile about its middle, and bends it: Section 3.1.

    3 x 3 displacements are drawn from a normal distribution and become one for each
    pixel by bicubic interpolation.

    Args:
        places: float32 (n, side, side, 2).
        settings: `rotation_degrees`, `displacement` in pixels.
    """
    side = places.shape[1]
    limit = np.deg2rad(settings.rotation_degrees)
    angle = random.uniform(_TURN, minval=-limit, maxval=limit)[:, None, None]
    middle = tf.reduce_mean(places, axis=(1, 2), keepdims=True)
    rows, columns = tf.unstack(places - middle, axis=-1)
    turned = tf.stack(
        [
            tf.cos(angle) * rows - tf.sin(angle) * columns,
            tf.sin(angle) * rows + tf.cos(angle) * columns,
        ],
        axis=-1,
    )
    coarse = random.normal(_BEND, [_COARSE, _COARSE, 2], stddev=settings.displacement)
    return middle + turned + tf.image.resize(coarse, [side, side], "bicubic")


def vary_grey(image: tf.Tensor, random: RowRandom, settings) -> tf.Tensor:
    """One contrast and one brightness for each image, (n, side, side)."""
    low, high = 1 - settings.contrast, 1 + settings.contrast
    contrast = random.uniform(_CONTRAST, minval=low, maxval=high)
    brightness = random.normal(_BRIGHTNESS, stddev=settings.brightness)
    return image * contrast[:, None, None] + brightness[:, None, None]


def separate(instances: tf.Tensor) -> tf.Tensor:
    """Erases every pixel that has a smaller number above, below, left or right of it.

    Nearest pixels may leave out a gap that is one pixel wide; the objects would be
    joined by their labels. Objects that are apart already stay as they are.

    Args:
        instances: int32 (n, height, width), 0 for the background.
    """
    highest = instances.dtype.max
    numbers = tf.where(instances > 0, instances, highest)
    framed = tf.pad(numbers, [[0, 0], [1, 1], [1, 1]], constant_values=highest)
    vertical = tf.minimum(framed[:, :-2, 1:-1], framed[:, 2:, 1:-1])
    horizontal = tf.minimum(framed[:, 1:-1, :-2], framed[:, 1:-1, 2:])
    return tf.where(tf.minimum(vertical, horizontal) < numbers, 0, instances)


def read_nearest(maps: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """(n, height, width) maps at places (n, rows, columns, 2): the nearest pixel."""
    return _read(maps, tf.cast(tf.round(places), tf.int32))


def read_linear(maps: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The same, bilinearly."""
    return _interpolate(maps, places, lambda t: {0: 1 - t, 1: t})


def read_cubic(maps: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The same with Keys' cubic convolution of 1981, a = -1/2; exact at whole pixels.

    Linear interpolation would smooth the noise of the images more.
    """

    def weights(t):
        return {
            -1: t * (t * (1 - t / 2) - 1 / 2),
            0: 1 + t * t * (3 * t / 2 - 5 / 2),
            1: t * (1 / 2 + t * (2 - 3 * t / 2)),
            2: t * t * (t - 1) / 2,
        }

    return _interpolate(maps, places, weights)


def _interpolate(maps, places, weights) -> tf.Tensor:
    """Sums of pixels; `weights` gives those of the pixels at some offsets."""
    first = tf.floor(places)
    whole = tf.cast(first, tf.int32)
    by_row, by_column = (weights(t) for t in tf.unstack(places - first, axis=-1))
    return tf.add_n(
        [
            row_weight
            * column_weight
            * _read(maps, whole + np.array([row, column], np.int32))
            for row, row_weight in by_row.items()
            for column, column_weight in by_column.items()
        ]
    )


def _read(maps, pixels) -> tf.Tensor:
    """Maps at whole pixels (n, rows, columns, 2), mirrored at their border."""
    count, height, width = tf.unstack(tf.shape(maps))
    row, column = (
        _mirror(pixels[..., 0], height),
        _mirror(pixels[..., 1], width),
    )
    flat = tf.reshape(maps, [count, height * width])
    return tf.gather(flat, row * width + column, batch_dims=1)


def _mirror(index, length) -> tf.Tensor:
    """0, ..., n - 1, n - 1, ..., 0, 0, ...: as `np.pad` with `symmetric`."""
    index = index % (2 * length)
    return tf.minimum(index, 2 * length - 1 - index)
