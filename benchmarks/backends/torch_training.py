"""The engine's step with PyTorch's gradients, eager.

The engine itself does not train on PyTorch. Its step is the same for all backends but
for what `tensorflow_step.py` and `jax_step.py` do: differentiate, and apply gradients.
That is all there is here: losses, their means, penalties, micro-batches, the order of
updates and the optimizers are the project's own.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import keras
import torch

from cai_keras.training import updates
from cai_keras.training.experiment import Phase
from cai_keras.training.settings import TrainSettings


def make_call(
    phase: Phase, train: TrainSettings, batch: Any, xla: bool, strategy
) -> Callable[[int], None]:
    """A call that takes so many steps of the phase's learner.

    Args:
        batch: NumPy arrays; None to read the phase's own batches.
        xla, strategy: eager, on one device.
    """
    learner, cycle = phase.learner, phase.learner.cycle
    here, done = sys.modules[__name__], 0
    if batch is None:
        batches = phase.batches(0).as_numpy_iterator()
    else:
        resident = _tensors(batch)

    def call(steps: int) -> None:
        nonlocal done
        with mock.patch.object(updates, "backend_step", return_value=here):
            for _ in range(steps):
                given = _tensors(next(batches)) if batch is None else resident
                active = cycle[done % len(cycle)]
                updates.apply_updates(learner, given, phase.batch_size, active)
                done += 1
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return call


def num_replicas() -> int:
    return 1


def global_batch_size(local):
    return local


def gradients(
    objective: Callable[[], tuple[Any, dict]],
    variables: Sequence[keras.Variable],
    after: Sequence[Any] = (),
) -> tuple[dict, list]:
    """The objective's second result, and the gradients of its first one."""
    total, other = objective()
    values = [variable.value for variable in variables]
    found = torch.autograd.grad(total, values, allow_unused=True)
    return {name: term.detach() for name, term in other.items()}, list(found)


def sum_over_replicas(gradients: Sequence[Any]) -> list:
    return list(gradients)


def apply(optimizer, gradients: Sequence[Any], variables) -> None:
    with torch.no_grad():
        optimizer.apply(gradients, variables)


def _tensors(batch: Any) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
