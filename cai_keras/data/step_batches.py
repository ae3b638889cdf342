"""Batches that are functions of their step: any step can be the first, any rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class StepBatches:
    """An endless stream of global batches, each a function of its step alone.

    That is what makes a resumed run equal to an undisturbed one, and N replicas see
    the examples that one would see: a replica makes only its rows of the same batch.

    Attributes:
        make: (step, rows) -> the batch's examples `rows`; step is an int64 scalar
            counted from 0, rows int64 (n,) in [0, batch_size). An example may depend
            on its step and row, never on which other rows are asked for.
        batch_size: examples in a global batch.
    """

    make: Callable[[tf.Tensor, tf.Tensor], Any]
    batch_size: int

    def __call__(
        self, first_step: int, rows: range | None = None, stride: int = 1
    ) -> tf.data.Dataset:
        """Batches of the steps first_step, first_step + stride, ...

        Args:
            rows: which examples of each global batch; all if None.
        """
        rows = range(self.batch_size) if rows is None else rows

        def make(step):
            return self.make(step, tf.range(rows.start, rows.stop, dtype=tf.int64))

        steps = tf.data.Dataset.counter(first_step, stride, tf.int64)
        mapped = steps.map(make, tf.data.AUTOTUNE, deterministic=True)
        return mapped.prefetch(tf.data.AUTOTUNE)
