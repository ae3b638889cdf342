"""What a spec gives: training batches, views for testing, and how to show a clip."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import open_catalogue
from cai_keras.data.spec import DataSpec
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import DataError, UsageError, choose

from .clips import ClipShape, Videos, VideoViews, to_pixels, training_batches
from .long_range import TASKS, Task

# Videos that the paper trained and tested on; with fewer than 9 of 10 of them it is
# another data set.
_KINETICS = {"train": 240_000, "test": 20_000}


@dataclass(frozen=True)
class ArrayViews:
    """Views of examples that are in memory: one of each, all at once."""

    clips: np.ndarray
    labels: np.ndarray

    @property
    def count(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[dict]:
        owner = np.arange(self.count)
        yield {"clip": self.clips, "label": self.labels, "owner": owner}


@dataclass(frozen=True)
class ClipData:
    """A data set as the experiment needs it.

    Attributes:
        batches: of {"clip", "label"}.
        validation, test: iterables of {"clip", "label", "owner"} with a `count` of
            owners, examples that are seen in one or several views.
        to_pixels: from what a network sees to uint8 RGB.
    """

    batches: StepBatches
    validation: Iterable[dict]
    test: Iterable[dict]
    to_pixels: Callable[[np.ndarray], np.ndarray]
    info: LoadedData


def load(recipe, seed: int) -> ClipData:
    """Opens the data of a recipe; videos are read when they are asked for.

    Raises:
        DataError, UsageError: what is missing, and the fix.
    """
    spec = DataSpec.parse(recipe.data.spec)
    if spec.kind == "embedded":
        make = choose(f"data spec {spec}", spec.value, TASKS)
        task = make(recipe.data.frames, recipe.data.side, recipe.data.num_classes)
        return _load_task(task, recipe, seed)
    if spec.kind == "tfds":
        return _load_videos(open_catalogue(spec), recipe, seed)
    raise UsageError(
        f"data spec {spec}: videos are read through TFDS; put them into its manual "
        "folder and use tfds:kinetics400"
    )


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    spec = DataSpec.parse(spec_text)
    if spec.kind == "embedded":
        choose(f"data spec {spec}", spec.value, TASKS)
        return []
    if spec.kind == "folder":
        return [f"{spec}: videos are read through TFDS; use tfds:kinetics400"]
    try:
        Videos(open_catalogue(spec), "train")
    except DataError as error:
        return [str(error)]
    return []


def _load_task(task: Task, recipe, seed: int) -> ClipData:
    data, num_validation = recipe.data, recipe.evaluate.validation_videos
    clips, labels = task.test_set(num_validation + data.test_examples)
    examples = {
        "train": recipe.train.total_steps * data.batch_size,
        "validation": num_validation,
        "test": data.test_examples,
    }
    return ClipData(
        task.batches(data.batch_size, seed),
        ArrayViews(clips[:num_validation], labels[:num_validation]),
        ArrayViews(clips[num_validation:], labels[num_validation:]),
        lambda clip: np.round(clip * 255).astype(np.uint8),
        LoadedData(task.name, "1.0.0", examples),
    )


def _load_videos(builder, recipe, seed: int) -> ClipData:
    data, evaluate = recipe.data, recipe.evaluate
    train = Videos(builder, data.train_split)
    tested = Videos(builder, data.test_split)
    classes = builder.info.features["label"].num_classes
    if classes != data.num_classes:
        raise UsageError(
            f"data.num_classes: {data.num_classes}, but {builder.name} has {classes}; "
            f"try --set data.num_classes={classes}"
        )
    shape = ClipShape(data.frames, data.frame_stride, data.side)
    test_shape = replace(shape, side=evaluate.side)
    examples = {"train": len(train), "test": len(tested)}
    few = min(len(tested), evaluate.validation_videos)
    return ClipData(
        training_batches(
            train, shape, (data.scale_low, data.scale_high), data.batch_size, seed
        ),
        VideoViews(tested, test_shape, few, clips=1, crops=1),
        VideoViews(tested, test_shape, len(tested), evaluate.clips, evaluate.crops),
        to_pixels,
        LoadedData(_name_of(builder.name, examples), str(builder.version), examples),
    )


def _name_of(name: str, examples: dict[str, int]) -> str:
    """A part of Kinetics must not pass for the paper's data."""
    is_part = any(examples[s] < 0.9 * count for s, count in _KINETICS.items())
    return f"{name}_subset" if name == "kinetics400" and is_part else name
