"""Labelled pictures in [-1, 1]: in memory, on disk, or drawn by `matching`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from cai_keras.data import image_task
from cai_keras.data.classification import (
    LabelledImages,
    load_classification,
    shuffled_indices,
)
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.image_views import EvaluationView, view_for_evaluation
from cai_keras.data.imagenet import EncodedImages, evaluation_batches, open_imagenet
from cai_keras.data.latents import LatentSpace, with_latents
from cai_keras.data.loaded import LoadedData
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError, choose

from . import matching

_GREY = (127.5,) * 3  # subtracted from 0 to 255, and what is left is divided by it
_CHOICE = 0x73616761  # seed of which pictures scores are of


@dataclass(frozen=True)
class Pictures:
    """What a variant is trained and measured on.

    Attributes:
        batches: {"image": float32 in [-1, 1], "label"}.
        train, test: number -> so many pictures from all over the split, uint8, as
            they are in the data set, in a random order.
        border: black pixels on each side of what networks see.
        channels: 1 or 3.
    """

    batches: StepBatches | ExampleBatches
    train: Callable[[int], LabelledImages]
    test: Callable[[int], LabelledImages]
    border: int
    channels: int
    info: LoadedData

    def without_border(self, pictures: np.ndarray) -> np.ndarray:
        """Generated pictures in the size of the data set's."""
        side = pictures.shape[1]
        inner = slice(self.border, side - self.border)
        return pictures[:, inner, inner]


def load_pictures(recipe, seed: int) -> Pictures:
    """By `data.loader`: in_memory, imagenet, or two_squares before any pictures.

    Raises:
        DataError, UsageError: what is missing, and the fix.
    """
    return choose("data.loader", recipe.data.loader, _LOADERS)(recipe, seed)


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    if spec_text == f"embedded:{matching.NAME}":
        return []
    return image_task.problems_of(spec_text)


def latent_batches(pictures: Pictures, space: LatentSpace, seed: int, classes: int):
    """Batches of both players: pictures, latent vectors and labels drawn evenly."""
    if isinstance(pictures.batches, StepBatches):
        return with_latents(pictures.batches, space, seed, classes)
    # Pictures on disk are read one by one, and so cannot be asked for by rows.
    nothing = StepBatches(lambda step, rows: {}, pictures.batches.batch_size)
    return _Joined(pictures.batches, with_latents(nothing, space, seed, classes))


@dataclass(frozen=True)
class _Joined:
    """Two streams of dictionaries as one."""

    first: ExampleBatches
    second: StepBatches

    def __call__(self, first_step: int, rows: range | None = None, stride: int = 1):
        parts = (part(first_step, rows, stride) for part in (self.first, self.second))
        return tf.data.Dataset.zip(*parts).map(lambda a, b: {**a, **b})


def _load_in_memory(recipe, seed: int) -> Pictures:
    data = recipe.data
    found = load_classification(data.spec)
    height, width, channels = found.train.images.shape[1:]
    spare = data.image_side - height
    if height != width or spare < 0 or spare % 2:
        raise UsageError(
            f"data spec {data.spec}: pictures of {height} x {width} cannot get a black "
            f"border up to data.image_side {data.image_side}"
        )
    # A small part of a set may lack its last classes.
    _check_classes(data, max(data.classes, int(found.train.labels.max()) + 1))
    border = spare // 2
    edges = ((0, 0), (border, border), (border, border), (0, 0))
    framed = LabelledImages(np.pad(found.train.images, edges), found.train.labels)
    plain = framed.batches(data.batch_size, seed)

    def make(step, rows):
        batch = plain.make(step, rows)
        return {**batch, "image": 2 * batch["image"] - 1}

    return Pictures(
        StepBatches(make, data.batch_size),
        lambda count: _spread(found.train, count),
        lambda count: _spread(found.test, count),
        border,
        channels,
        found.info,
    )


def _load_imagenet(recipe, seed: int) -> Pictures:
    data = recipe.data
    images, side = open_imagenet(data.spec), data.image_side
    _check_classes(data, images.train.features["label"].num_classes)
    # The middle square: all pictures are seen in the same way, also for the scores.
    view = EvaluationView(side, side, _GREY, _GREY)

    def make(step, row):
        place = (step * data.batch_size + row)[None]
        position = shuffled_indices(place, len(images.train), seed)[0]
        encoded, label = images.train.read(position)
        return {"image": view_for_evaluation(encoded, view), "label": label}

    return Pictures(
        ExampleBatches(make, data.batch_size),
        lambda count: _decoded(images.train, view, count),
        lambda count: _decoded(images.test, view, count),
        0,
        3,
        images.info,
    )


def _load_squares(recipe, seed: int) -> Pictures:
    data = recipe.data
    _check_classes(data, matching.CLASSES)
    if data.spec == f"embedded:{matching.NAME}":
        before = after = matching.noise(data.image_side)
        examples = {
            "train": recipe.train.total_steps * data.batch_size,
            "test": recipe.evaluate.pictures,
        }
        info = LoadedData(matching.NAME, matching.VERSION, examples)
    else:
        found = load_classification(data.spec)
        if found.train.images.shape[1:] != (data.image_side, data.image_side, 3):
            raise UsageError(
                f"data spec {data.spec}: squares need pictures of {data.image_side} x "
                f"{data.image_side} x 3, found {found.train.images.shape[1:]}"
            )
        before, after = map(matching.pictures, (found.train.images, found.test.images))
        info = found.info
    return Pictures(
        matching.training_batches(before, data.batch_size, seed),
        lambda count: matching.test_set(before, count),
        lambda count: matching.test_set(after, count),
        0,
        3,
        info,
    )


_LOADERS = {
    "in_memory": _load_in_memory,
    "imagenet": _load_imagenet,
    matching.NAME: _load_squares,
}


def _check_classes(data, found: int) -> None:
    if found != data.classes:
        raise UsageError(
            f"data.classes: {data.classes}, but {data.spec} has {found}; "
            f"try --set data.classes={found}"
        )


def _places(available: int, count: int) -> np.ndarray:
    """Positions in a random order, the same for all runs: files may be sorted."""
    if not 0 < count <= available:
        raise UsageError(
            f"evaluate: {count} pictures asked for, expected 1 to {available}"
        )
    return np.random.default_rng(_CHOICE).permutation(available)[:count]


def _spread(split: LabelledImages, count: int) -> LabelledImages:
    places = _places(len(split.labels), count)
    return LabelledImages(split.images[places], split.labels[places])


def _decoded(images: EncodedImages, view: EvaluationView, count: int) -> LabelledImages:
    places = _places(len(images), count)
    chosen = replace(images, records=_Chosen(images.records, places))
    pictures = np.empty((count, view.side, view.side, 3), np.uint8)
    labels, done = np.empty(count, np.int32), 0
    for image, label in evaluation_batches(chosen, view, 64).as_numpy_iterator():
        part = slice(done, done + len(label))
        pictures[part] = np.clip(np.round(127.5 * (image + 1)), 0, 255)
        labels[part] = label
        done = part.stop
    return LabelledImages(pictures, labels)


@dataclass(frozen=True)
class _Chosen:
    """Some of the records of a split, in this order."""

    records: Sequence[bytes]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> bytes:
        return self.records[int(self.places[index])]
