"""What is measured beside errors: equal forms, confused spacings, sizes of branches."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np

from cai_keras.networks.inception import GOOGLENET
from cai_keras.networks.resnext import FORMS, share_weights
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

from .data import SPACINGS
from .model import build_resnext_in_form

BRANCHES = {
    "1x1": ("conv1",),
    "3x3": ("reduce3", "conv3"),
    "5x5": ("reduce5", "conv5"),
    "pool": ("project",),
}
Labelled = Iterable[tuple[np.ndarray, np.ndarray]]


def form_metrics(
    network: keras.Model, model, test: Labelled, batch_size: int
) -> dict[str, Metric]:
    """How far the forms of one trained network are apart: 0 but for rounding.

    Args:
        network: ResNeXt in the grouped form.
        model: its recipe's section.
        test: (images, labels) of any number.
    Returns:
        joined_form_difference and summed_form_difference, the largest difference of a
        logit over all images and classes; largest_form_difference, of the two.
    """
    others = {
        form: build_resnext_in_form(form, model, network.input_shape[1:])
        for form in FORMS
        if form != "grouped"
    }
    for other in others.values():
        share_weights(network, other)
    largest, count = dict.fromkeys(others, 0.0), 0
    for images, _ in test:
        expected = predict_in_batches(network, images, batch_size)
        count += len(images)
        for form, other in others.items():
            found = predict_in_batches(other, images, batch_size)
            largest[form] = max(largest[form], float(np.abs(found - expected).max()))
    metrics = {f"{form}_form_difference": largest[form] for form in largest}
    metrics["largest_form_difference"] = max(largest.values())
    return {name: Metric.of(value, count) for name, value in metrics.items()}


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
