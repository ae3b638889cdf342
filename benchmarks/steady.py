"""When step times have stopped changing: pure functions of the times alone."""

import statistics
from collections.abc import Sequence

from scipy import stats

WINDOW = 5  # steps
_WINDOWS = 3
_SIGNIFICANCE = 0.05


def is_steady(
    step_seconds: Sequence[float], tolerance: float = 0.05, window: int = WINDOW
) -> bool:
    """Whether the newest steps show no change any more.

    The last three windows of steps are compared. They are steady if the largest of
    their medians is within `tolerance` of the smallest; or, on a noisy machine, if
    Kendall's rank correlation of time and position shows no trend (p of 5 % or more):
    noise is no change, and has a verdict of its own. Where fewer steps were taken
    than fill the windows, windows are shorter and only the medians count.

    Args:
        step_seconds: of all steps after the first one, in their order.
        tolerance: as a share.
        window: steps.
    """
    size = min(window, len(step_seconds) // _WINDOWS)
    if not size:
        return False
    newest = list(step_seconds[-_WINDOWS * size :])
    medians = [
        statistics.median(newest[first : first + size])
        for first in range(0, len(newest), size)
    ]
    if max(medians) <= (1 + tolerance) * min(medians):
        return True
    if size < window:
        return False
    trend = stats.kendalltau(range(len(newest)), newest)
    return bool(trend.pvalue >= _SIGNIFICANCE)
