"""Batches of examples that are costly to make, each made on its own and in parallel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class ExampleBatches:
    """As `StepBatches`, for files that are read and decoded one by one.

    An endless stream of global batches, each a function of its step alone. The
    examples of a batch are made side by side; a batch that is made as a whole would
    have to wait for one core.

    Attributes:
        make: (step, row) -> one example; int64 scalars, the row in [0, batch_size).
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
        count = len(rows)

        def make(position):
            step = first_step + stride * (position // count)
            return self.make(step, rows.start + position % count)

        positions = tf.data.Dataset.counter(0, 1, tf.int64)
        made = positions.map(make, tf.data.AUTOTUNE, deterministic=True)
        return made.batch(count, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
