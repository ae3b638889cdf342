"""A record against the same run trained again: identical, near enough, or different.

Timings and memory are not metrics: they say how a machine is loaded.
"""

import csv
import math
import random
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.comparison import unlike_metrics
from cai_keras.reporting.environment import FactDifference, fact_differences
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Metric, Record
from cai_keras.reporting.selection import variant_name
from cai_keras.reporting.statistics import CONFIDENCE

IDENTICAL = "identical"
TOLERATED = "within the tolerance"
INSIDE = "within the interval"
DIFFERENT = "different"
OUTCOMES = (IDENTICAL, TOLERATED, INSIDE, DIFFERENT)  # from best to worst
# The run itself and two others: from fewer the interval says nothing.
_FEWEST_SEEDS = 3
_TOLERANCE = re.compile(r"(?:(?P<metric>.+):)?(?P<value>\d+\.?\d*(?:[eE][+-]?\d+)?)")


@dataclass(frozen=True)
class MetricCheck:
    """One metric of a record and of its second run.

    Attributes:
        then, now: values; None where the metric is null or absent.
        outcome: one of `OUTCOMES`.
        interval: the 95 % prediction interval, where it was needed and there are
            enough seeds.
        note: why it is different, where the values do not say it.
    """

    metric: str
    then: float | None
    now: float | None
    outcome: str
    interval: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Verification:
    """One record with what its second run gave.

    Attributes:
        again: None where the second run failed; `failure` says why.
        curves: what `compare_curves` says. Accuracies are coarse: two trainings that
            parted early can end in the same one. It is no part of the outcome.
    """

    record: Record
    again: Record | None
    checks: tuple[MetricCheck, ...] = ()
    failure: str = ""
    curves: str = ""

    @property
    def name(self) -> str:
        return f"{variant_name(self.record)} seed {self.record.seed}"

    @property
    def outcome(self) -> str:
        """`failed`, or the worst of its metrics."""
        if self.again is None:
            return "failed"
        found = [check.outcome for check in self.checks]
        return max(found, key=OUTCOMES.index, default=IDENTICAL)


def verify_record(
    record: Record,
    again: Record,
    seeds: Sequence[Record],
    tolerances: Mapping[str, float],
) -> Verification:
    """Holds a second run against its record, metric by metric.

    Args:
        seeds: the finished runs of the record's variant, the record among them.
        tolerances: by metric, largest difference in the metric's unit that is taken
            for none; the entry `""` is for all others.
    """
    checks = [
        _check_metric(name, record, again, seeds, tolerances)
        for name in dict.fromkeys([*record.metrics, *again.metrics])
        # A newer version may measure more, and a clock never shows the same twice.
        if name in record.metrics and not record.metrics[name].is_timed
    ]
    return Verification(record, again, tuple(checks))


def compare_curves(then: Path, now: Path) -> str:
    """Whether two runs logged the same values to the last bit, else where they part.

    Empty where one of the two metrics.csv is not there or holds nothing.
    """
    try:
        values = [_logged(path) for path in (then, now)]
    except (OSError, ValueError, csv.Error):
        return ""
    if not all(values):
        return ""
    first, second = values
    for place in sorted({*first, *second}):
        if first.get(place) != second.get(place):
            step, metric = place
            texts = [run.get(place, "nothing") for run in values]
            return f"part at step {step}: {metric} {texts[0]} against {texts[1]}"
    return f"identical in all {len(first)} values"


def _logged(path: Path) -> dict[tuple[int, str], str]:
    """The text of each value by step and metric; of repetitions the last."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    # The engine writes shortest exact decimals: equal text is an equal number.
    return {(int(step), metric): value for step, metric, value in rows}


def prediction_interval(values: Sequence[float]) -> tuple[float, float]:
    """Where one more run of the same kind lies with 95 % probability.

    mean ± t sd sqrt(1 + 1/n): the spread of one run beside that of the mean.
    """
    from scipy import stats

    count, mean = len(values), statistics.fmean(values)
    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1))
    half = quantile * statistics.stdev(values) * math.sqrt(1 + 1 / count)
    return mean - half, mean + half


def draw_sample(
    runs: Sequence[FinishedRun], count: int | None, seed: int
) -> list[FinishedRun]:
    """`count` of the runs at random, in their order; all where there are no more."""
    if count is None or count >= len(runs):
        return list(runs)
    chosen = random.Random(seed).sample(range(len(runs)), count)
    return [runs[index] for index in sorted(chosen)]


def parse_tolerances(texts: Sequence[str]) -> dict[str, float]:
    """`X` for all metrics, `METRIC:X` for one, in the metric's unit.

    Raises:
        UsageError: another form.
    """
    tolerances = {}
    for text in texts:
        match = _TOLERANCE.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f"--tolerance {text}: expected X or METRIC:X, in the metric's unit, "
                "for example 0.25"
            )
        tolerances[match["metric"] or ""] = float(match["value"])
    return tolerances


def check_names(tolerances: Mapping[str, float], records: Sequence[Record]) -> None:
    """Raises UsageError for a tolerance on a metric that no record has."""
    known = sorted({name for record in records for name in record.metrics})
    for name in tolerances:
        if name and name not in known:
            raise UsageError(
                f"--tolerance {name}: no such metric; {nearest(name, known)}"
            )


def differences_around(verified: Sequence[Verification]) -> list[FactDifference]:
    """Machine, versions, commit and the like that may explain other numbers."""
    pairs = [(v.record, v.again) for v in verified if v.again is not None]
    # How much memory there is changes no number.
    return [fact for fact in fact_differences(pairs) if fact.name != "memory"]


def _check_metric(name, record, again, seeds, tolerances) -> MetricCheck:
    then, now = record.metrics[name], again.metrics.get(name)
    if now is None:
        note = "the second run does not measure it"
        return MetricCheck(name, then.value, None, DIFFERENT, note=note)
    if then.value is None or now.value is None:
        return _check_null(name, then, now)
    unlike = unlike_metrics(name, record, again)
    if unlike:
        return MetricCheck(name, then.value, now.value, DIFFERENT, note=unlike)
    if then.value == now.value:
        return MetricCheck(name, then.value, now.value, IDENTICAL)
    if abs(now.value - then.value) <= tolerances.get(name, tolerances.get("", 0.0)):
        return MetricCheck(name, then.value, now.value, TOLERATED)
    values = [
        entry.value
        for other in seeds
        if (entry := other.metrics.get(name)) is not None
        and entry.value is not None
        and not unlike_metrics(name, record, other)
    ]
    if len(values) < _FEWEST_SEEDS:
        note = f"{len(values)} seeds: too few for an interval"
        return MetricCheck(name, then.value, now.value, DIFFERENT, note=note)
    interval = prediction_interval(values)
    is_inside = interval[0] <= now.value <= interval[1]
    outcome = INSIDE if is_inside else DIFFERENT
    return MetricCheck(name, then.value, now.value, outcome, interval)


def _check_null(name: str, then: Metric, now: Metric) -> MetricCheck:
    if then.value is None and now.value is None:
        return MetricCheck(name, None, None, IDENTICAL)
    if then.value is None:
        note = f"null in the record: {one_line(then.reason)}"
    else:
        note = f"null in the second run: {one_line(now.reason)}"
    return MetricCheck(name, then.value, now.value, DIFFERENT, note=note)
