"""Taskonomy's photographs: read one at a time, at any position.

Nothing is kept in memory: the set is stored for random access, so that a batch is a
function of its step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data.builders.taskonomy import Taskonomy
from cai_keras.data.classification import shuffled_indices
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import open_catalogue, open_records
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError

from .photograph_tasks import PHOTOGRAPH_TASKS, resized

# Of an image in [-1, 1]: the released code adds a variance of 0.01 to [0, 1].
_NOISE = 0.2


@dataclass(frozen=True)
class Photographs:
    """A split of photographs with their annotations.

    Attributes:
        records: serialised examples by position.
        features: TFDS's description of them.
        side: of what networks look at, in pixels.
        name: says which photographs these are.
    """

    records: Sequence[bytes]
    features: Any
    side: int
    name: str

    def __len__(self) -> int:
        return len(self.records)

    def read(self, position, names) -> dict[str, tf.Tensor]:
        """Some of an example's annotations, as they are stored."""
        record = tf.numpy_function(self._record, [position], tf.string, stateful=False)
        record.set_shape([])
        skip = {
            name: tfds.decode.SkipDecoding()
            for name in self.features
            if name not in names
        }
        example = self.features.deserialize_example(record, decoders=skip)
        return {name: example[name] for name in names}

    def target(self, position, task: str) -> tf.Tensor:
        asked = PHOTOGRAPH_TASKS[task]
        return asked.target(self.read(position, asked.reads), self.side)

    def image(self, position) -> tf.Tensor:
        """float32 (side, side, 3) in [-1, 1]."""
        pixels = self.read(position, ("rgb",))["rgb"]
        return tf.ensure_shape(
            resized(pixels, self.side) / 127.5 - 1, (self.side, self.side, 3)
        )

    def batches(self, make, batch_size: int) -> Iterator[Any]:
        """`make(position)` of all in stored order; NumPy, the last batch partial."""
        positions = tf.data.Dataset.range(len(self))
        made = positions.map(make, tf.data.AUTOTUNE, deterministic=True)
        return made.batch(batch_size).prefetch(2).as_numpy_iterator()

    def _record(self, position) -> bytes:
        return self.records[int(position)]


@dataclass(frozen=True)
class PhotographData:
    """What task networks learn from, and what transfers learn from and are tested on.

    As `data.SceneData`.
    """

    train: Photographs
    transfer: Photographs
    ranking: Photographs
    test: Photographs
    info: LoadedData


def open_photographs(data) -> PhotographData:
    """The four parts of a recipe's photographs.

    Raises:
        DataError: they are not prepared; names the fix.
        UsageError: the spec names another set.
    """
    spec = DataSpec.parse(data.spec)
    if spec.kind != "tfds" or spec.value != Taskonomy.name:
        raise UsageError(f"data spec {spec}: expected tfds:{Taskonomy.name}")
    builder = open_catalogue(spec)
    parts = {}
    for name in ("train", "transfer", "ranking", "test"):
        split = getattr(data, f"{name}_split")
        records = open_records(builder, split)
        if len(records) == 0:
            raise DataError(f"data.{name}_split: {split!r} is empty")
        label = f"{builder.name}:{builder.version}:{split}"
        parts[name] = Photographs(
            records, builder.info.features, data.image_side, label
        )
    examples = {name: len(part) for name, part in parts.items()}
    return PhotographData(
        **parts, info=LoadedData(builder.name, str(builder.version), examples)
    )


def view_of(name: str, image, noise) -> tf.Tensor:
    """A photograph as the network of a task sees it, in [-1, 1].

    Args:
        name: `plain`; `noisy`; `grey`, luma in three equal channels; `holed`, its
            middle at level 0.
        image: float32 (side, side, 3) in [-1, 1].
        noise: float32, standard normal, like `image`.
    """
    if name == "noisy":
        return tf.clip_by_value(image + _NOISE * noise, -1.0, 1.0)
    if name == "grey":
        return tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(image))
    if name == "holed":
        side = image.shape[0]
        inside = np.zeros((side, side, 1), np.float32)
        inside[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 1
        return image * (1 - inside)
    return image


def task_batches(
    photographs: Photographs, task: str, batch_size: int, seed: int
) -> ExampleBatches:
    """Batches {"views": {view: images}, "targets": {task: ...}}."""
    view = PHOTOGRAPH_TASKS[task].view

    def make(step, row):
        index = shuffled_indices(
            (step * batch_size + row)[None], len(photographs), seed
        )
        image = photographs.image(index[0])
        # A key for each example: noise of a whole batch would be drawn for each row.
        noise = tf.random.stateless_normal(image.shape, [seed, step * batch_size + row])
        return {
            "views": {view: view_of(view, image, noise)},
            "targets": {task: photographs.target(index[0], task)},
        }

    return ExampleBatches(make, batch_size)


def seen_for_test(photographs: Photographs, task: str):
    """Position -> what the network of a task sees, and the target.

    The noise of a photograph is always the same.
    """
    view = PHOTOGRAPH_TASKS[task].view

    def make(position):
        image = photographs.image(position)
        noise = tf.random.stateless_normal(
            image.shape, [tf.zeros_like(position), position]
        )
        return view_of(view, image, noise), photographs.target(position, task)

    return make
