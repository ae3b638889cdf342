"""Speeds of repeats, how far they lie apart, and what that says of the machine."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from benchmarks.engine import NOISY_PERCENT, spread_percent

Noise = Literal["quiet", "noisy", "drifting"]
# Five speeds fall by chance in 1 of 120 orders; fewer say too little.
_FEWEST_THAT_DRIFT = 4
_LEAST_DRIFT = 0.01


def samples_per_second(step_seconds: Sequence[float], batch_size: int) -> float:
    """Of one repeat: its entries stand for equally many steps each."""
    return batch_size * len(step_seconds) / sum(step_seconds)


def noise_of(speeds: Sequence[float]) -> Noise:
    """The verdict on the speeds of repeats, in the order they were measured.

    drifting: at least four, each below the one before it, and more than 1 % from the
    first to the last. noisy: their interquartile range is above 10 % of the median.
    """
    falls = all(later < earlier for earlier, later in pairwise(speeds))
    is_enough = len(speeds) >= _FEWEST_THAT_DRIFT
    if is_enough and falls and speeds[-1] < (1 - _LEAST_DRIFT) * speeds[0]:
        return "drifting"
    return "noisy" if spread_percent(speeds) > NOISY_PERCENT else "quiet"


def summary(
    repeats: Sequence[Sequence[float]], batch_size: int
) -> dict[str, float | str]:
    """The fields of a row that its repeats say.

    Args:
        repeats: step seconds of each.
    """
    speeds = [samples_per_second(one, batch_size) for one in repeats]
    steps = [seconds for one in repeats for seconds in one]
    p50, p90, p99 = (float(p) for p in np.percentile(steps, (50, 90, 99)))
    return {
        "samples_per_second": statistics.median(speeds),
        "spread_percent": spread_percent(speeds),
        "noise": noise_of(speeds),
        "step_p50_seconds": p50,
        "step_p90_seconds": p90,
        "step_p99_seconds": p99,
    }
