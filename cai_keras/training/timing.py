"""Interleaved timing of alternatives."""

import time
from collections.abc import Callable, Mapping


def interleave(
    alternatives: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, the alternatives taking turns.

    A machine whose speed drifts slows all of them alike. The order is reversed in
    every other round, so that none always runs after the same one. The caller warms
    up, and each call must return only when its device has finished.
    """
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for number in range(rounds):
        names = list(alternatives)
        for name in names if number % 2 == 0 else reversed(names):
            begin = clock()
            alternatives[name]()
            seconds[name].append(clock() - begin)
    return seconds
