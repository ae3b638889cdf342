"""Errors, the training loss, and how strong the features of each stage are."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from cai_keras.layers.mask_gate import MaskGate
from cai_keras.reporting.record import Metric
from cai_keras.training.classifier import ErrorCounts
from cai_keras.training.inference import predict_in_batches

Labelled = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Findings:
    """Sums over images.

    Attributes:
        errors: of the network.
        responses: (stages,), each image's mean |feature| of each stage's output.
    """

    errors: ErrorCounts
    responses: np.ndarray


class Probe:
    """A network's logits and the mean responses of its stages, in one pass."""

    def __init__(self, network: keras.Model):
        self.num_classes = network.output_shape[-1]
        stages = [x for x in network.layers if re.fullmatch(r"stage\d+", x.name)]
        responses = [
            ops.mean(ops.abs(ops.cast(stage.output, "float32")), axis=(1, 2, 3))
            for stage in stages
        ]
        # One output for `predict_in_batches`.
        outputs = [ops.cast(network.output, "float32"), ops.stack(responses, axis=1)]
        self._model = keras.Model(network.input, ops.concatenate(outputs, axis=1))

    def __call__(self, images: np.ndarray, batch_size: int):
        """Logits (n, classes) and responses (n, stages)."""
        found = predict_in_batches(self._model, images, batch_size)
        return np.split(found, [self.num_classes], axis=1)


def examine(probe: Probe, labelled: Labelled, batch_size: int) -> Findings:
    """Every image once; they may come in parts of any size."""
    errors, responses = ErrorCounts(probe.num_classes), 0.0
    for images, labels in labelled:
        logits, strengths = probe(images, batch_size)
        errors.add(logits, labels)
        responses = responses + strengths.sum(axis=0, dtype=np.float64)
    return Findings(errors, np.asarray(responses))


def metrics_of(test: Findings, sample: Findings | None) -> dict[str, Metric]:
    """The test split's metrics.

    `last_stage_response_decibels` is 20 log10 of the last stage's mean |feature|: a
    difference of 20 is a factor of 10. The training loss is that of the labels that
    were trained on, right or wrong.

    Args:
        sample: of training images, if there are any in memory.
    """
    count = test.errors.count
    metrics = {"error_percent": test.errors.error_percent()}
    if 5 in test.errors.errors:
        metrics["top5_error_percent"] = test.errors.error_percent(5)
    responses = test.responses / count
    for stage, response in enumerate(responses, start=1):
        name = f"stage{stage}_mean_absolute_response"
        metrics[name] = Metric.of(response, count)
    decibels = 20 * np.log10(responses[-1]) if responses[-1] > 0 else np.nan
    metrics["last_stage_response_decibels"] = Metric.of(decibels, count)
    if sample is not None:
        metrics["training_cross_entropy_nats"] = sample.errors.cross_entropy_nats()
    return metrics


@dataclass(frozen=True)
class GateMaps:
    """What a mask does, each float (images, height, width), averaged over channels.

    Attributes:
        name: of the module, such as stage1_module1.
        before, after: mean |feature| before and after the gate.
        mask: mean mask.
    """

    name: str
    before: np.ndarray
    mask: np.ndarray
    after: np.ndarray


def first_and_last_gate(network: keras.Model, images: np.ndarray) -> list[GateMaps]:
    """The gates of the lowest and of the highest module; none without modules."""
    gates = [layer for layer in network.layers if isinstance(layer, MaskGate)]
    if not gates:
        return []
    ends = [gates[0], gates[-1]]
    maps_of_both = keras.Model(
        network.input, [[*gate.input, gate.output] for gate in ends]
    )(images)
    found = []
    for gate, maps in zip(ends, maps_of_both, strict=True):
        trunk, mask, gated = (ops.convert_to_numpy(m).astype("float32") for m in maps)
        before, after = (np.abs(m).mean(axis=-1) for m in (trunk, gated))
        name = gate.name.removesuffix("_gate")
        found.append(GateMaps(name, before, mask.mean(axis=-1), after))
    return found
