"""Mean IoU at full resolution, what each pixel could know, and how a module starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import keras
import numpy as np
from keras import ops
from scipy.special import softmax

from cai_keras.metrics.mean_iou import (
    IGNORED,
    confusion_matrix,
    mean_iou_percent,
    pixel_accuracy_percent,
)
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

from .views import Tiles


@dataclass(frozen=True)
class Prediction:
    """Of one image: probabilities (height, width, classes) of both networks.

    Attributes:
        image: uint8 (height, width, 3).
        label: uint8 (height, width).
        front_end, whole: of the front end alone, and with the context module.
    """

    image: np.ndarray
    label: np.ndarray
    front_end: np.ndarray
    whole: np.ndarray


def predictions(
    both_logits: keras.Model, tiles: Tiles, batch_size: int, count: int | None = None
) -> Iterator[Prediction]:
    """Of the first `count` images, or of all, in stored order.

    Probabilities are interpolated between the positions of the maps, not logits, as
    in the released code.

    Args:
        both_logits: input -> logits of the front end and of the whole network.
        batch_size: images that are read, and tiles that are predicted, at once.
    """
    examples = tiles.first(tiles.images.count if count is None else count)
    while group := list(islice(examples, batch_size)):
        inputs = np.concatenate([example["inputs"] for example in group])
        logits = predict_in_batches(both_logits, inputs, batch_size)
        ends = np.cumsum([len(example["inputs"]) for example in group])[:-1]
        for example, found in zip(group, np.split(logits, ends), strict=True):
            size = example["label"].shape
            halves = [
                enlarge(_joined(x, size, tiles.sides), tiles.view.stride, size)
                for x in (softmax(half, axis=-1) for half in np.split(found, 2, -1))
            ]
            yield Prediction(example["image"], example["label"], *halves)


def enlarge(maps: np.ndarray, stride: int, size: tuple[int, int]) -> np.ndarray:
    """Maps whose positions are `stride` pixels apart, bilinearly for every pixel.

    Position r is at pixel r * stride; behind the last position its value stays.

    Args:
        maps: (height, width, channels).
        size: height and width of the result.
    """
    for axis, length in enumerate(size):
        place = np.arange(length) / stride
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, maps.shape[axis] - 1)
        share = (place - low).astype(maps.dtype).reshape(-1, *[1] * (2 - axis))
        first, second = maps.take(low, axis), maps.take(high, axis)
        maps = first + share * (second - first) if stride > 1 else first
    return maps


def _joined(tiles: np.ndarray, size, sides) -> np.ndarray:
    """(tiles, height, width, channels), row by row, as one map."""
    columns = -(-size[1] // sides[1])
    count, height, width, channels = tiles.shape
    grid = tiles.reshape(count // columns, columns, height, width, channels)
    rows = np.concatenate(list(np.moveaxis(grid, 1, 0)), axis=2)
    return np.concatenate(list(rows), axis=0)


class Tally:
    """Sums over the pixels of the test images.

    Args:
        num_classes: C.
        sight: how far, in pixels, a cue is still in sight.
    """

    def __init__(self, num_classes: int, sight: int):
        self.num_classes = num_classes
        self.sight = sight
        self.count = 0
        self.whole = np.zeros((num_classes, num_classes), np.int64)
        self.front_end = self.whole.copy()
        self.nats = 0.0
        self.right = {"in_sight": 0, "out_of_sight": 0}
        self.seen = dict.fromkeys(self.right, 0)

    def add(self, found: Prediction, distance: np.ndarray | None) -> None:
        """Counts one image; `distance` of its pixels from the cue, where known."""
        self.count += 1
        label, guess = found.label, found.whole.argmax(axis=-1)
        self.whole += confusion_matrix(label, guess, self.num_classes)
        first = found.front_end.argmax(axis=-1)
        self.front_end += confusion_matrix(label, first, self.num_classes)
        known = label != IGNORED
        chosen = found.whole[known, label[known]].astype(np.float64)
        # The smallest float32: a probability of 0 would cost infinitely much.
        self.nats -= np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).sum()
        if distance is not None:
            # Things whose class only the cue tells: not the ground, not the cue.
            is_thing = known & (label > 0) & (distance > 0)
            near = distance <= self.sight
            for name, of in (("in_sight", near), ("out_of_sight", ~near)):
                self.seen[name] += int((is_thing & of).sum())
                self.right[name] += int((guess == label)[is_thing & of].sum())

    def metrics(self, passport: dict[str, str]) -> dict[str, Metric]:
        """By name; `passport` goes with every mean IoU."""
        whole, first = map(mean_iou_percent, (self.whole, self.front_end))
        found = {
            "mean_iou_percent": Metric.of(whole, self.count, passport),
            "front_end_mean_iou_percent": Metric.of(first, self.count, passport),
            "context_gain_points": Metric.of(whole - first, self.count, passport),
        }
        accuracy = pixel_accuracy_percent(self.whole)
        found["pixel_accuracy_percent"] = Metric.of(accuracy, self.count)
        nats = self.nats / self.whole.sum()
        found["cross_entropy_nats"] = Metric.of(nats, self.count)
        for name, seen in self.seen.items():
            if seen:
                percent = 100 * self.right[name] / seen
                found[f"{name}_accuracy_percent"] = Metric.of(percent, self.count)
        return found


def identity_metrics(
    front_end: keras.Model, context: keras.Model, tiles: Tiles, count: int
) -> dict[str, Metric]:
    """How far a context module is from passing its input on.

    On the front end's maps of the first test images, cut off below 0 as the module's
    layers do: Equations 4 and 5 make it (nearly) the identity there.
    """
    before, after = [], []
    for example in tiles.first(count):
        maps = ops.convert_to_numpy(front_end(example["inputs"], training=False))
        before.append(np.maximum(maps, 0).ravel())
        # GPUs round to TensorFloat-32 in convolutions.
        with keras.device("cpu:0"):
            passed = context(np.maximum(maps, 0), training=False)
            after.append(ops.convert_to_numpy(passed).ravel())
    x, y = np.concatenate(before), np.concatenate(after)
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant map: NaN
        correlation = np.corrcoef(x.astype(np.float64), y.astype(np.float64))[0, 1]
    return {
        "identity_max_difference": Metric.of(np.abs(y - x).max(), count),
        "identity_correlation": Metric.of(correlation, count),
    }
