"""The page's records: one line for each run, and where all of them come from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cai_keras.reporting.environment import commit_text
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.grouping import DataLabels, changes_of, machines_of
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record
from cai_keras.reporting.rounding import decimals_for, duration, rounded

_MOST_RECORDS = 120


@dataclass(frozen=True)
class RecordRow:
    """One record; `metrics` has one entry for each of the table's metrics."""

    record: Record
    data: str
    label: str
    metrics: Sequence[tuple[str, float | None]]
    hardware: str
    wall: str
    steps: str
    strategy: str
    commit: str


@dataclass(frozen=True)
class RecordTable:
    """A paper's records. `reasons` are the footnotes of metrics that are null."""

    metrics: Sequence[str]
    rows: Sequence[RecordRow]
    total: int
    reasons: Sequence[str]


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from: counts of records, by state and by commit."""

    total: int
    states: Sequence[tuple[str, int]]
    commits: Sequence[tuple[str, int]]
    smoke: int
    unknown_papers: Sequence[tuple[str, int]]


def provenance(runs: Sequence[FinishedRun], slugs: Sequence[str]) -> Provenance:
    """Counts over all records; the scale `smoke` only checks wiring."""
    records = [run.record for run in runs if run.record.scale != "smoke"]
    return Provenance(
        total=len(records),
        states=sorted(Counter(record.state for record in records).items()),
        commits=sorted(
            Counter(commit_text(record) for record in records).items(),
            key=lambda item: (-item[1], item[0]),
        ),
        smoke=len(runs) - len(records),
        unknown_papers=sorted(
            Counter(r.paper for r in records if r.paper not in slugs).items()
        ),
    )


def label_of(record: Record) -> str:
    """The variant, and what `--set` changed in it; the data set is shown apart."""
    changed = "".join(f" [{text}]" for text in changes_of(record))
    return one_line(record.variant + changed)


def record_table(runs: Sequence[FinishedRun], variants: Sequence[str]) -> RecordTable:
    """All records in the paper's order; of very many, the failed and the first."""
    runs = sorted(runs, key=lambda run: str(run.folder.path))
    records = [run.record for run in runs]
    data_label = DataLabels(records)
    names = {name for record in records for name in record.metrics}
    tests = sorted(name for name in names if name.startswith("test/"))
    metrics = [*tests, *sorted(names - set(tests))]
    place = {variant: index for index, variant in enumerate(variants)}
    order = sorted(
        records,
        key=lambda r: (
            r.scale != "paper", r.scale, r.dataset.stand_in, r.dataset.name,
            place.get(r.variant, len(place)), label_of(r), r.run_name, r.seed,
        ),
    )  # fmt: skip
    # What failed is what somebody has to look at: it is never among those left out.
    kept = sorted(order, key=lambda record: record.state == "done")[:_MOST_RECORDS]
    chosen = {id(record) for record in kept}
    reasons: dict[str, int] = {}
    rows = [
        _record_row(record, data_label(record), metrics, reasons)
        for record in order
        if id(record) in chosen
    ]
    return RecordTable(metrics, rows, len(records), list(reasons))


def _record_row(
    record: Record, data: str, metrics: Sequence[str], reasons: dict[str, int]
) -> RecordRow:
    cells: list[tuple[str, float | None]] = []
    for name in metrics:
        metric = record.metrics.get(name)
        if metric is None:
            cells.append(("", None))
        elif metric.value is None:
            number = reasons.setdefault(metric.reason or "", len(reasons) + 1)
            cells.append((f"none [{number}]", None))
        else:
            cells.append((_number_text(metric.value), metric.value))
    return RecordRow(
        record=record,
        data=data,
        label=label_of(record),
        metrics=cells,
        hardware=machines_of([record]),
        wall=duration(record.wall_seconds),
        steps=f"{record.steps_done:,} of {record.steps_planned:,}",
        strategy=_strategy(record),
        commit=commit_text(record),
    )


def _number_text(value: float) -> str:
    return rounded(value, decimals_for(value, None))


def _strategy(record: Record) -> str:
    if record.replicas == 1:
        return record.strategy
    return f"{record.strategy}, {record.replicas} replicas"
