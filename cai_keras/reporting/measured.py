"""What was measured: every metric of every variant, whether a claim names it or not."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

from cai_keras.reporting.comparability import passport_of
from cai_keras.reporting.grouping import (
    DataCopy,
    DataLabels,
    Setting,
    changes_of,
    machines_of,
)
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record
from cai_keras.reporting.rounding import duration, estimate


def measured_rows(records: Sequence[Record]) -> list[dict[str, str]]:
    """Every metric of every variant, by scale and data set: mean and spread.

    Unlike results have rows of their own: those whose passports or steps differ, and
    a second result of a seed.
    """
    records = [r for r in records if r.scale != "smoke" and r.state == "done"]
    labels = {
        slug: DataLabels(r for r in records if r.paper == slug)
        for slug in {record.paper for record in records}
    }
    return [
        _row(metric, list(by_seed.values()), labels)
        for (_, metric), by_seed in _like_results(records)
    ]


def _like_results(records: Iterable[Record]) -> list:
    """((sort key, metric), seed -> record), in the order of the rows."""
    groups: dict[tuple, dict[int, Record]] = defaultdict(dict)
    for record in records:
        for metric, entry in record.metrics.items():
            if entry.value is None:
                continue
            key = _key(record, metric)
            again = 0
            while (earlier := groups[key, metric].get(record.seed)) is not None:
                if earlier.metrics[metric].value == entry.value:
                    break  # a copied folder: one result
                again += 1
                key = (*_key(record, metric), again)
            else:
                groups[key, metric][record.seed] = record
    return sorted(groups.items())


def _key(record: Record, metric: str) -> tuple:
    setting, copy = Setting.of(record), DataCopy.of(record)
    passport = json.dumps(passport_of(metric, record), sort_keys=True, default=str)
    place = (record.paper, setting.scale, setting.data, setting.stand_in, copy)
    recipe = (record.steps_planned, record.global_batch, record.precision)
    return (*place, metric, record.variant, setting.changes, passport, recipe)


def _row(metric: str, records: Sequence[Record], labels) -> dict[str, str]:
    first = records[0]
    entry = first.metrics[metric]
    values = [record.metrics[metric].value for record in records]
    deviation = statistics.stdev(values) if len(values) > 1 else None
    seconds = statistics.fmean(record.train_seconds for record in records)
    changed = "".join(f" [{text}]" for text in changes_of(first))
    passport = ", ".join(f"{k} {v}" for k, v in (entry.passport or {}).items())
    return {
        "Paper": one_line(first.paper),
        "Scale": one_line(first.scale),
        "Data": labels[first.paper](first),
        "Metric": one_line(metric + (f" ({passport})" if passport else "")),
        "Variant": one_line(first.variant + changed),
        "Mean": estimate(statistics.fmean(values), deviation, None),
        "n": str(len(values)),
        "Examples": "" if entry.count is None else str(entry.count),
        "Training": duration(seconds),
        "Machine": machines_of(records),
    }
