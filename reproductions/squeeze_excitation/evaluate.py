"""Test errors, and what the gates do: mean excitations by class."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from cai_keras.reporting.record import Metric
from cai_keras.training.classifier import ErrorCounts
from cai_keras.training.inference import predict_in_batches


@dataclass(frozen=True)
class Findings:
    """Sums over the test images.

    Attributes:
        errors: of the network.
        class_counts: (classes,), images of each class.
        excitations: gate's name -> (classes, channels), sums of s.
    """

    errors: ErrorCounts
    class_counts: np.ndarray
    excitations: dict[str, np.ndarray]

    def class_means(self, gate: str) -> np.ndarray:
        """Mean excitation (classes, channels) of the classes that have an image."""
        present = self.class_counts > 0
        counts = self.class_counts[present, None]
        return self.excitations[gate][present] / counts

    @property
    def last_gates(self) -> dict[int, str]:
        """Stage -> its last block's gate, in order."""
        names = self.excitations
        return {int(re.match(r"stage(\d+)_", name)[1]): name for name in names}


class Probe:
    """A network's logits and all of its excitations, in one pass.

    Args:
        network: image -> logits, with or without gates.
    """

    def __init__(self, network: keras.Model):
        self.num_classes = network.output_shape[-1]
        self._gates = [g for g in network.layers if isinstance(g, SqueezeExcitation)]
        squeezed = [
            ops.mean(gate.input, axis=tuple(range(1, len(gate.input.shape) - 1)))
            for gate in self._gates
        ]
        # One output for `predict_in_batches`; float32 also in mixed precision.
        outputs = [ops.cast(x, "float32") for x in (network.output, *squeezed)]
        self._ends = np.cumsum([x.shape[-1] for x in outputs])[:-1]
        self._model = keras.Model(network.inputs[0], ops.concatenate(outputs, axis=-1))

    def __call__(
        self, images: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Logits (n, classes), and gate's name -> s (n, channels) in (0, 1)."""
        found = predict_in_batches(self._model, images, batch_size)
        logits, *squeezed = np.split(found, self._ends, axis=1)
        excitations = {}
        for gate, z in zip(self._gates, squeezed, strict=True):
            # A map of one position is its own mean.
            s = gate.excitations(ops.convert_to_tensor(z[:, None]))
            excitations[gate.name] = ops.convert_to_numpy(s)[:, 0]
        return logits, excitations


def examine(
    probe: Probe, test: Iterable[tuple[np.ndarray, np.ndarray]], batch_size: int
) -> Findings:
    """Every test image once; the images may come in parts of any size."""
    classes = probe.num_classes
    errors, class_counts, excitations = ErrorCounts(classes), np.zeros(classes, int), {}
    for images, labels in test:
        logits, gates = probe(images, batch_size)
        errors.add(logits, labels)
        class_counts += np.bincount(labels, minlength=classes)
        for name, s in gates.items():
            sums = excitations.setdefault(name, np.zeros((classes, s.shape[1])))
            np.add.at(sums, labels, s)
    return Findings(errors, class_counts, excitations)


def metrics_of(found: Findings) -> dict[str, Metric]:
    """Errors in percent, and by stage how much the gates tell classes apart.

    The spread of a stage is the standard deviation over classes of the mean excitation
    of its last block, averaged over channels: 0 where all classes are treated alike,
    0.5 where half of them are let through and half are not. Its growth is the last
    stage's less the first one's.
    """
    metrics, count = found.errors.metrics(), found.errors.count
    spreads = []
    for stage, gate in found.last_gates.items():
        means = found.class_means(gate)
        spreads.append(means.std(axis=0).mean())
        spread, mean = Metric.of(spreads[-1], count), Metric.of(means.mean(), count)
        metrics[f"excitation_spread_stage{stage}"] = spread
        metrics[f"excitation_mean_stage{stage}"] = mean
    if spreads:
        growth = Metric.of(spreads[-1] - spreads[0], count)
        metrics["excitation_spread_growth"] = growth
    return metrics
