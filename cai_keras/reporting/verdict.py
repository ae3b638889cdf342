"""Verdicts: what the records say about a claim. No TensorFlow here.

A value claim is judged only by runs that kept the paper's protocol. An effect
claim is judged at every scale and on every data set, from the seeds that both
variants have in common, by the 95 % interval of the mean paired difference
(`statistics.py` says by which method). Unlike results are not compared at all
(`comparability.py`). docs/results.md explains the words.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.comparability import (
    Results,
    collect,
    why_unlike,
    why_unlike_paper,
)
from cai_keras.reporting.record import Record
from cai_keras.reporting.statistics import MOST_SEEDS, mean_interval, seeds_needed

NOT_RUN = "not run"

# A share of the numbers compared: 50.6 - 50.3 is a little more than 0.3.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Verdict:
    """A claim held against one group of runs (one scale, one data set).

    Attributes:
        word: reproduced, outside tolerance, reduced protocol, failed (value claims);
            holds, opposite, inconclusive (effect claims); not comparable, not run.
        ours: mean of the metric (value claim) or of the paired difference, positive
            where the method is better (effect claim).
        deviation: sample standard deviation over seeds, None for fewer than two.
        interval: 95 % interval of the mean, None for fewer than two seeds.
        method: of the interval, `t` or `BCa`.
        note: why, where the word alone does not say it.
        seeds_needed: for `inconclusive`, how many seeds would decide it if they
            scatter as these do; None where that cannot be said.
    """

    word: str
    ours: float | None = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    method: str = ""
    note: str = ""
    seeds_needed: int | None = None


def judge_value(
    claim: ValueClaim, records: Sequence[Record], seeds: Sequence[int]
) -> Verdict:
    """Judges a published number.

    Args:
        records: runs of the claim's variant at one scale on one data set.
        seeds: those that the paper's recipe asks for; all must be done.
    """
    if not records:
        return Verdict(NOT_RUN)
    results = collect(claim.metric, records)
    if results.conflict:
        return Verdict("not comparable", note=results.conflict)
    values = results.values
    summary = _summary(list(values.values()))
    broken = [r for r in records if r.state == "failed"] or results.without
    if broken:
        return Verdict("failed", **summary, note=_reason(broken[0], claim))
    if not values:
        return Verdict(NOT_RUN, note="no finished run")
    unlike = why_unlike_paper(claim.passport, results)
    if unlike:
        return Verdict("not comparable", **summary, note=unlike)
    reduced = _why_reduced(records[0])
    if reduced:
        return Verdict("reduced protocol", **summary, note=reduced)
    absent = sorted(set(seeds) - set(values))
    if absent:
        listed = ", ".join(map(str, absent))
        return Verdict(NOT_RUN, **summary, note=f"seeds missing: {listed}")
    distance = abs(summary["ours"] - claim.value)
    inside = distance <= claim.tolerance + _ROUNDING * abs(claim.value)
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
    ours = collect(claim.metric, method)
    theirs = collect(claim.metric_of_baseline, baseline)
    unlike = why_unlike(ours, theirs)
    if unlike:
        return Verdict("not comparable", note=unlike)
    first, second = _broadcast(ours, theirs), _broadcast(theirs, ours)
    sign = 1.0 if claim.better == "higher" else -1.0
    seeds = sorted(set(first) & set(second))
    if not seeds:
        both = bool(first and second)
        return Verdict(NOT_RUN, note="no seed in common" if both else "")
    differences = [sign * (first[seed] - second[seed]) for seed in seeds]
    summary = _summary(differences)
    rounding = _ROUNDING * max(map(abs, (*first.values(), *second.values())))
    word, note = _effect_word(claim.margin, summary["interval"], rounding)
    needed = None
    if summary["count"] > 1 and summary["deviation"] <= rounding:
        note = note or "every seed gave the same difference"
    elif summary["count"] > 1 and word == "inconclusive":
        needed = seeds_needed(differences, claim.margin)
        note = _what_would_decide(needed)
    notes = [note, _left_out((*method, *baseline))]
    joined = "; ".join(text for text in notes if text)
    return Verdict(word, **summary, note=joined, seeds_needed=needed)


def _effect_word(
    margin: float, interval: tuple[float, float] | None, rounding: float
) -> tuple[str, str]:
    """The verdict and a note; `rounding` is the error of the differences themselves."""
    if interval is None:
        return "inconclusive", "one seed has no interval"
    low, high = interval
    if low > margin + rounding:
        return "holds", ""
    if high < margin - rounding:
        gains = low > rounding
        return "opposite", "same direction, smaller than claimed" if gains else ""
    return "inconclusive", ""


def _what_would_decide(needed: int | None) -> str:
    seeds = f"not even {MOST_SEEDS:,}" if needed is None else f"about {needed}"
    return f"{seeds} seeds would decide it, if they scatter as these do"


def _left_out(records: Sequence[Record]) -> str:
    """Runs that failed are missing from an effect: it is judged by the survivors."""
    failed = sorted({(r.variant, r.seed) for r in records if r.state == "failed"})
    if not failed:
        return ""
    named = ", ".join(f"{variant} seed {seed}" for variant, seed in failed[:3])
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"failed and left out: {named}{more}"


def _broadcast(results: Results, others: Results) -> Mapping[int, float]:
    """One run of a method without weights stands for every seed.

    An untrained network is not such a method: its random weights depend on the seed.
    """
    values = results.values
    if len(values) == 1 and others.by_seed:
        ((seed, record),) = results.by_seed.items()
        if record.steps_planned == 0 and not record.parameters:
            return dict.fromkeys(others.by_seed, values[seed])
    return values


def _summary(values: Sequence[float]) -> dict:
    if not values:
        return {}
    interval = mean_interval(values)
    return {
        "ours": statistics.fmean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "interval": (interval.low, interval.high) if interval else None,
        "count": len(values),
        "method": interval.method if interval else "",
    }


def _reason(record: Record, claim: ValueClaim) -> str:
    entry = record.metrics.get(claim.metric)
    if record.state == "failed":
        return f"seed {record.seed}: {record.reason or 'no reason given'}"
    if entry is None:
        return f"seed {record.seed} has no metric {claim.metric}"
    return f"seed {record.seed}: {entry.reason}"


def _why_reduced(record: Record) -> str:
    if record.scale != "paper":
        return f"{record.scale} scale"
    if record.dataset.stand_in:
        return f"stand-in data ({record.dataset.name})"
    changed = [text for text in record.overrides if not text.startswith("data.spec=")]
    return f"changed: {', '.join(changed)}" if changed else ""
