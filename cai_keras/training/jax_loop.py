"""Many training steps in one call, on the JAX backend: one process, one device."""

import time
from collections.abc import Iterator

import jax
import numpy as np
from keras import ops, tree

from cai_keras.training.jax_step import Trace
from cai_keras.training.learner import Learner
from cai_keras.training.loop_result import CallResult
from cai_keras.training.updates import apply_updates


class JaxStepLoop:
    """Compiles a learner's step once for each pattern of updates that are due.

    The state lives in donated buffers between the steps of a call and is given back
    to the learner's variables after it. This module needs no TensorFlow.

    Args:
        learner: its optimizers must be built.
        global_batch: examples in a batch; counted if None.
        check_finite: report the first step with a loss that is NaN or infinite.
    """

    def __init__(
        self,
        learner: Learner,
        global_batch: int | None = None,
        check_finite: bool = True,
    ):
        self._learner = learner
        self._global_batch = global_batch
        self._check_finite = check_finite
        self._cycle = learner.cycle
        self._variables = list(learner.state().values())
        self._names: dict[tuple, tuple[str, ...]] = {}
        self._steps = {active: self._compile(active) for active in set(self._cycle)}

    def run(self, iterator: Iterator, steps: int) -> CallResult:
        """Takes `steps` steps; says at which one a loss was bad."""
        first = int(ops.convert_to_numpy(self._learner.steps))
        # A donated buffer may not be shared, and Keras shares constants.
        values = [jax.numpy.array(v.value, copy=True) for v in self._variables]
        patterns, found, waited = [], [], 0.0
        try:
            for step in range(first, first + steps):
                begin = time.perf_counter()
                batch = tree.map_structure(np.asarray, next(iterator))
                # A device that still computes the step before has not waited.
                if not found or found[-1].is_ready():
                    waited += time.perf_counter() - begin
                patterns.append(self._cycle[step % len(self._cycle)])
                values, losses = self._steps[patterns[-1]](values, batch)
                found.append(losses)
        finally:
            for variable, value in zip(self._variables, values, strict=True):
                variable.assign(value)
        return self._summary(patterns, jax.device_get(found), waited)

    def _compile(self, active):
        def step(values, batch):
            with Trace(self._variables, values) as trace:
                losses = apply_updates(self._learner, batch, self._global_batch, active)
                self._names[active] = tuple(losses)
                found = [ops.cast(value, "float32") for value in losses.values()]
                # At some steps of a cycle nothing is due.
                return trace.values(), ops.stack(found) if found else ops.zeros([0])

        return jax.jit(step, donate_argnums=0)

    def _summary(self, patterns, found, waited: float) -> CallResult:
        sums, counts, broken, taken = {}, {}, None, 0
        for active, values in zip(patterns, found, strict=True):
            taken += 1
            for name, value in zip(self._names[active], values, strict=True):
                sums[name] = sums.get(name, 0.0) + float(value)
                counts[name] = counts.get(name, 0) + 1
                if self._check_finite and broken is None and not np.isfinite(value):
                    broken = name
            if broken:
                break
        losses = {name: sums[name] / counts[name] for name in sums}
        return CallResult(taken, losses, broken, waited)
