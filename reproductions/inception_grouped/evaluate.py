"""What is measured beside errors: other forms, confused spacings, sizes of branches."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np

from cai_keras.networks.inception import GOOGLENET
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

from .data import SPACINGS

BRANCHES = {
    "1x1": ("conv1",),
    "3x3": ("reduce3", "conv3"),
    "5x5": ("reduce5", "conv5"),
    "pool": ("project",),
}
Labelled = Iterable[tuple[np.ndarray, np.ndarray]]


def form_difference(
    network: keras.Model, other: keras.Model, test: Labelled, batch_size: int
) -> Metric:
    """Largest difference of a logit between two networks, over all images and classes.

    Args:
        test: (images, labels) of any number.
    """
    largest, count = 0.0, 0
    for images, _ in test:
        logits = [predict_in_batches(n, images, batch_size) for n in (network, other)]
        largest = max(largest, float(np.abs(np.subtract(*logits)).max()))
        count += len(images)
    return Metric.of(largest, count)


def spacing_counts(network: keras.Model, test: Labelled, batch_size: int) -> np.ndarray:
    """Test images of the paired lines by their spacing (row) and the one answered.

    Returns:
        int (3, 3); directions are left aside.
    """
    counts = np.zeros((len(SPACINGS), len(SPACINGS)), int)
    for images, labels in test:
        answers = predict_in_batches(network, images, batch_size).argmax(axis=1)
        np.add.at(counts, (labels // 2, answers // 2), 1)
    return counts


def spacing_metrics(counts: np.ndarray) -> dict[str, Metric]:
    """spacing<a>_taken_for_<b>_percent: of the images with spacing a."""
    metrics = {}
    for row, true in zip(counts, SPACINGS, strict=True):
        for answered, taken in zip(SPACINGS, row, strict=True):
            name = f"spacing{true}_taken_for_{answered}_percent"
            metrics[name] = Metric.of(100 * taken / row.sum(), int(row.sum()))
    return metrics


def branch_parameters(network: keras.Model) -> Mapping[str, Mapping[str, int]]:
    """Module -> branch -> parameters, 1x1 convolutions with the branch they serve."""
    return {
        module: {
            branch: sum(
                network.get_layer(f"inception{module}_{part}").count_params()
                for part in parts
            )
            for branch, parts in BRANCHES.items()
        }
        for module in GOOGLENET
    }
