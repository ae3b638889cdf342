"""The comparison table: paper against ours, from claims and records alone."""

import csv
import io
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.record import Record
from cai_keras.reporting.verdict import Verdict, judge_effect, judge_value


@dataclass(frozen=True)
class PaperClaims:
    """What the table needs to know of a paper beside its records.

    Attributes:
        paper_steps: by variant, the optimiser steps of the `paper` scale.
        seeds: by variant, the seeds that the `paper` scale asks for.
    """

    slug: str
    claims: Sequence[ValueClaim | EffectClaim]
    paper_steps: Mapping[str, int]
    seeds: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Row:
    """One claim at one scale on one data set, ready to print."""

    paper: str
    claim: str
    source: str
    metric: str
    published: str
    ours: str
    count: int
    difference: str
    data: str
    protocol: str
    verdict: str
    note: str


COLUMNS = {
    "paper": "Paper",
    "claim": "Claim",
    "source": "Source",
    "published": "Published",
    "ours": "Ours",
    "count": "n",
    "difference": "Difference",
    "data": "Data",
    "protocol": "Protocol",
    "verdict": "Verdict",
    "note": "Note",
}


def build_rows(papers: Sequence[PaperClaims], records: Sequence[Record]) -> list[Row]:
    """Rows in the order of papers, claims, then groups of records.

    The scale `smoke` checks wiring and never enters the table. A claim without any
    record gives one row `not run`.
    """
    by_paper = defaultdict(list)
    for record in records:
        if record.scale != "smoke":
            by_paper[record.paper].append(record)
    rows = []
    for paper in papers:
        groups = _groups(by_paper[paper.slug])
        for claim in paper.claims:
            found = [
                row
                for group in groups.values()
                if (row := _row(paper, claim, group)) is not None
            ]
            rows.extend(found or [_not_run(paper, claim)])
    return rows


def to_markdown(rows: Sequence[Row], columns: Mapping[str, str] = COLUMNS) -> str:
    """A GitHub table with a line of explanation below it."""
    lines = [
        "| " + " | ".join(columns.values()) + " |",
        "|" + "---|" * len(columns),
    ]
    for row in rows:
        lines.append(_markdown_line(str(getattr(row, key)) for key in columns))
    return "\n".join([*lines, "", LEGEND, ""])


LEGEND = (
    "Ours is the mean ± standard deviation over n seeds; for effects it is the mean "
    "difference (method minus baseline, positive where the method is better) with its "
    "95 % interval by Student's t over paired seeds. A value claim is judged only by "
    "runs that kept the paper's protocol: the paper's data, steps and recipe."
)


def to_csv(rows: Sequence[Row]) -> str:
    """Comma-separated, one header line, the row's field names as columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def to_json(rows: Sequence[Row]) -> str:
    """A list of objects with the row's field names."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False)


def measured_rows(records: Sequence[Record]) -> list[dict[str, str]]:
    """Every metric of every variant, by scale and data set: mean and spread."""
    groups = defaultdict(list)
    for record in records:
        if record.scale != "smoke" and record.state == "done":
            for metric, entry in record.metrics.items():
                if entry.value is not None:
                    changed = _changes(record)
                    key = (
                        record.paper, record.scale, *_data_key(record), metric,
                        record.variant, *changed,
                    )  # fmt: skip
                    groups[key].append((record, entry))
    rows = []
    for (paper, scale, data, _, metric, variant, *changed), found in sorted(
        groups.items(), key=lambda item: item[0]
    ):
        values = [entry.value for _, entry in found]
        first, entry = found[0]
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        seconds = statistics.fmean(record.train_seconds for record, _ in found)
        rows.append(
            {
                "Paper": paper,
                "Scale": scale,
                "Data": data + (" (stand-in)" if first.dataset.stand_in else ""),
                "Metric": metric,
                "Variant": variant + "".join(f" [{text}]" for text in changed),
                "Mean": f"{statistics.fmean(values):.2f}{spread}",
                "n": str(len(values)),
                "Examples": str(entry.count or ""),
                "Training": f"{seconds:.0f} s",
                "Machine": _machine(first),
            }
        )
    return rows


def measured_markdown(records: Sequence[Record]) -> str:
    """`measured_rows` as a GitHub table."""
    rows = measured_rows(records)
    if not rows:
        return "No finished run.\n"
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += [_markdown_line(row.values()) for row in rows]
    return "\n".join([*lines, ""])


def _markdown_line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


FORMATS = {"md": to_markdown, "csv": to_csv, "json": to_json}


def _groups(records: Sequence[Record]) -> dict:
    """Records by scale and data set, within them by variant.

    Runs that `--set` changed form groups of their own.
    """
    groups: dict = defaultdict(lambda: defaultdict(list))
    for record in records:
        key = (record.scale, *_data_key(record), _changes(record))
        groups[key][record.variant].append(record)
    return dict(sorted(groups.items()))


def _row(paper: PaperClaims, claim, group: Mapping[str, list[Record]]) -> Row | None:
    runs = group.get(claim.variant, [])
    if isinstance(claim, ValueClaim):
        if not runs:
            return None
        verdict = judge_value(claim, runs, paper.seeds[claim.variant])
        published = _number(claim.value)
        difference = (
            "" if verdict.ours is None else f"{verdict.ours - claim.value:+.2f}"
        )
        ours = _plus_minus(verdict)
    else:
        baseline = group.get(claim.baseline, [])
        if not runs or not baseline:
            return None
        verdict = judge_effect(claim, runs, baseline)
        published = _effect_text(claim)
        difference, ours = "", _with_interval(verdict)
    first = runs[0]
    return Row(
        paper=paper.slug,
        claim=claim.id,
        source=claim.source,
        metric=claim.metric,
        published=published,
        ours=ours,
        count=verdict.count,
        difference=difference,
        data=first.dataset.name + (" (stand-in)" if first.dataset.stand_in else ""),
        protocol=_protocol(first, paper.paper_steps.get(claim.variant, 0)),
        verdict=verdict.word,
        note=verdict.note,
    )


def _not_run(paper: PaperClaims, claim) -> Row:
    value = isinstance(claim, ValueClaim)
    published = _number(claim.value) if value else _effect_text(claim)
    return Row(
        paper.slug, claim.id, claim.source, claim.metric, published,
        "", 0, "", "", "", "not run", "",
    )  # fmt: skip


def _protocol(record: Record, paper_steps: int) -> str:
    changed = _changes(record)
    if record.scale == "paper" and not record.dataset.stand_in and not changed:
        return "full"
    steps = ""
    if paper_steps:
        share = 100 * record.steps_done / paper_steps
        steps = f", {share:.3g} % of the steps"
    return f"reduced ({record.scale}{', changed' if changed else ''}{steps})"


def _changes(record: Record) -> tuple[str, ...]:
    """What `--set` changed; `--data` shows as the data set."""
    return tuple(t for t in record.overrides if not t.startswith("data.spec="))


def _data_key(record: Record) -> tuple[str, str]:
    """Name and kind of source: one set from TFDS and from a folder may differ."""
    return record.dataset.name, record.dataset.spec.partition(":")[0]


def _machine(record: Record) -> str:
    machine = record.machine
    names = machine.gpus or [f"{machine.cpu}, {machine.logical_cpus} threads"]
    return ", ".join(names)


def _number(value: float) -> str:
    return f"{value:g}"


def _effect_text(claim: EffectClaim) -> str:
    published = "" if claim.published is None else f"{claim.published:+g}; "
    return f"{published}claimed > {claim.margin:g}"


def _plus_minus(verdict: Verdict) -> str:
    if verdict.ours is None:
        return ""
    if verdict.deviation is None:
        return f"{verdict.ours:.2f}"
    return f"{verdict.ours:.2f} ± {verdict.deviation:.2f}"


def _with_interval(verdict: Verdict) -> str:
    if verdict.ours is None:
        return ""
    if verdict.interval is None:
        return f"{verdict.ours:+.2f}"
    low, high = verdict.interval
    return f"{verdict.ours:+.2f} [{low:+.2f}, {high:+.2f}]"
