"""Parts of images as the networks see them: mirrored at borders, with a margin."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.metrics.mean_iou import IGNORED

from .data import LabelledImages

_CORNER, _MIRROR = range(2)  # streams of a row's random numbers


@dataclass(frozen=True)
class View:
    """How a part of an image becomes an input, and its labels what is predicted.

    Attributes:
        margin: pixels that the input has around the part.
        stride: pixels between neighbouring predictions; the first is for the part's
            own first pixel.
        channel_mean: of blue, green and red, in [0, 255].
        channel_deviation: divides what is left.
    """

    margin: int
    stride: int
    channel_mean: tuple[float, float, float]
    channel_deviation: float

    def cut(self, image, corner, sides) -> tf.Tensor:
        """float32 (height + 2 margin, width + 2 margin, 3) around a part.

        What lies outside the image is the image mirrored at its outermost pixels, as
        often as it takes (OpenCV's BORDER_REFLECT_101). Channels are blue, green, red.

        Args:
            image: uint8 (any height, any width, 3).
            corner: top and left of the part; it may reach out of the image.
            sides: height and width of the part.
        """
        size = tf.shape(image)
        for axis in (0, 1):
            around = tf.range(-self.margin, sides[axis] + self.margin) + corner[axis]
            image = tf.gather(image, mirrored(around, size[axis]), axis=axis)
        sides = [side + 2 * self.margin for side in sides]
        pixels = tf.cast(image, tf.float32)[..., ::-1] - tf.constant(self.channel_mean)
        return tf.ensure_shape(pixels / self.channel_deviation, [*sides, 3])

    def labels(self, label, corner, sides) -> tf.Tensor:
        """int32 (height, width) of a part, 255 where it reaches out of the image."""
        is_inside = True
        size = tf.shape(label)
        for axis in (0, 1):
            places = tf.range(sides[axis]) + corner[axis]
            inside = (places >= 0) & (places < size[axis])
            is_inside &= tf.reshape(inside, [-1, 1] if axis == 0 else [1, -1])
            label = tf.gather(label, mirrored(places, size[axis]), axis=axis)
        found = tf.where(is_inside, tf.cast(label, tf.int32), IGNORED)
        return tf.ensure_shape(found, list(sides))

    def thinned(self, labels):
        """Of the labels of a part, those that are predicted."""
        return labels[:: self.stride, :: self.stride]


def mirrored(places, size) -> tf.Tensor:
    """Indices in [0, size) of places on an endless line of mirrored copies.

    The outermost pixels stand once: ... 2 1 0 1 2 ... n-2 n-1 n-2 ...
    """
    period = tf.maximum(2 * size - 2, 1)
    inside = places % period
    return tf.minimum(inside, period - inside)


def training_crops(
    images: LabelledImages, view: View, side: int, mirror: bool, batch_size: int, seed
) -> ExampleBatches:
    """Endless batches of {"input", "label"}: a part of each image at a random place.

    Every epoch visits each image once. An image that is smaller than the part is
    mirrored, and labels outside of it are 255.
    """

    def make(step, row):
        position = shuffled_indices((step * batch_size + row)[None], images.count, seed)
        image, label = images.read(position[0])
        random = RowRandom(seed, step, row[None], batch_size)
        room = tf.maximum(tf.shape(label) - side, 0)
        drawn = random.uniform(_CORNER, [2])[0] * tf.cast(room + 1, tf.float32)
        corner = tf.cast(tf.floor(drawn), tf.int32)
        part = view.cut(image, corner, (side, side))
        labels = view.labels(label, corner, (side, side))
        if mirror:
            is_mirrored = random.uniform(_MIRROR)[0] < 0.5
            part = tf.where(is_mirrored, part[:, ::-1], part)
            labels = tf.where(is_mirrored, labels[:, ::-1], labels)
        return {"input": part, "label": view.thinned(labels)}

    return ExampleBatches(make, batch_size)


@dataclass(frozen=True)
class Tiles:
    """Images cut into equal parts that cover them, in stored order.

    Iterating gives for each image, as NumPy arrays, "inputs" (tiles, ...) and "labels"
    (tiles, height, width), which are what is predicted, and the whole "image" and
    "label".

    Attributes:
        sides: height and width of a tile.
    """

    images: LabelledImages
    view: View
    sides: tuple[int, int]

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self.first(self.images.count)

    def first(self, count: int) -> Iterator[dict[str, np.ndarray]]:
        """Of the first images only."""
        made = tf.data.Dataset.range(count).map(
            self._make, tf.data.AUTOTUNE, deterministic=True
        )
        return made.prefetch(2).as_numpy_iterator()

    def _make(self, position):
        image, label = self.images.read(position)

        def tile(corner):
            labels = self.view.labels(label, corner, self.sides)
            return self.view.cut(image, corner, self.sides), self.view.thinned(labels)

        shape = [side + 2 * self.view.margin for side in self.sides]
        thinned = [-(-side // self.view.stride) for side in self.sides]
        inputs, labels = tf.map_fn(
            tile,
            self.corners(tf.shape(label)),
            fn_output_signature=(
                tf.TensorSpec([*shape, 3], tf.float32),
                tf.TensorSpec(thinned, tf.int32),
            ),
        )
        return {"inputs": inputs, "labels": labels, "image": image, "label": label}

    def corners(self, size) -> tf.Tensor:
        """int32 (tiles, 2), row by row."""
        rows, columns = (tf.range(0, size[axis], self.sides[axis]) for axis in (0, 1))
        grid = tf.meshgrid(rows, columns, indexing="ij")
        return tf.reshape(tf.stack(grid, axis=-1), [-1, 2])


@dataclass(frozen=True)
class FrozenMaps:
    """Batches of a trained front end's maps of whole images: Section 5.

    The maps are computed when the batches are asked for, which is when the stage
    begins: the front end must not change any more. They are kept in memory, as the
    released code keeps them in files.

    Attributes:
        front_end: from inputs to maps.
        tiles: of the training images; each is an example, its labels 255 outside.
        images_at_once: whose maps are computed together.
    """

    front_end: keras.Model
    tiles: Tiles
    images_at_once: int
    batch_size: int
    seed: int

    def __call__(
        self, first_step: int, rows: range | None = None, stride: int = 1
    ) -> tf.data.Dataset:
        """Batches of {"input", "label"}; the arguments are `StepBatches`'s."""
        maps, labels = self.compute()

        def make(step, rows):
            positions = step * self.batch_size + rows
            index = shuffled_indices(positions, len(maps), self.seed)
            # In NumPy: a tensor would be a second copy of gigabytes.
            chosen, classes = tf.numpy_function(
                lambda numbers: (
                    np.stack([maps[n] for n in numbers]),
                    np.stack([labels[n] for n in numbers]),
                ),
                [index],
                (tf.float32, tf.uint8),
                stateful=False,
            )
            classes = tf.ensure_shape(classes, [None, *labels[0].shape])
            return {
                "input": tf.ensure_shape(chosen, [None, *maps[0].shape]),
                "label": tf.cast(classes, tf.int32),
            }

        return StepBatches(make, self.batch_size)(first_step, rows, stride)

    def compute(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Of every tile: float32 (height, width, classes), uint8 (height, width)."""
        maps, labels = [], []
        examples = iter(self.tiles)
        while group := list(islice(examples, self.images_at_once)):
            inputs = np.concatenate([example["inputs"] for example in group])
            found = self.front_end(inputs, training=False)
            maps.extend(ops.convert_to_numpy(found).astype(np.float32))
            for example in group:
                labels.extend(example["labels"].astype(np.uint8))
        return maps, labels
