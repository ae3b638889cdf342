"""The parts of a row of the comparison table, from a claim, a verdict, the runs."""

from collections.abc import Sequence

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.grouping import changes_of, machines_of
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record
from cai_keras.reporting.rounding import (
    decimals_for,
    duration,
    estimate,
    given,
    mean,
    rounded,
    share,
)
from cai_keras.reporting.verdict import Verdict

# Of a claim that nobody has run.
NOTHING = {
    "ours": "",
    "count": 0,
    "difference": "",
    "data": "",
    "protocol": "",
    "verdict": "not run",
    "note": "",
}
# So many of so many: optimiser steps, or training examples, against the paper's.
Part = tuple[int, int] | None


def claim_cells(slug: str, claim: ValueClaim | EffectClaim) -> dict:
    """What the paper says."""
    if isinstance(claim, ValueClaim):
        published, text = claim.value, given(claim.value)
    else:
        published = claim.published
        text = "" if published is None else f"{published:+g}; "
        text += f"claimed > {claim.margin:g}"
    return {
        "paper": slug,
        "claim": claim.id,
        "kind": claim.kind,
        "variant": claim.variant,
        "source": one_line(claim.source),
        "metric": claim.metric if isinstance(claim, ValueClaim) else claim.metrics,
        "published": text,
        "published_value": published,
    }


def measured_cells(claim: ValueClaim | EffectClaim, verdict: Verdict) -> dict:
    """What our runs say, and the verdict."""
    ours, difference = "", ""
    if verdict.ours is not None:
        is_value = isinstance(claim, ValueClaim)
        sign = "" if is_value else "+"
        ours = estimate(verdict.ours, verdict.deviation, verdict.interval, sign)
        if is_value and verdict.word != "not comparable":
            decimals = decimals_for(verdict.ours, verdict.deviation)
            difference = rounded(verdict.ours - claim.value, decimals, "+")
    low, high = verdict.interval or (None, None)
    return {
        "ours": ours,
        "difference": difference,
        "count": verdict.count,
        "method": verdict.method,
        "verdict": verdict.word,
        "note": one_line(verdict.note),
        "mean": verdict.ours,
        "deviation": verdict.deviation,
        "low": low,
        "high": high,
        "seeds_needed": verdict.seeds_needed,
    }


def run_cells(
    runs: Sequence[Record], others: Sequence[Record], planned: int, whole: int | None
) -> dict:
    """Protocol, hardware and time.

    Args:
        runs: of the claim's variant; at least one.
        others: of its baseline, whose hardware counts too.
        planned: the paper's optimiser steps; 0 for a method that does not learn.
        whole: training examples of the paper's data set, where that is known.
    """
    done = [record for record in runs if record.state == "done"]
    first = (done or runs)[0]
    part = first.dataset.examples.get("train")
    steps = (first.steps_done, planned) if planned else None
    examples = (part, whole) if whole and part is not None else None
    seconds = mean([r.wall_seconds for r in done])
    return {
        "scale": one_line(first.scale),
        "protocol": _protocol(first, steps, examples),
        "hardware": machines_of(r for r in [*runs, *others] if r.state == "done"),
        "wall_time": "" if seconds is None else duration(seconds),
        "wall_seconds": seconds,
        "steps_percent": _percent(steps),
        "data_percent": _percent(examples),
    }


def _protocol(record: Record, steps: Part, examples: Part) -> str:
    changed = changes_of(record)
    if record.scale == "paper" and not record.dataset.stand_in and not changed:
        return "full"
    parts = [one_line(record.scale)]
    parts += ["changed"] if changed else []
    parts += [f"{share(*steps)} of the steps"] if steps else []
    parts += [f"{share(*examples)} of the data"] if examples else []
    return f"reduced ({', '.join(parts)})"


def _percent(part_of_whole: Part) -> float | None:
    return None if part_of_whole is None else 100 * part_of_whole[0] / part_of_whole[1]
