"""Ratios of timings that were not made in turns."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.timing import Ratio


def speed_ratio_of_medians(
    seconds: Sequence[float], reference: Sequence[float]
) -> Ratio:
    """How many times as fast as the reference: median over median, and its interval.

    For measurements of two processes, where no one of the first belongs to one of the
    second. Above 1 is faster than the reference. The 95 % interval is a bootstrap of
    both (percentile method, 9,999 resamples, seeded): it knows what varied within the
    measurements, and nothing of what changed between them.
    """
    ratio = float(np.median(reference) / np.median(seconds))
    interval = stats.bootstrap(
        (np.asarray(reference), np.asarray(seconds)),
        _median_over_median,
        paired=False,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Ratio(ratio, float(interval.low), float(interval.high))


def _median_over_median(above, below, axis=-1):
    return np.median(above, axis=axis) / np.median(below, axis=axis)
