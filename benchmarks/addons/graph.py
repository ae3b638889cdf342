"""Values, gradients and seconds of a piece of TensorFlow, for both sides of a pair.

It runs with TensorFlow 2.15 beside tensorflow-addons and with the project's own, and so
imports nothing else of either.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

Factors = Callable[[str, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Prepared:
    """Something to compute, with its weights in place.

    Attributes:
        call: () -> outputs by name.
        watched: name -> tensor or variable that the outputs are differentiated by; none
            where nobody differentiates.
        is_graph: whether `call` can be compiled; NumPy's functions cannot.
    """

    call: Callable[[], Mapping[str, Any]]
    watched: Mapping[str, Any] = field(default_factory=dict)
    is_graph: bool = True


def variables(arrays: Mapping[str, np.ndarray]) -> dict[str, tf.Variable]:
    """Arrays as variables: TensorFlow would fold constants into the graph."""
    return {name: tf.Variable(array) for name, array in arrays.items()}


def values_of(
    prepared: Prepared, factors: Factors
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs, and gradients of the sum of outputs times factors, of a first call."""
    compute = _compiled(prepared, factors)
    outputs, gradients = compute()
    return _arrays(outputs), _arrays(gradients)


def time_calls(
    prepared: Prepared,
    factors: Factors,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call: `forward`, and `forward_backward` where there is one.

    Both take turns, after two calls that are not counted. Outputs and gradients are
    brought to the host, which waits for the device.
    """
    calls = {"forward": _compiled(Prepared(prepared.call, {}, prepared.is_graph), None)}
    if prepared.watched:
        calls["forward_backward"] = _compiled(prepared, factors)
    for call in calls.values():
        _arrays_of_all(call())
        _arrays_of_all(call())
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = clock()
            _arrays_of_all(call())
            seconds[name].append(clock() - begin)
    return seconds


def _compiled(prepared: Prepared, factors: Factors | None) -> Callable[[], tuple]:
    watched = dict(prepared.watched)

    def compute():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for value in watched.values():
                tape.watch(value)
            outputs = dict(prepared.call())
            total = 0.0
            if watched:
                for name, output in outputs.items():
                    weights = factors(name, tuple(output.shape))
                    total += tf.reduce_sum(tf.cast(output, tf.float32) * weights)
        gradients = {}
        if watched:
            found = tape.gradient(total, list(watched.values()))
            gradients = dict(zip(watched, found, strict=True))
        return outputs, gradients

    return tf.function(compute, autograph=False) if prepared.is_graph else compute


def _arrays(found: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(tf.convert_to_tensor(x)) for name, x in found.items()}


def _arrays_of_all(parts: tuple) -> None:
    for part in parts:
        _arrays(part)
