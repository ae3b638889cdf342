"""One step on the JAX backend: the same updates as functions without side effects.

Keras's layers, seed generators and optimizers assign to variables. A `Trace` catches
the assignments: within it every variable has the value that the trace holds, so that
JAX can differentiate and compile what happens. With `tensorflow_step.py` the only
code that differentiates anything.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
from keras import ops

_open: list["Trace"] = []


class Trace:
    """Holds the values of variables while a step is traced.

    Args:
        variables: every variable that may be read or assigned.
        values: their values now.
    """

    def __init__(self, variables: Sequence[keras.Variable], values: Sequence[Any]):
        self.variables = list(variables)
        pairs = list(zip(self.variables, values, strict=True))
        self._scope = keras.StatelessScope(state_mapping=pairs)

    def __enter__(self) -> "Trace":
        self._scope.__enter__()
        _open.append(self)
        return self

    def __exit__(self, *error) -> None:
        _open.pop()
        self._scope.__exit__(*error)

    def value(self, variable: keras.Variable):
        return self._scope.get_current_value(variable)

    def values(self) -> list:
        return [self.value(variable) for variable in self.variables]


def num_replicas() -> int:
    """The JAX path has one process and one device."""
    return 1


def global_batch_size(local):
    return local


def gradients(
    objective: Callable[[], tuple[Any, dict]],
    variables: Sequence[keras.Variable],
    after: Sequence[Any] = (),
) -> tuple[dict, list]:
    """The objective's second result, and the gradients of its first one.

    Args:
        objective: () -> (scalar to differentiate, named scalars).
        variables: the weights; all other state of the trace may change meanwhile.
        after: arrays to wait for, so that micro-batches are not computed at the same
            time, which would take the memory of the whole batch.
    """
    outer = _open[-1]
    watched = {id(variable) for variable in variables}
    values = [outer.value(variable) for variable in variables]
    waiting = [array for array in after if array is not None]
    values, _ = jax.lax.optimization_barrier((values, waiting))

    names = []

    def compute(values):
        held = {id(v): value for v, value in zip(variables, values, strict=True)}
        now = [held.get(id(v), outer.value(v)) for v in outer.variables]
        with Trace(outer.variables, now) as inner:
            total, other = objective()
            names.extend(other)  # JAX sorts a dict's keys
            changed = [
                None if id(variable) in watched else inner.value(variable)
                for variable in outer.variables
            ]
        return total, (other, changed)

    found, (other, changed) = jax.grad(compute, has_aux=True)(values)
    _assign(outer.variables, changed)
    return {name: other[name] for name in names}, found


def compiled(
    function: Callable, variables: Sequence[keras.Variable], any_size: bool = False
) -> Callable:
    """`function`, which may call `gradients`, as one program; it reads `variables`.

    Args:
        any_size: of no use: JAX makes a program for each size.
    """
    del any_size

    def traced(values, *arguments):
        with Trace(variables, values):
            return function(*arguments)

    program = jax.jit(traced)
    return lambda *arguments: program([v.value for v in variables], *arguments)


def sum_over_replicas(gradients: Sequence[Any]) -> list:
    return list(gradients)


def apply(optimizer, gradients: Sequence[Any], variables) -> None:
    """Applies gradients within the open trace."""
    trace = _open[-1]
    state = optimizer.variables
    weights, new_state = optimizer.stateless_apply(
        [trace.value(variable) for variable in state],
        gradients,
        [trace.value(variable) for variable in variables],
    )
    _assign([*variables, *state], [*weights, *new_state])


def input_gradients(function: Callable[[Any], Any], inputs):
    """See `cai_keras.training.input_gradient.input_gradients`."""
    inputs = ops.convert_to_tensor(inputs)
    if not _open:
        return jax.grad(lambda x: ops.sum(ops.cast(function(x), "float32")))(inputs)
    outer = _open[-1]

    def compute(x):
        with Trace(outer.variables, outer.values()) as inner:
            total = ops.sum(ops.cast(function(x), "float32"))
            return total, inner.values()

    found, changed = jax.grad(compute, has_aux=True)(inputs)
    _assign(outer.variables, changed)
    return found


def value_and_input_gradient(function: Callable[[Any], tuple[Any, Any]], inputs):
    """See `cai_keras.training.input_gradient.value_and_input_gradient`."""
    found, other = jax.grad(function, has_aux=True)(ops.convert_to_tensor(inputs))
    return other, found


def _assign(variables, values) -> None:
    for variable, value in zip(variables, values, strict=True):
        if value is not None:
            variable.assign(value)
