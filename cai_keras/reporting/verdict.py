"""Verdicts: what the records say about a claim. No TensorFlow here.

A value claim is judged only by runs that kept the paper's protocol. An effect
claim is judged at every scale and on every data set, from the seeds that both
variants have in common, by the 95 % interval of the mean paired difference
(Student's t over the differences).
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.record import Record

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Verdict:
    """A claim held against one group of runs (one scale, one data set).

    Attributes:
        word: DESIGN's vocabulary: reproduced, outside tolerance, reduced protocol,
            failed, not run; or holds, opposite, inconclusive, not run.
        ours: mean of the metric (value claim) or of the paired difference, positive
            where the method is better (effect claim).
        deviation: sample standard deviation over seeds, None for fewer than two.
        interval: 95 % interval of the mean, None for fewer than two seeds.
        note: why, where the word alone does not say it.
    """

    word: str
    ours: float | None = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    method: str = ""
    note: str = ""


def judge_value(
    claim: ValueClaim, records: Sequence[Record], seeds: Sequence[int]
) -> Verdict:
    """Judges a published number.

    Args:
        records: runs of the claim's variant at one scale on one data set.
        seeds: those that the paper's recipe asks for; all must be done.
    """
    if not records:
        return Verdict("not run")
    values, missing = _values(claim.metric, {r.seed: r for r in records})
    summary = _summary(list(values.values()))
    broken = [r for r in records if r.state == "failed"]
    empty = [r for r in records if r.state == "done" and r.seed in missing]
    if broken or empty:
        return Verdict("failed", **summary, note=_reason(broken or empty, claim))
    if not values:
        return Verdict("not run", note="no finished run")
    reduced = _why_reduced(records[0])
    if reduced:
        return Verdict("reduced protocol", **summary, note=reduced)
    absent = sorted(set(seeds) - set(values))
    if absent:
        listed = ", ".join(map(str, absent))
        return Verdict("not run", **summary, note=f"seeds missing: {listed}")
    inside = abs(summary["ours"] - claim.value) <= claim.tolerance
    return Verdict("reproduced" if inside else "outside tolerance", **summary)


def judge_effect(
    claim: EffectClaim,
    method: Sequence[Record],
    baseline: Sequence[Record],
) -> Verdict:
    """Judges a difference from the seeds that both variants finished.

    `holds`: the whole interval lies above the margin. `opposite`: the whole interval
    lies below it, so that the claim as stated is contradicted, though with a margin
    the direction may still be the claimed one (the note says so).
    """
    ours, _ = _values(claim.metric, {r.seed: r for r in method})
    theirs, _ = _values(claim.metric, {r.seed: r for r in baseline})
    ours, theirs = _broadcast(ours, theirs, method), _broadcast(theirs, ours, baseline)
    sign = 1.0 if claim.better == "higher" else -1.0
    seeds = sorted(set(ours) & set(theirs))
    differences = [sign * (ours[seed] - theirs[seed]) for seed in seeds]
    if not differences:
        return Verdict("not run")
    summary = _summary(differences)
    interval = summary["interval"]
    if interval is None:
        return Verdict("inconclusive", **summary, note="one seed has no interval")
    low, high = interval
    if low > claim.margin:
        return Verdict("holds", **summary)
    if high < claim.margin:
        note = "same direction, smaller than claimed" if low > 0 else ""
        return Verdict("opposite", **summary, note=note)
    return Verdict("inconclusive", **summary)


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the mean by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy import stats  # half a second that `cai list` need not wait

    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1)) * error
    return mean - half, mean + half


def _values(metric: str, records: Mapping[int, Record]):
    """The finished values by seed, and the seeds whose value is missing or null."""
    values, missing = {}, []
    for seed, record in records.items():
        entry = record.metrics.get(metric)
        if record.state == "done" and entry is not None and entry.value is not None:
            values[seed] = entry.value
        else:
            missing.append(seed)
    return values, missing


def _broadcast(
    values: dict[int, float], others: Mapping[int, float], records: Sequence[Record]
) -> dict[int, float]:
    """One run of a method without weights stands for every seed.

    An untrained network is not such a method: its random weights depend on the seed.
    """
    first = records[0] if records else None
    if len(values) == 1 and first.steps_planned == 0 and not first.parameters:
        return dict.fromkeys(others or values, next(iter(values.values())))
    return values


def _summary(values: Sequence[float]) -> dict:
    if not values:
        return {}
    return {
        "ours": statistics.fmean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "interval": mean_interval(values),
        "count": len(values),
        "method": "t" if len(values) > 1 else "",
    }


def _reason(records: Sequence[Record], claim: ValueClaim) -> str:
    first = records[0]
    entry = first.metrics.get(claim.metric)
    if first.state == "failed":
        return f"seed {first.seed}: {first.reason}"
    if entry is None:
        return f"seed {first.seed} has no metric {claim.metric}"
    return f"seed {first.seed}: {entry.reason}"


def _why_reduced(record: Record) -> str:
    if record.scale != "paper":
        return f"{record.scale} scale"
    if record.dataset.stand_in:
        return f"stand-in data ({record.dataset.name})"
    changed = [text for text in record.overrides if not text.startswith("data.spec=")]
    return f"changed: {', '.join(changed)}" if changed else ""
