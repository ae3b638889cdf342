"""Interleaved timing of alternatives, and ratios with intervals."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Ratio:
    """Speed of one alternative over another: median of paired ratios, 95 % interval."""

    median: float
    low: float
    high: float


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


def speed_ratio(seconds: Sequence[float], reference: Sequence[float]) -> Ratio:
    """How many times as fast as the reference, from paired rounds of equal work.

    Above 1 is faster than the reference. The interval is a bootstrap of the median
    (percentile method, 9,999 resamples, seeded).
    """
    ratios = np.asarray(reference) / np.asarray(seconds)
    interval = stats.bootstrap(
        (ratios,), np.median, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return Ratio(statistics.median(ratios), float(interval.low), float(interval.high))
