"""Annotated images: procedural cells, or the EM stacks of ISBI 2012."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow_datasets as tfds

from cai_keras.data import source
from cai_keras.data.border_weights import class_weights, nearness_to_two
from cai_keras.data.builders.isbi2012_em import (
    SIDE,
    SLICES,
    Isbi2012Em,
    check_stacks,
    folder_of,
)
from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import (
    data_root,
    open_catalogue,
    open_embedded,
    open_folder,
    read_split,
)
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError
from cai_keras.metrics.segmented_objects import connected_objects

_EM = Isbi2012Em.name


@dataclass(frozen=True)
class Annotated:
    """Images with their objects, all of one size.

    Attributes:
        images: float32 (n, height, width), as the network sees them.
        instances: int32 (n, height, width), 0 for the background and a number for each
            object.
    """

    images: np.ndarray
    instances: np.ndarray


@dataclass(frozen=True)
class Weighted(Annotated):
    """Images to train on, with the parts of their pixels' weights, computed once.

    Attributes:
        class_weights: float32 (n, 2), of background and objects.
        nearness: float32 (n, height, width), `nearness_to_two`.
    """

    class_weights: np.ndarray
    nearness: np.ndarray


@dataclass(frozen=True)
class CellData:
    """What a variant trains and is tested on, and what the record says of it."""

    train: Weighted
    test: Annotated
    info: LoadedData


def load(data, seed: int) -> CellData:
    """Reads a recipe's images; pixels are standardised by those trained on.

    Raises:
        DataError, UsageError: what is missing or does not fit, and the fix.
    """
    raw = _read(data.spec, data.train_split)
    chosen = _chosen(data, len(raw.images), seed)
    pixels = raw.images[chosen].astype(np.float32)
    mean, deviation = pixels.mean(), pixels.std()
    instances = raw.instances[chosen]
    near = _nearness(data.spec, data.train_split, data.border_weights.deviation)
    by_class = np.array([class_weights(i > 0) for i in instances], np.float32)
    train = Weighted((pixels - mean) / deviation, instances, by_class, near[chosen])
    tested = _read(data.spec, data.test_split)
    images = ((tested.images - mean) / deviation).astype(np.float32)
    examples = {"train": len(chosen), "test": len(images)}
    info = LoadedData(raw.name, raw.version, examples, raw.digest)
    return CellData(train, Annotated(images, tested.instances), info)


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    spec = DataSpec.parse(spec_text)
    try:
        if spec.kind == "folder":
            check_stacks(spec.folder)
        elif spec.kind == "tfds" and spec.value == _EM:
            _check_prepared(open_catalogue(spec))
        else:
            return source.problems_of(spec_text)
    except DataError as error:
        return [str(error)]
    return []


@dataclass(frozen=True)
class _Raw:
    """A split as it is stored: uint8 images, int32 instances, and whose they are."""

    images: np.ndarray
    instances: np.ndarray
    name: str
    version: str
    digest: str


@lru_cache(maxsize=4)  # variants and seeds share it
def _read(spec_text: str, split: str) -> _Raw:
    builder = _open(DataSpec.parse(spec_text))
    rows = list(tfds.as_numpy(read_split(builder, split)))
    if not rows:
        raise DataError(f"{builder.name}: split {split!r} is empty")
    if not all(row.get("is_labelled", True) for row in rows):
        raise DataError(f"{builder.name}: split {split!r} has no labels; try train")
    images = np.stack([row["image"][..., 0] for row in rows])
    key = "instances" if "instances" in rows[0] else "label"
    marks = np.stack([row[key][..., 0] for row in rows])
    # The label of a stack says cell or membrane; its cells are the connected parts.
    instances = (
        marks.astype(np.int32)
        if key == "instances"
        else np.stack([connected_objects(mark > 0) for mark in marks])
    )
    digest = hashlib.sha256(images.tobytes() + marks.tobytes()).hexdigest()[:16]
    name = _name_of(builder, images)
    return _Raw(images, instances, name, str(builder.version), digest)


def _open(spec: DataSpec) -> tfds.core.DatasetBuilder:
    if spec.kind == "folder":
        return open_folder(Isbi2012Em, spec.folder)
    builder = (open_embedded if spec.kind == "embedded" else open_catalogue)(spec)
    if builder.name == _EM:
        _check_prepared(builder)
    features = set(builder.info.features)
    if not (features >= {"image", "instances"} or builder.name == _EM):
        raise UsageError(
            f"data spec {spec}: expected features image and instances, found "
            f"{', '.join(sorted(features))}"
        )
    return builder


def _check_prepared(builder: tfds.core.DatasetBuilder) -> None:
    """Raises DataError with what a user has to do for the EM stacks."""
    if builder.is_prepared():
        return
    then = f"run: cai data prepare tfds:{_EM}"
    folder = folder_of(data_root() / "downloads" / "manual")
    try:
        check_stacks(folder)
    except DataError as error:
        raise DataError(f"{error} Then {then}") from None
    raise DataError(f"tfds:{_EM} is not prepared in {builder.data_dir}; {then}")


def _name_of(builder: tfds.core.DatasetBuilder, images: np.ndarray) -> str:
    """Other stacks must not pass for the published ones."""
    if builder.name != _EM:
        return builder.name
    slices = builder.info.splits["train"].num_examples
    is_published = (slices, *images.shape[1:]) == (SLICES, SIDE, SIDE)
    return _EM if is_published else "em_stack"


@lru_cache(maxsize=4)  # seconds for large stacks
def _nearness(spec_text: str, split: str, deviation: float) -> np.ndarray:
    instances = _read(spec_text, split).instances
    return np.stack([nearness_to_two(i, deviation) for i in instances])


def _chosen(data, count: int, seed: int) -> np.ndarray:
    """Indices of the images to train on; the same for every variant of one seed."""
    wanted = data.train_images
    if wanted is None:
        return np.arange(count)
    if not 0 < wanted <= count:
        raise UsageError(f"data.train_images: {wanted}, expected 1 to {count}")
    order = np.random.default_rng([0x666577, seed]).permutation(count)
    return np.sort(order[:wanted])
