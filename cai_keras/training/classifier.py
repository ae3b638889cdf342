"""Classification: the learning rule, and how well a network does it."""

from collections.abc import Callable, Iterable

import keras
import numpy as np
from keras import ops

from cai_keras.metrics.top_k_error import top_k_errors
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.learner import Learner, Update


class Classifier(Learner):
    """Cross-entropy of the softmax over classes.

    Its network, `classifier`, takes images to logits; batches are {"image", "label"}.
    """

    def updates(self):
        return [Update("classifier", ("classifier",), self.losses_of_images)]

    def losses_of_images(self, batch):
        logits = self.networks["classifier"](batch["image"], training=True)
        loss = keras.losses.sparse_categorical_crossentropy(
            batch["label"], logits, from_logits=True
        )
        return {"cross_entropy": loss}


class ErrorCounts:
    """Sums of errors over labelled images, whose logits may come in parts.

    Top-5 errors are counted where there are more than five classes.

    Attributes:
        count: of images.
        errors: k -> number of top-k errors.
        cross_entropy: sum over images, in nats.
    """

    def __init__(self, num_classes: int):
        self.count = 0
        self.errors = {k: 0 for k in (1, 5) if k < num_classes}
        self.cross_entropy = 0.0

    def add(self, logits: np.ndarray, labels: np.ndarray) -> None:
        """Adds images: logits (n, classes), labels (n,)."""
        for k in self.errors:
            self.errors[k] += int(ops.count_nonzero(top_k_errors(logits, labels, k)))
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )
        self.cross_entropy += float(ops.sum(losses))
        self.count += len(labels)

    def error_percent(self, k: int = 1) -> Metric:
        """Top-k error over all images."""
        return Metric.of(100 * self.errors[k] / self.count, self.count)

    def cross_entropy_nats(self) -> Metric:
        """Mean over all images."""
        return Metric.of(self.cross_entropy / self.count, self.count)

    def metrics(self) -> dict[str, Metric]:
        """top1_error_percent, top5_error_percent and cross_entropy_nats."""
        found = {f"top{k}_error_percent": self.error_percent(k) for k in self.errors}
        return {**found, "cross_entropy_nats": self.cross_entropy_nats()}


def count_errors(
    network: keras.Model,
    labelled: Iterable[tuple[np.ndarray, np.ndarray]],
    batch_size: int,
) -> ErrorCounts:
    """Every image once.

    Args:
        network: images -> logits.
        labelled: (images, labels) of any number. Images with several crops,
            (n, crops, height, width, channels), get the logarithm of the mean of their
            crops' probabilities (Krizhevsky et al. 2012, Section 4.1).
    """
    counts = ErrorCounts(network.output_shape[-1])
    for images, labels in labelled:
        if images.ndim == 5:
            crops = images.reshape(-1, *images.shape[2:])
            logits = predict_in_batches(network, crops, batch_size)
            probabilities = ops.softmax(logits.reshape(*images.shape[:2], -1))
            logits = ops.log(ops.mean(probabilities, axis=1))
        else:
            logits = predict_in_batches(network, images, batch_size)
        counts.add(ops.convert_to_numpy(logits), labels)
    return counts


def classification_evaluators(
    network: keras.Model, task, batch_size: int, *more: Callable[[], dict[str, Metric]]
) -> dict[str, Callable[[], dict[str, Metric]]]:
    """The evaluators of an experiment on an `ImageTask`: `test`, maybe `validation`.

    The metrics of both are those of `ErrorCounts` on their images. The test has also
    those with ten crops as `ten_crop_...`, and on a sample of the training images as
    `training_...`, where the task has them.

    Args:
        more: functions that give further metrics.
    """
    parts = {
        "": task.test,
        "ten_crop_": task.ten_crops,
        "training_": task.training_sample,
    }

    def test() -> dict[str, Metric]:
        found = {}
        for prefix, part in parts.items():
            if part is not None:
                metrics = count_errors(network, part(), batch_size).metrics()
                found.update((prefix + name, value) for name, value in metrics.items())
        for measure in more:
            found.update(measure())
        return found

    evaluators = {"test": test}
    if task.validation is not None:
        evaluators["validation"] = lambda: count_errors(
            network, task.validation(), batch_size
        ).metrics()
    return evaluators
