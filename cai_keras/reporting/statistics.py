"""Intervals of means over seeds, and how many seeds an answer would need.

Which method: over 2,000 simulated sets of seeds the 95 % interval by Student's t
contained the true mean in 94 to 96 % of them for normal values, and for differences
of accuracies near 100 %, at n = 3, 5 and 10. The BCa bootstrap contained it in 72, 85
and 90 %: it resamples the few values that there are. From about 30 values on the two
agree, and BCa needs no symmetry. `tests/reporting/test_statistics.py` repeats this.
"""

import bisect
import functools
import math
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
MOST_SEEDS = 1_000
_BCA_FROM = 30
_RESAMPLES = 9_999


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a mean; `method` is `t` or `BCa`, as the table prints it."""

    low: float
    high: float
    method: str


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The 95 % interval of the mean; None for fewer than two values.

    For paired runs the values are the differences, which makes it the paired t
    interval or the paired bootstrap.
    """
    if len(values) < 2:
        return None
    if len(values) >= _BCA_FROM:
        found = _bca(values)
        if found is not None:
            return found
    mean, half = statistics.fmean(values), _half_width(values)
    return Interval(mean - half, mean + half, "t")


def seeds_needed(values: Sequence[float], threshold: float) -> int | None:
    """How many seeds would put the interval on one side of `threshold`.

    If more seeds have the mean and the standard deviation of these: a guess that is
    as rough as the two are. None where `MOST_SEEDS` would not do, or where one value
    says nothing of the spread.
    """
    if len(values) < 2:
        return None
    distance = abs(statistics.fmean(values) - threshold)
    deviation = statistics.stdev(values)

    def is_decided(count: int) -> bool:
        return _t_quantile(count) * deviation / math.sqrt(count) < distance

    # The half width falls with every further seed, so that bisection finds the first.
    counts = range(2, MOST_SEEDS + 1)
    index = bisect.bisect_left(counts, True, key=is_decided)
    if index == len(counts):
        return None
    return max(counts[index], len(values) + 1)


def _half_width(values: Sequence[float]) -> float:
    count = len(values)
    return _t_quantile(count) * statistics.stdev(values) / math.sqrt(count)


def _bca(values: Sequence[float]) -> Interval | None:
    """The bootstrap interval; None where the resamples do not differ enough for it."""
    import numpy as np
    from scipy import stats

    if min(values) == max(values):
        return None
    with warnings.catch_warnings():
        # Values that are all but equal: SciPy warns and gives NaN.
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            (np.asarray(values),),
            np.mean,
            confidence_level=CONFIDENCE,
            method="BCa",
            n_resamples=_RESAMPLES,
            rng=np.random.default_rng(0),  # the same table from the same records
        ).confidence_interval
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return None
    return Interval(float(found.low), float(found.high), "BCa")


@functools.cache
def _t_quantile(count: int) -> float:
    # Not scipy.stats: importing that takes a second, this a third of it.
    from scipy import special

    return float(special.stdtrit(count - 1, 0.5 + CONFIDENCE / 2))
