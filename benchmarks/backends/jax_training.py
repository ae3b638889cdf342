"""The engine's step on JAX, its state in donated buffers between calls.

`JaxStepLoop` gives the state back to the variables after each call and takes batches
from the host: one copy for many steps there, and for every step where each is timed.
"""

from collections.abc import Callable
from typing import Any

import jax

from cai_keras.training.experiment import Phase
from cai_keras.training.jax_step import Trace
from cai_keras.training.settings import TrainSettings
from cai_keras.training.updates import apply_updates


def make_call(
    phase: Phase, train: TrainSettings, batch: Any, xla: bool, strategy
) -> Callable[[int], None]:
    """A call that takes so many steps of the phase's learner.

    Args:
        batch: NumPy arrays; None to read the phase's own batches.
        xla, strategy: JAX always compiles, for one device.
    """
    learner, cycle = phase.learner, phase.learner.cycle
    variables = list(learner.state().values())

    def compiled(active):
        def step(values, given):
            with Trace(variables, values) as trace:
                losses = apply_updates(learner, given, phase.batch_size, active)
                return trace.values(), list(losses.values())

        return jax.jit(step, donate_argnums=0)

    steps_of = {active: compiled(active) for active in dict.fromkeys(cycle)}
    # A donated buffer may not be shared, and Keras shares constants.
    values = [jax.numpy.array(v.value, copy=True) for v in variables]
    done = 0
    if batch is None:
        batches = phase.batches(0).as_numpy_iterator()
    else:
        resident = jax.device_put(batch)

    def call(steps: int) -> None:
        nonlocal values, done
        for _ in range(steps):
            given = next(batches) if batch is None else resident
            values, losses = steps_of[cycle[done % len(cycle)]](values, given)
            done += 1
        jax.block_until_ready((values, losses))

    return call
