"""What a network costs, and how much its layers read of earlier ones."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain

import keras
import numpy as np
from keras import ops

from cai_keras.reporting.record import Metric
from cai_keras.training.multiply_adds import count_multiply_adds


def cost_metrics(network: keras.Model) -> dict[str, Metric]:
    """`multiply_adds_millions` of one image."""
    if keras.backend.backend() != "tensorflow":
        reason = "multiply-adds are counted in TensorFlow's graph only"
        return {"multiply_adds_millions": Metric(value=None, reason=reason)}
    millions = count_multiply_adds(network) / 1e6
    return {"multiply_adds_millions": Metric.of(millions, count=1)}


def weights_by_source(network: keras.Model) -> list[np.ndarray]:
    """Mean absolute weights between the layers of each dense block: Figure 5.

    A layer reads by its first convolution. Its weights on the channels that one
    earlier layer made are averaged: their l1 norm over their number.

    Returns:
        For a block of n layers a float32 matrix (n + 1, n + 1). Rows are sources: the
        block's input, then its layers. Columns are readers: its layers, then the
        transition or the classifier behind it. NaN where a reader comes first.
    """
    found = []
    for readers in _readers(network):
        kernels = [ops.convert_to_numpy(reader.kernel) for reader in readers]
        # A reader's channels end where its own features begin in the next one's.
        ends = [kernel.shape[-2] for kernel in kernels]
        starts = [0, *ends[:-1]]
        matrix = np.full((len(readers), len(readers)), np.nan, np.float32)
        for column, kernel in enumerate(kernels):
            per_channel = np.abs(np.moveaxis(kernel, -2, 0)).reshape(ends[column], -1)
            for row in range(column + 1):
                matrix[row, column] = per_channel[starts[row] : ends[row]].mean()
        found.append(matrix)
    return found


def reuse_metrics(blocks: Sequence[np.ndarray]) -> dict[str, Metric]:
    """What the paper observes in Figure 5, as ratios of mean absolute weights.

    Each is 1 where a reader treats all features of its block alike, as before training.

    layers_old_to_new_ratio: weight on what is older than the previous layer, over the
        weight on the previous layer; mean over layers.
    transitions_old_to_new_ratio: the same of transitions.
    transition_output_ratio: weight on the block's input over the weight on the block's
        layers; mean over the layers of all blocks that a transition leads to.
    classifier_late_to_early_ratio: of the classifier, the weight on the last half of
        the sources over that on the first half.

    Args:
        blocks: of `weights_by_source`.
    """
    layers = [_columns(matrix)[1:-1] for matrix in blocks]
    *transitions, classifier = (_columns(matrix)[-1] for matrix in blocks)
    half = len(classifier) // 2
    return {
        "layers_old_to_new_ratio": _mean(map(_old_to_new, chain(*layers))),
        "transitions_old_to_new_ratio": _mean(map(_old_to_new, transitions)),
        "transition_output_ratio": _mean(
            column[0] / column[1:].mean() for column in chain(*layers[1:])
        ),
        "classifier_late_to_early_ratio": _mean(
            [classifier[-half:].mean() / classifier[:half].mean()]
        ),
    }


def _columns(matrix: np.ndarray) -> list[np.ndarray]:
    """What each reader gives to the sources before it."""
    return [matrix[: column + 1, column] for column in range(len(matrix))]


def _old_to_new(column: np.ndarray) -> float:
    return column[:-1].mean() / column[-1]


def _mean(ratios: Iterable[float]) -> Metric:
    ratios = list(ratios)
    if not ratios:
        reason = "no layer has older and newer features to choose from"
        return Metric(value=None, reason=reason)
    return Metric.of(np.mean(ratios), len(ratios))


def _readers(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """By block, the convolutions that read its features, and what follows the block."""
    blocks: dict[int, dict[int, keras.layers.Layer]] = {}
    for layer in network.layers:
        match = re.fullmatch(r"block(\d+)_layer(\d+)_conv\d", layer.name)
        if match:
            # Of two convolutions the first one.
            blocks.setdefault(int(match[1]), {}).setdefault(int(match[2]), layer)
    names = [f"transition{number}_conv" for number in sorted(blocks)[:-1]]
    return [
        [*(blocks[number][index] for index in sorted(blocks[number])), after]
        for number, after in zip(
            sorted(blocks), map(network.get_layer, [*names, "logits"]), strict=True
        )
    ]
