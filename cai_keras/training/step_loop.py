"""Many training steps in one call of a compiled function."""

import time
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import config  # the public module cannot tell

from cai_keras.training.learner import Learner
from cai_keras.training.loop_result import CallResult
from cai_keras.training.updates import apply_updates


class StepLoop:
    """Compiles a learner's step once and runs it many times a call.

    Leaving Python between steps costs more than a small network's step; the loop
    itself is part of the graph. Which updates are due repeats with `learner.cycle`,
    so a whole cycle is one pass of the loop. (A condition inside the loop would be
    simpler; TensorFlow 2.21 cannot place it on several devices.)

    Args:
        learner: its optimizers must be built.
        element_spec: the batches' element spec, of a distributed dataset under a
            strategy of several replicas.
        strategy: TensorFlow's current one if None.
        global_batch: examples of all replicas; counted in each step if None.
        check_finite: stop at the first step with a loss that is NaN or infinite.
        jit_compile: compile the step with XLA; one replica only.
    """

    def __init__(
        self,
        learner: Learner,
        element_spec: Any,
        strategy: tf.distribute.Strategy | None = None,
        global_batch: int | None = None,
        check_finite: bool = True,
        jit_compile: bool = False,
    ):
        self._learner = learner  # a traced function does not keep variables alive
        self._strategy = strategy or tf.distribute.get_strategy()
        self._global_batch = global_batch
        self._check_finite = check_finite
        self._jit_compile = jit_compile
        self._cycle = learner.cycle
        # The last step of a cycle applies every update, so it has every loss.
        self._names: dict[tuple, tuple[str, ...]] = {}
        self._steps = {a: self._compile(a, element_spec) for a in set(self._cycle)}
        self.loss_names = self._names[self._cycle[-1]]
        self._calls = {}

    def run(self, iterator: Iterator, steps: int) -> CallResult:
        """Takes `steps` steps; stops after the first one with a bad loss."""
        parts = []
        for pattern, times in self._plan(steps):
            parts.append(self._call(pattern)(iterator, tf.constant(times)))
            if not parts[-1][-1]:
                break
        return self._summary(parts)

    def _compile(self, active, element_spec):
        learner, strategy = self._learner, self._strategy

        def on_replica(batch):
            losses = apply_updates(learner, batch, self._global_batch, active)
            self._names[active] = tuple(losses)
            # One tensor: all losses are summed over replicas at once.
            return tf.stack([tf.cast(loss, tf.float32) for loss in losses.values()])

        def step(batch):
            shares = strategy.run(on_replica, (batch,))
            if strategy.num_replicas_in_sync == 1:
                return shares
            return strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)

        function = tf.function(
            step, autograph=False, jit_compile=self._jit_compile or None
        )
        with strategy.scope():
            return function.get_concrete_function(element_spec)

    def _plan(self, steps: int):
        """(active updates of consecutive steps, how often they repeat) for a call."""
        length = len(self._cycle)
        if length == 1:
            return [(self._cycle, steps)]
        first = int(self._learner.steps.numpy()) % length
        head = min(-first % length, steps)
        whole, tail = divmod(steps - head, length)
        plan = _runs(self._cycle[first : first + head])
        if whole:
            plan.append((self._cycle, whole))
        return plan + _runs(self._cycle[:tail])

    def _call(self, pattern):
        """The compiled loop over a pattern of steps."""
        if pattern not in self._calls:

            def many(iterator, times):
                return self._many(iterator, times, pattern)

            self._calls[pattern] = tf.function(many)
        return self._calls[pattern]

    def _many(self, iterator, times, pattern):
        total = tf.zeros([2, len(self.loss_names)])  # sums and counts
        last = tf.zeros([len(self.loss_names)])
        taken, fine, passed, waited = 0, True, 0, tf.constant(0.0, tf.float64)
        while passed < times and fine:
            for active in pattern:
                batch, seconds = _next_batch(iterator, taken)
                waited += seconds
                values, present = self._losses(active, batch)
                # Later steps of the cycle run even after a bad loss; they are no
                # longer counted, and the run is over anyway.
                total += tf.where(fine, tf.stack([values, present]), 0.0)
                last = tf.where(fine, values, last)
                taken += tf.cast(fine, tf.int32)
                if self._check_finite:
                    fine = tf.logical_and(fine, tf.reduce_all(tf.math.is_finite(last)))
            passed += 1
        return total, last, taken, waited, fine

    def _losses(self, active, batch):
        """The step's losses and which of all losses it has, in order of names."""
        found = self._steps[active](batch)
        names = self._names[active]
        if names == self.loss_names:
            return found, tf.ones_like(found)
        # An array: at some steps of a cycle nothing is due, and there are no names.
        at = np.array([self.loss_names.index(n) for n in names], np.int32)[:, None]
        size = [len(self.loss_names)]
        return tf.scatter_nd(at, found, size), tf.scatter_nd(
            at, tf.ones_like(found), size
        )

    def _summary(self, parts) -> CallResult:
        sums, counts = sum(part[0].numpy() for part in parts)
        last = parts[-1][1].numpy()
        broken = None
        if self._check_finite:
            finite = tf.math.is_finite(last).numpy()
            pairs = zip(self.loss_names, finite, strict=True)
            broken = next((name for name, fine in pairs if not fine), None)
        losses = {
            name: float(value / count)
            for name, value, count in zip(self.loss_names, sums, counts, strict=True)
            if count
        }
        return CallResult(
            steps=sum(int(part[2]) for part in parts),
            losses=losses,
            broken=broken,
            wait_seconds=sum(float(part[3]) for part in parts),
        )


def _runs(actives) -> list[tuple[tuple, int]]:
    """Equal neighbours together: [((active,), how many), ...]."""
    return [((active,), len(list(same))) for active, same in groupby(actives)]


def _next_batch(iterator, after):
    """The next batch, and the seconds until it was there."""
    with tf.control_dependencies([after]):
        begin = _now()
    with tf.control_dependencies([begin]):
        batch = next(iterator)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, _now() - begin


def _now():
    """Seconds as a float64 scalar.

    TensorFlow refuses its own clock while operations are deterministic; Python's
    costs about 35 microseconds a call there.
    """
    if not config.is_op_determinism_enabled():
        return tf.timestamp()
    seconds = tf.numpy_function(_python_seconds, [], tf.float64, stateful=True)
    return tf.ensure_shape(seconds, [])


def _python_seconds() -> np.float64:
    return np.float64(time.perf_counter())
