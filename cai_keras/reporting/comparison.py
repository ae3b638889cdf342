"""A against B: what differs around the runs, and by how much their metrics differ.

Everything is B minus A (or B over A), from pairs of runs with equal seeds. Metrics
that do not measure the same thing are not compared, with the reason.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cai_keras.reporting.config_diff import KeyDifference, config_differences
from cai_keras.reporting.environment import (
    FactDifference,
    fact_differences,
    joined,
    unlike_data,
)
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Metric, Record
from cai_keras.reporting.selection import Match, Pair
from cai_keras.reporting.statistics import Interval, mean_interval

# Of the record, not of the paper: compared as ratios.
COSTS = ("examples_per_second", "train_seconds", "peak_memory_bytes")
# A run's resolved values, or None where it kept no config.yaml.
ValuesOf = Callable[[FinishedRun], Mapping[str, Any] | None]


@dataclass(frozen=True)
class MetricDifference:
    """One metric over the pairs that have it on both sides.

    Attributes:
        mean_a, mean_b: over the same pairs.
        difference: mean of B - A.
        interval: 95 % interval of that mean; None for a single pair.
        count: pairs.
        is_identical: every pair agrees to the last bit.
        left_out: pairs without a value on one side, each with the reason.
        lost: those of them where A has a value.
    """

    metric: str
    mean_a: float
    mean_b: float
    difference: float
    interval: Interval | None
    count: int
    is_identical: bool
    left_out: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotCompared:
    """A metric that cannot be compared; `measured_in` is `A`, `B`, `both` or empty."""

    metric: str
    reason: str
    measured_in: str


@dataclass(frozen=True)
class Ratio:
    """A cost, B over A: the geometric mean over pairs with its 95 % interval."""

    name: str
    mean_a: float
    mean_b: float
    ratio: float
    interval: Interval | None
    count: int


@dataclass(frozen=True)
class Comparison:
    """Everything about one variant of A and one of B.

    Attributes:
        config: the keys that differ; None where a run kept no config.yaml.
    """

    match: Match
    config: tuple[KeyDifference, ...] | None
    facts: tuple[FactDifference, ...]
    metrics: tuple[MetricDifference, ...]
    not_compared: tuple[NotCompared, ...]
    ratios: tuple[Ratio, ...]


def compare_match(match: Match, values_of: ValuesOf) -> Comparison:
    """Compares the pairs of one match; there may be none."""
    records = [(pair.a.record, pair.b.record) for pair in match.pairs]
    found = [_compare_metric(name, match.pairs) for name in _metric_names(records)]
    return Comparison(
        match=match,
        config=_compare_configs(match.pairs, values_of),
        facts=tuple(fact_differences(records)),
        metrics=tuple(f for f in found if isinstance(f, MetricDifference)),
        not_compared=tuple(f for f in found if isinstance(f, NotCompared)),
        ratios=_ratios(match.pairs),
    )


def unlike_metrics(name: str, a: Record, b: Record) -> str:
    """Why the metric is not the same quantity in both; empty where it is.

    The rules of `comparability`, but for a digest that only one record has: two
    commits are compared, of which only the later one may compute it.
    """
    reason = unlike_data(a, b)
    if reason:
        return reason
    first, second = a.metrics[name], b.metrics[name]
    if first.count != second.count:
        counts = [
            "unknown" if n is None else f"{n:,}" for n in (first.count, second.count)
        ]
        return f"number of examples {counts[0]} against {counts[1]}"
    if (first.passport or {}) != (second.passport or {}):
        keys = config_differences(first.passport or {}, second.passport or {})
        parts = [f"{key.key} {key.a} against {key.b}" for key in keys]
        return one_line(f"passport: {', '.join(parts)}")
    return ""


def _metric_names(records: Sequence[tuple[Record, Record]]) -> list[str]:
    return list(dict.fromkeys(n for a, b in records for n in [*a.metrics, *b.metrics]))


def _compare_metric(name: str, pairs: Sequence[Pair]) -> MetricDifference | NotCompared:
    values, left_out, lost, sides = [], [], [], set()
    for pair in pairs:
        a, b = pair.a.record, pair.b.record
        value_a, value_b = value_of(a, name), value_of(b, name)
        sides |= {s for s, v in (("A", value_a), ("B", value_b)) if v is not None}
        if value_a is not None and value_b is not None:
            unlike = unlike_metrics(name, a, b)
            if unlike:
                return NotCompared(name, unlike, "both")
            values.append((value_a, value_b))
            continue
        left_out.append(f"{_seeds(pair)}: {_absences(name, a, b)}")
        if value_a is not None:
            lost.append(left_out[-1])
    if not values:
        measured_in = "both" if len(sides) == 2 else "".join(sides)
        reasons = [text.partition(": ")[2] for text in left_out]
        return NotCompared(name, joined(reasons), measured_in)
    differences = [b - a for a, b in values]
    return MetricDifference(
        metric=name,
        mean_a=statistics.fmean(a for a, _ in values),
        mean_b=statistics.fmean(b for _, b in values),
        difference=statistics.fmean(differences),
        interval=mean_interval(differences),
        count=len(values),
        is_identical=not any(differences),
        left_out=tuple(left_out),
        lost=tuple(lost),
    )


def value_of(record: Record, name: str) -> float | None:
    """A metric's value; None where it is null or absent."""
    entry = record.metrics.get(name)
    return None if entry is None else entry.value


def _absences(name: str, a: Record, b: Record) -> str:
    entries = [record.metrics.get(name) for record in (a, b)]
    texts = [
        _absence(entry, side)
        for side, entry in zip("AB", entries, strict=True)
        if entry is None or entry.value is None
    ]
    if len(texts) == 2 and None not in entries:
        reasons = [entry.reason for entry in entries]
        if reasons[0] == reasons[1]:
            return f"null in both: {one_line(reasons[0])}"
    return ", ".join(texts)


def _absence(entry: Metric | None, side: str) -> str:
    if entry is None:
        return f"not in {side}"
    return f"null in {side}: {one_line(entry.reason)}"


def _seeds(pair: Pair) -> str:
    seeds = dict.fromkeys((pair.a.record.seed, pair.b.record.seed))
    return f"seed {' and '.join(map(str, seeds))}"


def _ratios(pairs: Sequence[Pair]) -> tuple[Ratio, ...]:
    for side in ("a", "b"):
        folders = [getattr(pair, side).folder.path for pair in pairs]
        if len(set(folders)) < len(folders):
            return ()  # one run stands for many seeds: its costs would, too
    records = [(pair.a.record, pair.b.record) for pair in pairs]
    ratios = [_ratio(name, records) for name in COSTS]
    return tuple(ratio for ratio in ratios if ratio is not None)


def _ratio(name: str, records: Sequence[tuple[Record, Record]]) -> Ratio | None:
    values = [(getattr(a, name), getattr(b, name)) for a, b in records]
    values = [(a, b) for a, b in values if a and b]  # 0: nothing was trained
    if not values:
        return None
    logs = [math.log(b / a) for a, b in values]
    interval = mean_interval(logs)
    if interval is not None:
        low, high = math.exp(interval.low), math.exp(interval.high)
        interval = Interval(low, high, interval.method)
    return Ratio(
        name=name,
        mean_a=statistics.fmean(a for a, _ in values),
        mean_b=statistics.fmean(b for _, b in values),
        ratio=math.exp(statistics.fmean(logs)),
        interval=interval,
        count=len(values),
    )


def _compare_configs(
    pairs: Sequence[Pair], values_of: ValuesOf
) -> tuple[KeyDifference, ...] | None:
    """The keys that differ in any pair, each once."""
    found: dict[str, list[KeyDifference]] = {}
    for pair in pairs:
        a, b = values_of(pair.a), values_of(pair.b)
        if a is None or b is None:
            return None
        for difference in config_differences(a, b):
            found.setdefault(difference.key, []).append(difference)
    return tuple(
        KeyDifference(key, joined([d.a for d in group]), joined([d.b for d in group]))
        for key, group in found.items()
    )
