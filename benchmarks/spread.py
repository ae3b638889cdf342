"""How far the scores of several calls lie apart, and which network moves most."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.score_file import ScoreFile
from cai_keras.errors import UsageError
from cai_keras.reporting.statistics import mean_interval


@dataclass(frozen=True)
class Spread:
    """Of n calls.

    Attributes:
        scores: in the given order.
        deviation_percent: standard deviation (n - 1) over the mean.
        range_percent: largest minus smallest, over the mean.
        low, high: 95 % interval of the mean by Student's t.
        within_percent: the widest of the calls' own intervals: half of it, over its
            score. Null where a call has no repeats.
        entries: entry -> standard deviation over mean of its ratios, in percent, the
            largest first.
    """

    scores: tuple[float, ...]
    mean: float
    deviation_percent: float
    range_percent: float
    low: float
    high: float
    within_percent: float | None
    entries: dict[str, float]


def spread_of(names: Sequence[str], files: Sequence[ScoreFile]) -> Spread:
    """The spread over these calls.

    Args:
        names: of the files, for errors.
    Raises:
        UsageError: fewer than two, one without a score, or other references.
    """
    if len(files) < 2:
        raise UsageError("a spread needs two scores or more")
    for name, file in zip(names, files, strict=True):
        if file.score is None:
            raise UsageError(f"{name}: no score: {file.reason}")
        if file.reference != files[0].reference:
            raise UsageError(
                f"{name}: relative to another reference than {names[0]}: their scores "
                "have different units"
            )
    scores = [file.score for file in files]
    mean = statistics.fmean(scores)
    interval = mean_interval(scores)
    entries = {
        entry: _deviation_percent([file.ratios[entry] for file in files])
        for entry in files[0].ratios
    }
    widths = [
        100 * (file.high - file.low) / (2 * file.score)
        for file in files
        if file.low is not None
    ]
    return Spread(
        tuple(scores),
        mean,
        _deviation_percent(scores),
        100 * (max(scores) - min(scores)) / mean,
        interval.low,
        interval.high,
        max(widths) if len(widths) == len(files) else None,
        dict(sorted(entries.items(), key=lambda pair: pair[1], reverse=True)),
    )


def _deviation_percent(values: Sequence[float]) -> float:
    return 100 * statistics.stdev(values) / statistics.fmean(values)
