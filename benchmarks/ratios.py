"""Ratios of speeds of two measurements, and their geometric mean, with intervals.

The measurements are not paired: A and B ran at different times. So the repeats of both
are resampled, each on its own, and the interval is that of the ratio of their medians
(percentile bootstrap, 9,999 resamples, seeded). With few repeats it is too narrow: no
resample of three repeats leaves their range. `cai bench spread` shows what comes on
top from one run to the next.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9_999


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; the ends are null where there are no repeats."""

    value: float
    low: float | None
    high: float | None

    @property
    def upper(self) -> float:
        """The most that it may be: the interval's upper end, or the number itself."""
        return self.value if self.high is None else self.high


@dataclass(frozen=True)
class Pair:
    """Samples per second of the repeats of one configuration, in both measurements."""

    reference: Sequence[float]
    speeds: Sequence[float]


def ratio_of_medians(pair: Pair) -> Estimate:
    """Median speed over the reference's median: 2 is twice as fast."""
    return geometric_mean([pair])


def geometric_mean(
    pairs: Sequence[Pair], reference_is_fixed: bool = False, quantile: float = 0.5
) -> Estimate:
    """Of the ratios of all pairs.

    The interval says what other repeats of the same configurations would give; it says
    nothing of other configurations.

    Args:
        reference_is_fixed: the reference is a unit, as a committed record is, whose own
            noise does not count.
        quantile: of a side's repeats, which stands for the side; the median.
    Returns:
        without an interval where a side that counts has a single repeat.
    Raises:
        ValueError: no pair, or one without a positive speed.
    """
    if not pairs:
        raise ValueError("expected at least one pair of speeds")
    for pair in pairs:
        if not pair.reference or not pair.speeds:
            raise ValueError(f"expected speeds on both sides, found {pair}")
        if not all(0 < speed < math.inf for speed in (*pair.reference, *pair.speeds)):
            raise ValueError(f"expected positive speeds, found {pair}")
    upper = [np.asarray(pair.speeds, float) for pair in pairs]
    lower = [np.asarray(pair.reference, float) for pair in pairs]
    if reference_is_fixed:
        lower = [np.atleast_1d(np.quantile(speeds, quantile)) for speeds in lower]
    value = float(_mean(upper, lower, quantile))
    resampled = upper if reference_is_fixed else [*upper, *lower]
    if min(len(speeds) for speeds in resampled) < 2:
        return Estimate(value, None, None)

    def statistic(*samples, axis):
        if reference_is_fixed:
            return _mean(samples, lower, quantile, axis)
        return _mean(samples[: len(pairs)], samples[len(pairs) :], quantile, axis)

    interval = stats.bootstrap(
        resampled,
        statistic,
        vectorized=True,
        paired=False,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),  # the same comparison from the same files
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))


def _mean(upper, lower, quantile: float, axis: int = -1):
    """Geometric mean of the ratios of quantiles over `axis`."""
    logarithms = [
        np.log(np.quantile(a, quantile, axis=axis))
        - np.log(np.quantile(b, quantile, axis=axis))
        for a, b in zip(upper, lower, strict=True)
    ]
    return np.exp(sum(logarithms) / len(logarithms))
