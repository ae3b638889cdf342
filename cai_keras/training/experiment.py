"""What a paper hands to the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from cai_keras.data.loaded import LoadedData
from cai_keras.reporting.projector import Embeddings
from cai_keras.reporting.record import Metric
from cai_keras.training.lbfgs import minimises_whole_phase
from cai_keras.training.learner import Learner


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one learner on one stream of batches.

    Attributes:
        learner: networks and updates.
        batches: first step -> endless dataset of global batches. It must give the
            same batch for the same step however it was started: that is what makes a
            resumed run equal to an undisturbed one.
        steps: optimiser steps.
        batch_size: examples in a global batch.
        start: called before the first step and before any batch is asked for; again
            if the run is stopped before its next checkpoint, so that it must give the
            same from whatever was there.
        finish: called after the last step; what it leaves in the learner's variables
            is in the checkpoint that follows.
        progress: name -> function giving a picture (height, width, 3), in [0, 1] where
            it is to be seen; shown by TensorBoard and kept as a file whenever
            validation is due, and after the last step.
    """

    learner: Learner
    batches: Callable[[int], tf.data.Dataset]
    steps: int
    batch_size: int
    start: Callable[[], None] | None = None
    finish: Callable[[], None] | None = None
    progress: Mapping[str, Callable[[], np.ndarray]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """It has no checkpoints between its first and its last step."""
        return minimises_whole_phase(self.learner)


@dataclass(frozen=True)
class Experiment:
    """One variant of a paper, built for one seed.

    Attributes:
        phases: trained one after the other; none for a method that learns nothing.
        evaluators: split -> function giving named metrics. `validation` also runs
            during training; every other split only at the end.
        figures: name -> function drawing a figure of this run.
        dataset: what was loaded.
        embeddings: name -> function computing what TensorBoard's projector shows of
            this run.
        series: name -> function giving numbers that belong together, such as one for
            each layer; they are kept in the record, for figures over runs.
    """

    phases: tuple[Phase, ...]
    evaluators: Mapping[str, Callable[[], Mapping[str, Metric]]]
    dataset: LoadedData
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    embeddings: Mapping[str, Callable[[], Embeddings]] = field(default_factory=dict)
    series: Mapping[str, Callable[[], Sequence[float]]] = field(default_factory=dict)

    def networks(self) -> dict:
        """All networks by name; a later phase's network hides one of equal name."""
        return {
            name: network
            for phase in self.phases
            for name, network in phase.learner.networks.items()
        }
