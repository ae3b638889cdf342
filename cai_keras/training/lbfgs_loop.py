"""A phase that is one minimisation: evaluations in the place of optimiser steps."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from keras import ops

from cai_keras.errors import UsageError
from cai_keras.training.lbfgs import Minimisation
from cai_keras.training.learner import Learner
from cai_keras.training.loop_result import CallResult
from cai_keras.training.updates import backend_step, objective


class LbfgsLoop:
    """Minimises the losses of one batch over the weights of one update.

    A step is one evaluation of the objective and its gradient, as authors of
    optimisation-based methods count; between two calls the weights are those of the
    newest point that a line search has accepted. Where no better point can be found,
    further steps change nothing.

    Args:
        learner: with one update, whose optimizer is `WholePhaseLbfgs`.
        global_batch: examples in a batch.
        check_finite: stop at the first loss that is NaN or infinite.
    Raises:
        UsageError: the learner has more updates, or averages, micro-batches or float16,
            which a minimisation does not have.
    """

    def __init__(self, learner: Learner, global_batch: int, check_finite: bool = True):
        updates = learner.updates()
        if len(updates) != 1:
            raise UsageError(
                f"optimizer lbfgs: needs a learner with one update, found "
                f"{[update.name for update in updates]}"
            )
        (self._update,) = updates
        for what, is_there in (
            ("train.accumulate", learner.accumulate > 1),
            ("train.ema", learner.averages is not None),
            ("precision mixed_float16", learner.dtype_policy.name == "mixed_float16"),
        ):
            if is_there:
                raise UsageError(f"optimizer lbfgs: goes without {what}")
        self._learner = learner
        self._check_finite = check_finite
        self._variables = learner.trainable_variables_of(self._update)
        step = backend_step()

        def evaluate(batch):
            part = partial(objective, learner, self._update, batch, global_batch, 1)
            return step.gradients(part, self._variables)

        self._evaluate = step.compiled(evaluate, list(learner.state().values()))
        self._search: Minimisation | None = None
        self._batch = None
        self._last: dict[str, float] = {}

    def run(self, iterator: Iterator, steps: int) -> CallResult:
        """Evaluates up to `steps` times; stops after the first bad loss."""
        if self._search is None:
            self._batch = next(iterator)
            memory = self._learner.update_optimizers[self._update.name].memory
            self._search = Minimisation(self._point(), memory)
        sums: dict[str, float] = {}
        taken, broken = 0, None
        while taken < steps and broken is None:
            point = self._search.ask()
            if point is None:
                break
            self._move_to(point)
            terms, gradients = self._evaluate(self._batch)
            self._last = self._named(terms)
            sums = {name: sums.get(name, 0.0) + v for name, v in self._last.items()}
            taken += 1
            if self._check_finite:
                bad = [name for name, v in self._last.items() if not np.isfinite(v)]
                broken = min(bad, default=None)  # the same on every backend
            if broken is None:
                total = self._last[f"{self._update.name}/total"]
                self._search.tell(total, _flat(gradients))
        losses = {name: value / taken for name, value in sums.items()} or self._last
        if broken is None:
            self._move_to(self._search.accepted)
            taken = steps  # those after the end of the search change nothing
        self._learner.steps.assign_add(taken)
        return CallResult(taken, losses, broken, wait_seconds=0.0)

    def close(self) -> None:
        """Ends the search, which a new call would begin anew."""
        if self._search is not None:
            self._search.close()
            self._search = None

    def _named(self, terms) -> dict[str, float]:
        return {
            f"{self._update.name}/{name}": float(ops.convert_to_numpy(value))
            for name, value in terms.items()
        }

    def _point(self) -> np.ndarray:
        return _flat(self._variables)

    def _move_to(self, point: np.ndarray) -> None:
        begin = 0
        for variable in self._variables:
            end = begin + int(np.prod(variable.shape))
            variable.assign(point[begin:end].reshape(variable.shape))
            begin = end


def _flat(tensors) -> np.ndarray:
    return np.concatenate(
        [ops.convert_to_numpy(tensor).ravel().astype(np.float64) for tensor in tensors]
    )
