"""Ratios of timings that were not made in turns."""

from collections.abc import Sequence

from benchmarks.ratios import Pair, ratio_of_medians
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
    # A ratio of seconds, reference above, is that of speeds.
    found = ratio_of_medians(Pair(reference=seconds, speeds=reference))
    return Ratio(found.value, found.low, found.high)
