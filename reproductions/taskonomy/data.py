"""Scenes as inputs and targets of all tasks, and published affinities."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data.builders.taskonomy_affinities import (
    KINDS,
    PUBLISHED_COUNT,
    TaskonomyAffinities,
    folder_of,
)
from cai_keras.data.builders.taskonomy_affinities import (
    read_split as read_files,
)
from cai_keras.data.classification import shuffled_indices
from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.source import (
    open_catalogue,
    open_embedded,
    open_folder,
    read_split,
)
from cai_keras.data.spec import DataSpec
from cai_keras.data.step_batches import StepBatches
from cai_keras.data.task_transfers import Transfer
from cai_keras.errors import CaiError, UsageError

from .tasks import TASKS

# Standard deviation of the noise in images of [-1, 1], and the side of the hole as a
# share of the image's.
_NOISE, _HOLE = 0.4, 0.5


@dataclass(frozen=True)
class Scenes:
    """Images with the targets of the tasks.

    Attributes:
        images: uint8 (n, side, side, 3).
        targets: task -> (n, ...), numbers standardised.
    """

    images: np.ndarray
    targets: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class SceneData:
    """What task networks learn from, and what transfers learn from and are tested on.

    Attributes:
        train: of task networks.
        transfer: of transfers, and of networks that learn from as little.
        ranking: where sources are ranked before they are combined.
    """

    train: Scenes
    transfer: Scenes
    ranking: Scenes
    test: Scenes
    info: LoadedData


def load_scenes(data, tasks) -> SceneData:
    """The four parts of a recipe's scenes.

    Raises:
        DataError, UsageError: what is missing or does not fit, and the fix.
    """
    spec = DataSpec.parse(data.spec)
    builder = open_embedded(spec) if spec.kind == "embedded" else open_catalogue(spec)
    parts = {
        name: _read(builder, getattr(data, f"{name}_split"), tasks)
        for name in ("train", "transfer", "ranking", "test")
    }
    moments = {
        task: _moments(parts["train"].targets[task])
        for task in tasks
        if TASKS[task].is_numbers
    }
    scaled = {name: _standardised(part, moments) for name, part in parts.items()}
    examples = {name: len(part) for name, part in parts.items()}
    info = LoadedData(builder.name, str(builder.version), examples)
    return SceneData(**scaled, info=info)


def _read(builder, split: str, tasks) -> Scenes:
    rows = list(tfds.as_numpy(read_split(builder, split)))
    if "rgb" not in rows[0]:
        raise UsageError(f"{builder.name}: expected scenes with their targets")
    scene = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return Scenes(scene["rgb"], {task: TASKS[task].target(scene) for task in tasks})


def _moments(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel; a channel that never changes keeps 1."""
    axes = tuple(range(target.ndim - 1))
    deviation = target.std(axis=axes, dtype=np.float64)
    return target.mean(axis=axes, dtype=np.float64), np.where(deviation, deviation, 1.0)


def _standardised(scenes: Scenes, moments) -> Scenes:
    targets = dict(scenes.targets)
    for task, (mean, deviation) in moments.items():
        targets[task] = ((targets[task] - mean) / deviation).astype(np.float32)
    return Scenes(scenes.images, targets)


# What networks look at


def view_of(name: str, images, noise, corner):
    """Images as the network of a task sees them, in [-1, 1].

    Args:
        name: `plain`, `noisy`, `grey`, or `holed`: grey of level 0 in a square.
        images: float32 (n, side, side, 3) in [-1, 1].
        noise: float32, standard normal, like `images`.
        corner: float32 (n, 2) in [0, 1): where the hole is.
    """
    if name == "noisy":
        return images + _NOISE * noise
    if name == "grey":
        return tf.tile(tf.reduce_mean(images, axis=-1, keepdims=True), [1, 1, 1, 3])
    if name == "holed":
        side = images.shape[1]
        hole = round(_HOLE * side)
        first = tf.floor(corner * (side - hole + 1))[:, None, :]
        places = tf.range(side, dtype=tf.float32)[None, :, None]
        inside = tf.cast((places >= first) & (places < first + hole), tf.float32)
        square = inside[:, :, None, 0] * inside[:, None, :, 1]
        return images * (1 - square[..., None])
    return images


def views_of(images, noise, corner, names) -> dict:
    return {name: view_of(name, images, noise, corner) for name in names}


def in_range(images) -> tf.Tensor:
    """float32 in [-1, 1] of uint8."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def scene_batches(scenes: Scenes, views, batch_size: int, seed: int) -> StepBatches:
    """Batches {"views": {name: images}, "targets": {task: ...}}."""
    images = tf.constant(scenes.images)
    targets = {name: tf.constant(values) for name, values in scenes.targets.items()}

    def make(step, rows):
        index = shuffled_indices(step * batch_size + rows, len(scenes), seed)
        random = RowRandom(seed, step, rows, batch_size)
        chosen = in_range(tf.gather(images, index))
        noise = random.normal(0, scenes.images.shape[1:])
        corner = random.uniform(1, (2,))
        return {
            "views": views_of(chosen, noise, corner, views),
            "targets": {n: tf.gather(values, index) for n, values in targets.items()},
        }

    return StepBatches(make, batch_size)


def still_views(images: np.ndarray, names, seed: int = 0) -> dict[str, np.ndarray]:
    """Views for tests: noise and holes that are always the same."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(images.shape, np.float32)
    corner = rng.random((len(images), 2), np.float32)
    found = views_of(in_range(images), noise, corner, names)
    return {name: view.numpy() for name, view in found.items()}


# Published affinities


def load_tables(data) -> tuple[dict[str, list[Transfer]], LoadedData]:
    """Kind -> transfers of a recipe's file of affinities and win rates.

    Raises:
        DataError, UsageError: what is missing or does not fit, and the fix.
    """
    spec = DataSpec.parse(data.spec)
    if spec.kind == "folder":
        builder = open_folder(TaskonomyAffinities, folder_of(spec.folder))
    elif spec.kind == "embedded":
        builder = open_embedded(spec)
    else:
        builder = open_catalogue(spec)
    tables = {kind: [] for kind in KINDS}
    for row in tfds.as_numpy(read_split(builder, data.test_split)):
        if "sources" not in row:
            raise UsageError(f"{builder.name}: expected transfers between tasks")
        text = {name: value.decode() for name, value in row.items()}
        sources = tuple(text["sources"].split("__"))
        transfer = Transfer(sources, text["target"], float(text["value"]))
        tables[text["kind"]].append(transfer)
    count = len(tables["affinity"])
    is_other = spec.kind == "folder" and count != PUBLISHED_COUNT
    name = "task_affinities" if is_other else builder.name
    return tables, LoadedData(name, str(builder.version), {"test": count})


def problems_of(spec_text: str) -> list[str]:
    """For `cai data doctor`: one line for each problem, with the fix."""
    try:
        spec = DataSpec.parse(spec_text)
        if spec.kind == "folder":
            read_files(folder_of(spec.folder), "images_16k")
        elif spec.kind == "tfds":
            read_split(open_catalogue(spec), "images_16k")
    except CaiError as error:
        return [str(error)]
    return []
