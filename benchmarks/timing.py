"""Ratios of interleaved timings, with intervals."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Ratio:
    """Speed of one alternative over another: median of paired ratios, 95 % interval."""

    median: float
    low: float
    high: float


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
