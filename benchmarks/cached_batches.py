"""One batch of a pipeline over and over: training that never waits for data."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class CachedBatches:
    """The first batch of a pipeline, at every step; any rows of it.

    It can stand where `cai_keras.data.step_batches.StepBatches` stands.

    Args:
        batches: first step -> endless dataset.
    """

    def __init__(self, batches: Callable[[int], tf.data.Dataset]):
        self.batch: Any = next(iter(batches(0)))

    def __call__(
        self, first_step: int = 0, rows: range | None = None, stride: int = 1
    ) -> tf.data.Dataset:
        del first_step, stride  # all steps are alike
        batch = self.batch
        if rows is not None:
            batch = tf.nest.map_structure(lambda x: x[rows.start : rows.stop], batch)
        return tf.data.Dataset.from_tensors(batch).repeat().prefetch(2)
