"""The input pipelines of the papers, against the training that they feed.

`cai bench input` runs it. For each paper, in a process of its own, three things take
turns on this machine:

- pipeline: batches are taken and thrown away;
- training: the engine's loop over one batch that stays in memory;
- together: the engine's loop over the pipeline, as in a run.

The ratio is pipeline over training: above 1 the pipeline makes more examples than
training takes, each of them having the machine for itself. On a CPU they share it in a
run: what that costs is in `together`, and in the share of time that training waited.
"""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child_call import call
from benchmarks.configurations import trained_variants
from benchmarks.timing import speed_ratio
from cai_keras.cli import papers
from cai_keras.cli.output import errors, print_table, say
from cai_keras.errors import CaiError, RunError, UsageError, nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.training.config import SCALES, Paper

WORKER = "benchmarks.pipeline_worker"
BOTTLENECK = "the pipeline is the bottleneck"


@dataclass(frozen=True)
class Asked:
    """What is measured.

    Attributes:
        slugs: papers; all of them if empty.
        variants: of these papers; the first one that trains if empty.
        data: instead of the recipe's.
        seconds: of each of the three, in all rounds together.
    """

    slugs: Sequence[str] = ()
    variants: Sequence[str] = ()
    scale: str = "small"
    data: str | None = None
    seconds: float = 3.0
    rounds: int = 5


def run(
    asked: Asked,
    json_file: Path | None = None,
    ask: Callable[[str, Mapping[str, Any]], dict[str, Any]] = call,
) -> dict[str, Any]:
    """Measures, prints a table, writes JSON where asked for.

    Args:
        ask: starts a process and waits for its answer.
    Raises:
        UsageError: an unknown paper, scale or variant, or no folder for the file.
        RunError: nothing could be measured.
    """
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    rows, environ = [], None
    for paper, variant in plan(asked):
        errors.print(f"{paper.slug}, {variant or 'no variant'}", highlight=False)
        found = measure(paper, variant, asked, ask)
        environ = environ or found.get("environ")
        rows += rows_of(paper.slug, variant, asked.scale, found)
    result = {
        "schema_version": 1,
        "name": "input",
        "environ": environ,
        "seconds": asked.seconds,
        "rounds": asked.rounds,
        "metrics": rows,
    }
    if json_file is not None:
        write_atomic(json_file, json.dumps(result, indent=1).encode() + b"\n")
    print_table(COLUMNS, [cells(row) for row in rows])
    for line in verdict_lines(rows):
        say(line)
    if all(row["reason"] for row in rows):
        raise RunError("nothing could be measured; the table has the reasons")
    return result


def plan(asked: Asked) -> list[tuple[Paper, str | None]]:
    """The papers and variants to be measured; None where a paper has none that trains.

    Raises:
        UsageError: an unknown paper, scale or variant.
    """
    if asked.scale not in SCALES:
        raise UsageError(f"--scale {asked.scale!r}: {nearest(asked.scale, SCALES)}")
    chosen = papers.find_papers(list(asked.slugs) or ["all"])
    known = {variant for paper in chosen for variant in paper.variants}
    for variant in asked.variants:
        if variant not in known:
            raise UsageError(
                f"--variant {variant!r}: {nearest(variant, sorted(known))}"
            )
    nothing = [] if asked.variants else [None]
    return [
        (paper, variant)
        for paper in chosen
        for variant in trained_variants(paper, asked) or nothing
    ]


def measure(paper: Paper, variant: str | None, asked: Asked, ask) -> dict[str, Any]:
    """The worker's answer, or {"reason": ...}."""
    if variant is None:
        return {"reason": "no variant of it is trained at this scale"}
    try:
        recipe = paper.recipe(asked.scale, variant, asked.data)
    except CaiError as error:
        return {"reason": str(error)}
    if not recipe.train.total_steps:
        return {"reason": "this variant is not trained"}
    request = {
        "paper": paper.slug,
        "variant": variant,
        "scale": asked.scale,
        "data": asked.data,
        "seconds": asked.seconds,
        "rounds": asked.rounds,
    }
    found = ask(WORKER, request)
    if "reason" not in found and not found["phases"]:
        return {"reason": "no phase of it has a step"}
    return found


def rows_of(
    slug: str, variant: str | None, scale: str, found: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One row for each phase of training, or one with the reason why there is none."""
    head = {"paper": slug, "variant": variant, "scale": scale}
    if "reason" in found:
        return [{**head, **dict.fromkeys(_NUMBERS), "reason": found["reason"]}]
    return [
        {**head, "data": found["data"], **_of_phase(phase), "reason": None}
        for phase in found["phases"]
    ]


_NUMBERS = (
    "data", "phase", "phases", "batch_size", "steps_per_call", "first_seconds",
    "samples_per_second", "wait_share", "ratio", "interval_95",
    "together_over_training", "verdict",
)  # fmt: skip


def _of_phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    rates = phase["samples_per_second"]
    ratio = rate_ratio(rates["pipeline"], rates["training"])
    together = rate_ratio(rates["together"], rates["training"])
    return {
        **phase,
        "ratio": ratio.median,
        "interval_95": [ratio.low, ratio.high],
        "together_over_training": together.median,
        "verdict": verdict(ratio.median, ratio.low, ratio.high),
    }


def rate_ratio(rates: Sequence[float], reference: Sequence[float]):
    """Median of paired ratios of rates, and its interval."""
    # Seconds of one example each: that is what a ratio of speeds is made from.
    return speed_ratio([1 / rate for rate in rates], [1 / rate for rate in reference])


def verdict(ratio: float, low: float, high: float) -> str:
    """Whether training would have to wait."""
    text = BOTTLENECK if ratio < 1 else "the pipeline is fast enough"
    return f"{text}; the interval contains 1" if low < 1 < high else text


def verdict_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the table comes to."""
    measured = [row for row in rows if row["reason"] is None]
    slow = [row for row in measured if row["ratio"] < 1]
    lines = [
        f"{row['paper']}, {row['variant']}: {row['verdict']} "
        f"({row['ratio']:.2f} of what training takes)"
        for row in slow
    ]
    if not measured:
        return []
    count = len(measured) - len(slow)
    lines.append(
        f"{count} of {len(measured)} pipelines make more examples than training takes, "
        "each having the machine for itself"
    )
    return lines


COLUMNS = {
    "paper": "Paper",
    "variant": "Variant",
    "data": "Data",
    "pipeline": "Pipeline, samples/s",
    "training": "Training, samples/s",
    "ratio": "Ratio [95 %]",
    "together": "Together",
    "waited": "Waited",
    "verdict": "Verdict",
}


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table."""
    found = {key: "" for key in COLUMNS} | {
        "paper": row["paper"],
        "variant": row["variant"] or "",
        "data": row["data"] or "",
        "verdict": row["verdict"] or row["reason"],
    }
    if row["reason"] is not None:
        return found
    if row["phases"] > 1:
        found["variant"] += f", phase {row['phase']} of {row['phases']}"
    low, high = row["interval_95"]
    found["ratio"] = f"{row['ratio']:.2f} [{low:.2f}, {high:.2f}]"
    for name in ("pipeline", "training", "together"):
        found[name] = f"{statistics.median(row['samples_per_second'][name]):,.0f}"
    found["waited"] = f"{100 * row['wait_share']:.0f} %"
    return found
