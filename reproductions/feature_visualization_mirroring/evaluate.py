"""Errors of mirrored images by column, and where attention looks."""

from collections.abc import Callable

import keras
import numpy as np

from cai_keras.metrics.classification import accuracy_percent
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

from . import theory
from .data import MirrorData
from .model import ATTENTION

_BATCH = 250
Mirror = Callable[[np.ndarray], np.ndarray]

# Predictors that learn nothing.
REFERENCES: dict[str, Mirror] = {
    "mean": np.zeros_like,
    "identity": lambda images: images,
    "mirror": lambda images: images[:, :, ::-1],
}


def predictor(network) -> Mirror:
    """The network as a function of float32 (n, side, side, channels)."""
    return lambda images: predict_in_batches(network, images, _BATCH)


def squared_errors(mirror: Mirror, images: np.ndarray) -> np.ndarray:
    """Squared error of every value, like `images`."""
    return np.square(mirror(images).astype(np.float64) - images[:, :, ::-1])


def column_mse(errors: np.ndarray) -> np.ndarray:
    """Mean over images, rows and channels: one number for each output column."""
    return errors.mean(axis=(0, 1, 3))


def mirror_metrics(mirror: Mirror, data: MirrorData, settings) -> dict[str, Metric]:
    """MSE, and what it means: PSNR of images, profiles over the columns of noise.

    Args:
        settings: the recipe's `evaluate` section.
    """
    errors = squared_errors(mirror, data.test)
    count, mse = len(errors), errors.mean()
    metrics = {"mse": Metric.of(mse, count)}
    if data.value_range is not None:
        metrics["psnr_db"] = Metric.of(psnr(mse, data.value_range), count)
    if data.some_train is not None:
        seen = data.some_train(settings.training_images)
        error = squared_errors(mirror, seen).mean()
        metrics["training_images_mse"] = Metric.of(error, len(seen))
    else:
        columns = column_mse(errors)
        for radius in settings.radii:
            floors = theory.column_floors(len(columns), radius)
            value = theory.correlation(columns, floors)
            metrics[f"column_correlation_r{radius}"] = Metric.of(value, count)
    return metrics


def psnr(mse: float, value_range: float) -> float:
    """10 log10(range^2 / MSE) in dB, of the error over all images together."""
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(value_range**2 / mse))


def attention_maps(network, images: np.ndarray) -> np.ndarray:
    """Weights of the network's attention, float (n, positions, positions)."""
    layer = network.get_layer(ATTENTION)
    before = keras.Model(network.input, layer.input)
    return keras.ops.convert_to_numpy(layer.attention_weights(before(images)))


def attention_metrics(network, images: np.ndarray) -> dict[str, Metric]:
    """How often a query's largest weight is at its mirrored position, and entropy.

    A query (y, x) of a map of width W should look at (y, W - 1 - x). The entropy of a
    row, in nats, is 0 for one position and ln n for n equal weights.
    """
    maps = attention_maps(network, images)
    layer = network.get_layer(ATTENTION)
    height, width = layer.input.shape[1:3]
    right = maps.argmax(axis=-1) == mirrored_positions(height, width)
    logs = np.log(np.maximum(maps, np.finfo(np.float32).tiny))
    entropy = -(maps * logs).sum(axis=-1)
    return {
        "attention_argmax_percent": Metric.of(100 * right.mean(), len(images)),
        "attention_entropy_nats": Metric.of(entropy.mean(), len(images)),
    }


def mirrored_positions(height: int, width: int) -> np.ndarray:
    """For each position, row by row, the number of its mirrored one."""
    return np.arange(height * width).reshape(height, width)[:, ::-1].ravel()


def classifier_metrics(network, images: np.ndarray, labels) -> dict[str, Metric]:
    """Accuracy on images in [-1, 1]."""
    predicted = predict_in_batches(network, images, _BATCH).argmax(axis=1)
    value = accuracy_percent(predicted, labels)
    return {"accuracy_percent": Metric.of(value, len(labels))}
