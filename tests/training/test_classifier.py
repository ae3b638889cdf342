"""Errors and cross-entropy of classifiers, by hand."""

import keras
import numpy as np
import pytest

from cai_keras.data.image_task import ImageTask
from cai_keras.data.loaded import LoadedData
from cai_keras.reporting.record import Metric
from cai_keras.training.classifier import (
    ErrorCounts,
    classification_evaluators,
    count_errors,
)


def identity(classes=3):
    """Images of 1 x 1 pixel whose channels are the logits."""
    inputs = keras.Input((1, 1, classes))
    return keras.Model(inputs, keras.ops.reshape(inputs, (-1, classes)))


def images(*logits):
    return np.array(logits, np.float32)[:, None, None, :]


def test_errors_and_cross_entropy_are_sums_over_parts():
    counts = ErrorCounts(num_classes=3)

    counts.add(np.array([[2.0, 0, 0], [0, 1, 0]], np.float32), np.array([0, 2]))
    counts.add(np.array([[0.0, 0, 3]], np.float32), np.array([2]))

    # -log softmax: log(e^2 + 2) - 2, log(e + 2) - 0, log(e^3 + 2) - 3
    expected = np.log(np.exp(2) + 2) - 2 + np.log(np.e + 2) + np.log(np.exp(3) + 2) - 3
    metrics = counts.metrics()
    assert counts.count == 3
    assert set(metrics) == {"top1_error_percent", "cross_entropy_nats"}
    assert metrics["top1_error_percent"].value == pytest.approx(100 / 3)
    assert metrics["cross_entropy_nats"].value == pytest.approx(expected / 3, rel=1e-5)


def test_five_best_are_counted_where_there_are_more_than_five_classes():
    logits = np.arange(12.0, dtype=np.float32).reshape(2, 6)

    counts = ErrorCounts(6)
    counts.add(logits, np.array([0, 1]))

    # The sixth of six is an error, the fifth is none.
    assert counts.metrics()["top5_error_percent"].value == 50


def test_a_network_is_tested_on_every_image_of_all_parts():
    parts = [
        (images([1, 0, 0], [0, 1, 0], [0, 0, 1]), np.array([0, 0, 2])),
        (images([0, 5, 0]), np.array([0])),
    ]

    counts = count_errors(identity(), parts, batch_size=2)

    assert counts.count == 4
    assert counts.errors[1] == 2


def test_crops_of_an_image_vote_by_the_mean_of_their_probabilities():
    # Of the first of two classes; their mean is 0.53. The mean of the logits would be
    # (2 log 4 - log 999) / 3 < 0, the other class.
    shares = np.array([0.8, 0.8, 0.001])
    crops = np.log(np.stack([shares, 1 - shares], axis=1))
    crops = crops.astype(np.float32)[None, :, None, None, :]

    counts = count_errors(identity(2), [(crops, np.array([0]))], batch_size=2)

    assert counts.errors[1] == 0
    assert counts.cross_entropy == pytest.approx(-np.log(shares.mean()), rel=1e-5)


def test_a_task_is_evaluated_on_what_it_has():
    part = (images([1, 0, 0]), np.array([0]))
    task = ImageTask(
        batches=None,
        test=lambda: iter([part]),
        image_shape=(1, 1, 3),
        info=LoadedData("two", "1.0.0", {}),
        training_sample=lambda: iter([part, (part[0], np.array([1]))]),
    )

    more = {"layers": Metric.of(7.0, 1)}
    evaluators = classification_evaluators(identity(), task, 4, lambda: more)

    found = evaluators["test"]()
    assert list(evaluators) == ["test"]
    assert set(found) == {
        "top1_error_percent", "cross_entropy_nats", "layers",
        "training_top1_error_percent", "training_cross_entropy_nats",
    }  # fmt: skip
    assert found["top1_error_percent"].value == 0
    assert found["training_top1_error_percent"].value == 50
    assert found["layers"].value == 7


def test_ten_crops_have_metrics_of_their_own():
    crops = (np.ones((2, 10, 1, 1, 3), np.float32), np.array([0, 1]))
    one = (images([1, 0, 0], [0, 1, 0]), np.array([0, 1]))
    task = ImageTask(
        batches=None,
        test=lambda: iter([one]),
        image_shape=(1, 1, 3),
        info=LoadedData("two", "1.0.0", {}),
        ten_crops=lambda: iter([crops]),
    )

    found = classification_evaluators(identity(), task, 4)["test"]()

    assert found["top1_error_percent"].value == 0
    # All classes alike are an error.
    assert found["ten_crop_top1_error_percent"].value == 100
