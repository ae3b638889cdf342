"""Random numbers that belong to a step and a row of its batch."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class RowRandom:
    """Draws for some rows of a step's global batch.

    A row gets the same numbers whichever other rows are asked for, so that replicas,
    each of which makes its own rows, see together what one device would see. (The
    numbers of the whole batch are drawn, and the rows' ones taken.)

    Attributes:
        seed: of the run.
        step: int64 scalar.
        rows: int64 (n,).
        batch_size: of the global batch.
    """

    seed: int
    step: tf.Tensor
    rows: tf.Tensor
    batch_size: int

    def uniform(self, stream: int, shape=(), **options) -> tf.Tensor:
        """(n, *shape), uniform in [minval, maxval).

        Args:
            stream: a number of its own for every use within a batch.
            options: of `tf.random.stateless_uniform`: minval, maxval, dtype.
        """
        return self._draw(tf.random.stateless_uniform, stream, shape, options)

    def normal(self, stream: int, shape=(), **options) -> tf.Tensor:
        """(n, *shape), normal; options mean and stddev, 0 and 1 if not given."""
        return self._draw(tf.random.stateless_normal, stream, shape, options)

    def _draw(self, function, stream: int, shape, options) -> tf.Tensor:
        key = tf.constant([self.seed, stream], tf.int32)
        key = tf.random.fold_in(key, self.step)
        drawn = function([self.batch_size, *shape], key, **options)
        return tf.gather(drawn, self.rows)
