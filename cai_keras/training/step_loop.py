"""Many training steps in one call of a compiled function."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from cai_keras.training.learner import Learner


@dataclass(frozen=True)
class CallResult:
    """What one call did.

    Attributes:
        steps: steps taken; fewer than asked for when a loss was not finite.
        losses: mean of each loss over those steps.
        broken: name of the first loss that was NaN or infinite, else None.
    """

    steps: int
    losses: dict[str, float]
    broken: str | None


class StepLoop:
    """Compiles a learner's step once and runs it many times a call.

    Leaving Python between steps costs more than a small network's step; the loop
    itself is part of the graph. Under `tf.distribute` the step will be the argument
    of `strategy.run` here, and nowhere else.

    Args:
        learner: its optimizers must be built.
        element_spec: the batches' `tf.data` element spec.
    """

    def __init__(self, learner: Learner, element_spec: Any):
        self._learner = learner  # a traced function does not keep variables alive
        step = tf.function(learner.train_step, autograph=False)
        self._step = step.get_concrete_function(element_spec)
        self.loss_names = tuple(self._step.structured_outputs)
        self._call = tf.function(self._many)

    def run(self, iterator: Iterator, steps: int) -> CallResult:
        """Takes `steps` steps; stops after the first one with a bad loss."""
        total, last, taken = self._call(iterator, tf.constant(steps))
        taken = int(taken)
        means = (total.numpy() / taken).tolist()
        finite = tf.math.is_finite(last).numpy()
        broken = next(
            (n for n, ok in zip(self.loss_names, finite, strict=True) if not ok), None
        )
        losses = dict(zip(self.loss_names, means, strict=True))
        return CallResult(taken, losses, broken)

    def _many(self, iterator, steps):
        total = tf.zeros([len(self.loss_names)])
        last = tf.zeros_like(total)
        taken = 0
        while taken < steps and tf.reduce_all(tf.math.is_finite(last)):
            losses = self._step(next(iterator))
            last = tf.stack([tf.cast(losses[n], tf.float32) for n in self.loss_names])
            total += last
            taken += 1
        return total, last, taken
