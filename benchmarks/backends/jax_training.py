"""The engine's step on JAX, its state in donated buffers between calls.

`JaxStepLoop` gives the state back to the variables after each call and takes batches
from the host: one copy for many steps there, and for every step where each is timed.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax

from cai_keras.training.experiment import Phase
from cai_keras.training.jax_step import Trace
from cai_keras.training.settings import TrainSettings
from cai_keras.training.updates import apply_updates


class Steps:
    """A call that takes so many steps of the phase's learner.

    Args:
        batch: NumPy arrays; None to read the phase's own batches.
    """

    def __init__(self, phase: Phase, batch: Any):
        self._learner, self._size = phase.learner, phase.batch_size
        self._cycle = phase.learner.cycle
        self._variables = list(phase.learner.state().values())
        self._steps = {one: self._compile(one) for one in dict.fromkeys(self._cycle)}
        # A donated buffer may not be shared, and Keras shares constants.
        self._values = [jax.numpy.array(v.value, copy=True) for v in self._variables]
        if batch is None:
            self._batches = phase.batches(0).as_numpy_iterator()
        else:
            self._batches = itertools.repeat(jax.device_put(batch))
        self._done = 0

    def __call__(self, steps: int) -> None:
        for _ in range(steps):
            active = self._cycle[self._done % len(self._cycle)]
            batch = next(self._batches)
            self._values, losses = self._steps[active](self._values, batch)
            self._done += 1
        jax.block_until_ready((self._values, losses))

    def give_back(self) -> None:
        """Gives the variables the values that they have now."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(jax.numpy.array(value, copy=True))

    def _compile(self, active):
        def step(values, batch):
            with Trace(self._variables, values) as trace:
                losses = apply_updates(self._learner, batch, self._size, active)
                return trace.values(), list(losses.values())

        return jax.jit(step, donate_argnums=0)


def make_call(
    phase: Phase, train: TrainSettings, batch: Any, xla: bool, strategy
) -> Callable[[int], None]:
    """See `Steps`; JAX always compiles, for one device."""
    return Steps(phase, batch)
