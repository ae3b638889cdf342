"""What `cai verify` shows and writes."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cai_keras.cli.comparison_tables import print_grouped, say
from cai_keras.cli.output import print_table
from cai_keras.errors import UsageError
from cai_keras.reporting.atomic import write_atomic

if TYPE_CHECKING:
    from cai_keras.reporting.verification import MetricCheck, Verification

_COLUMNS = {
    "metric": "Metric", "then": "Recorded", "now": "Again",
    "interval": "95 % prediction interval", "outcome": "Outcome",
}  # fmt: skip
_CURVES = "curves (metrics.csv)"
_FACTS = {"name": "Around the runs", "a": "Recorded", "b": "Again", "pairs": "Runs"}


def print_verifications(verified: Sequence["Verification"]) -> None:
    """Every metric of every run, and what may explain differences."""
    rows = _rows(verified)
    columns = _COLUMNS
    if not any(row["interval"] for row in rows):
        columns = {key: name for key, name in _COLUMNS.items() if key != "interval"}
    print_grouped("", columns, rows, "run")
    facts = _fact_rows(verified)
    if facts:
        print_table(_FACTS, facts)
    else:
        say("machine, versions, commit, precision, strategy, data: as recorded")
    say(_summary(verified))


def print_skipped(skipped: Sequence[tuple[str, str]], total: int) -> None:
    """One line for each reason."""
    reasons = Counter(reason for _, reason in skipped)
    names = {reason: name for name, reason in reversed(skipped)}
    for reason, count in reasons.items():
        others = f" and {count - 1} more" if count > 1 else ""
        say(f"skipped {count} of {total}: {names[reason]}{others}: {reason}")


def check_ending(path: Path) -> None:
    """Raises UsageError unless `path` ends in .md or .json."""
    if path.suffix not in (".md", ".json"):
        raise UsageError(f"--report {path}: expected a name in .md or .json")


def write_report(
    path: Path,
    verified: Sequence["Verification"],
    skipped: Sequence[tuple[str, str]],
    available: int,
) -> None:
    """Writes the summary as Markdown or JSON, as the file's ending says.

    Args:
        skipped: names of records that could not be trained here, with the reason.
        available: how many could.
    """
    check_ending(path)
    if path.suffix == ".json":
        document = _plain(verified, skipped, available)
        write_atomic(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    else:
        write_atomic(path, _markdown(verified, skipped, available))


def _rows(verified: Sequence["Verification"]) -> list[dict[str, str]]:
    rows, blank = [], dict.fromkeys(_COLUMNS, "")
    for found in verified:
        rows += [{"run": found.name, **_check_cells(check)} for check in found.checks]
        if found.curves:
            rows.append(
                {**blank, "run": found.name, "metric": _CURVES, "outcome": found.curves}
            )
        if found.again is None:
            failed = f"failed: {found.failure}"
            rows.append({**blank, "run": found.name, "outcome": failed})
    return rows


def _check_cells(check: "MetricCheck") -> dict[str, str]:
    note = f" ({check.note})" if check.note else ""
    then, now = _value_texts(check)
    interval = ""
    if check.interval is not None:
        interval = f"[{check.interval[0]:.6g}, {check.interval[1]:.6g}]"
    return {
        "metric": check.metric,
        "then": then,
        "now": now,
        "interval": interval,
        "outcome": check.outcome + note,
    }


def _value_texts(check: "MetricCheck") -> tuple[str, str]:
    """Both values; in full where they differ and rounding would hide it."""
    texts = ["null" if v is None else f"{v:.6g}" for v in (check.then, check.now)]
    if texts[0] == texts[1] and check.then != check.now:
        texts = [repr(check.then), repr(check.now)]
    return texts[0], texts[1]


def _fact_rows(verified: Sequence["Verification"]) -> list[dict[str, str]]:
    from cai_keras.reporting.verification import differences_around

    total = sum(found.again is not None for found in verified)
    return [
        {"name": f.name, "a": f.a, "b": f.b, "pairs": f"{f.count} of {total}"}
        for f in differences_around(verified)
    ]


def _summary(verified: Sequence["Verification"]) -> str:
    """`3 records: 2 identical, 1 within the interval`."""
    from cai_keras.reporting.verification import OUTCOMES

    counts = Counter(found.outcome for found in verified)
    parts = [f"{counts[word]} {word}" for word in (*OUTCOMES, "failed") if counts[word]]
    records = "record" if len(verified) == 1 else "records"
    return f"{len(verified)} {records} trained again: {', '.join(parts)}"


def _markdown(verified, skipped, available: int) -> str:
    lines = [
        "# Records trained again",
        "",
        "Written by `cai verify --report`; do not edit.",
        "",
        f"{_summary(verified)}, of {available} that can be trained here.",
        "",
        *_markdown_table({"run": "Run", **_COLUMNS}, _rows(verified)),
        "",
        "Identical: to the last bit. Within the interval: in mean ± t sd sqrt(1 + 1/n)",
        "over the n recorded seeds of the variant, where one more run lies with 95 %",
        "probability. Timings are not metrics; the curves are no part of the outcome.",
        "",
    ]
    facts = _fact_rows(verified)
    if facts:
        lines += [*_markdown_table(_FACTS, facts), ""]
    else:
        lines += ["Machine, versions, commit and data are as recorded.", ""]
    if skipped:
        lines += ["Skipped:", "", *(f"- {name}: {why}" for name, why in skipped), ""]
    return "\n".join(lines)


def _markdown_table(columns, rows) -> list[str]:
    table = [list(columns.values()), ["---"] * len(columns)]
    table += [[row[key].replace("|", "\\|") for key in columns] for row in rows]
    return [f"| {' | '.join(cells)} |" for cells in table]


def _plain(verified, skipped, available: int) -> dict[str, Any]:
    from cai_keras.reporting.verification import differences_around

    return {
        "available": available,
        "runs": [
            {
                "run": found.name,
                "outcome": found.outcome,
                "failure": found.failure or None,
                "curves": found.curves or None,
                "metrics": [asdict(check) for check in found.checks],
            }
            for found in verified
        ],
        "skipped": [{"run": name, "reason": reason} for name, reason in skipped],
        "environment": [asdict(fact) for fact in differences_around(verified)],
    }
