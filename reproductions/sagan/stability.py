"""What training has done to layers: their singular values, and attention's gamma."""

import keras
import numpy as np
from keras import ops

from cai_keras.layers.self_attention2d import SelfAttention2D
from cai_keras.layers.spectral_normalization import SpectralNormalization
from cai_keras.reporting.record import Metric


def largest_singular_values(network: keras.Model) -> dict[str, float]:
    """Of the matrix (inputs, outputs) that each layer multiplies with, by its path.

    With spectral normalisation that is W / sigma with the estimate of sigma that the
    next call would use: near 1 if the estimate keeps up with training.
    """
    found = {}
    layers = network._flatten_layers()
    sigmas = {
        id(layer.layer): float(ops.convert_to_numpy(layer.singular_value()))
        for layer in layers
        if isinstance(layer, SpectralNormalization)
    }
    for layer in layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            kernel = np.asarray(ops.convert_to_numpy(layer.kernel), np.float64)
            matrix = kernel.reshape(-1, kernel.shape[-1])
            norm = np.linalg.norm(matrix, 2)
            found[layer.path] = float(norm / sigmas.get(id(layer), 1.0))
    return found


def singular_value_metrics(networks) -> dict[str, Metric]:
    """Over the layers of each network: the largest and the smallest of these values.

    log10_..._singular_value_largest: of the largest, so that a difference is a ratio.
    """
    metrics = {}
    for name, network in networks.items():
        values = list(largest_singular_values(network).values())
        for which, value in (
            (f"{name}_singular_value_largest", max(values)),
            (f"{name}_singular_value_smallest", min(values)),
            (f"log10_{name}_singular_value_largest", np.log10(max(values))),
        ):
            metrics[which] = Metric.of(value, len(values))
    return metrics


def gammas(networks) -> dict[str, float]:
    """The factor of what attention adds, by network; none without attention."""
    return {
        name: float(ops.convert_to_numpy(layer.gamma))
        for name, network in networks.items()
        for layer in network.layers
        if isinstance(layer, SelfAttention2D)
    }


def gamma_values(networks) -> dict[str, Metric]:
    """gamma of each network that has attention, with its sign, for curves."""
    found = gammas(networks).items()
    return {f"{name}_gamma": Metric.of(value, 1) for name, value in found}


def gamma_metrics(networks, at_start: dict[str, float]) -> dict[str, Metric]:
    """How far gamma is from 0, and how far it was; its sign has no meaning.

    Args:
        at_start: `gammas` before training.
    """
    found = {}
    for suffix, values in (("", gammas(networks)), ("_at_start", at_start)):
        for name, value in values.items():
            found[f"{name}_gamma_size{suffix}"] = Metric.of(abs(value), 1)
    return found
