"""Which results may be averaged or compared. Unlike ones are refused, with the reason.

Every result has a passport: the data set's name, source, version and digest, the
number of examples, and what the metric's own passport adds (feature extractor and its
hash, resizing, n, reference split). Results whose passports differ are never compared.
Seeds of one variant must also agree on the recipe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record

_ABSENT = "absent"


@dataclass(frozen=True)
class Results:
    """One metric of one variant's finished runs.

    Attributes:
        by_seed: a run for every seed that has a value.
        without: runs that are done but have no value.
        conflict: why the runs are no set of seeds; empty where they are one.
    """

    metric: str
    by_seed: Mapping[int, Record]
    without: Sequence[Record]
    conflict: str = ""

    @property
    def values(self) -> dict[int, float]:
        """The values by seed, in the order of the seeds."""
        return {s: self._value(r) for s, r in sorted(self.by_seed.items())}

    def _value(self, record: Record) -> float:
        return record.metrics[self.metric].value


def collect(metric: str, records: Sequence[Record]) -> Results:
    """The runs that have a value of `metric`, and whether they may be averaged.

    A seed may stand twice only with one value (a copied folder): two values of a seed
    are neither averaged nor is one of them picked.
    """
    by_seed: dict[int, Record] = {}
    without = []
    conflict = ""
    for record in records:
        entry = record.metrics.get(metric)
        if record.state != "done":
            continue
        if entry is None or entry.value is None:
            without.append(record)
            continue
        earlier = by_seed.setdefault(record.seed, record)
        if earlier.metrics[metric].value != entry.value:
            values = f"{earlier.metrics[metric].value:g} and {entry.value:g}"
            conflict = conflict or f"{_name(record)} has two results: {values}"
    if not conflict and by_seed:
        first, *others = by_seed.values()
        whole = {r.seed: passport_of(metric, r) | _recipe(r) for r in by_seed.values()}
        conflict = next(
            (
                d
                for r in others
                if (d := _difference(first, whole[first.seed], r, whole[r.seed]))
            ),
            "",
        )
    return Results(metric, by_seed, without, conflict)


def why_unlike(method: Results, baseline: Results) -> str:
    """Why a method and its baseline may not be compared; empty where they may."""
    if method.conflict or baseline.conflict:
        return method.conflict or baseline.conflict
    if not method.by_seed or not baseline.by_seed:
        return ""
    # Within a variant all passports are equal: one of each stands for the others.
    first, second = (next(iter(r.by_seed.values())) for r in (method, baseline))
    ours, theirs = (
        passport_of(r.metric, record)
        for r, record in ((method, first), (baseline, second))
    )
    return _difference(first, ours, second, theirs)


def why_unlike_paper(passport: Mapping[str, Any] | None, results: Results) -> str:
    """Why a paper's number may not be held against ours; empty where it may."""
    for record in results.by_seed.values():
        ours = record.metrics[results.metric].passport or {}
        for key, value in (passport or {}).items():
            if ours.get(key, _ABSENT) != value:
                found = _shown(ours.get(key, _ABSENT))
                return f"{key} is {_shown(value)} in the paper, ours {found}"
    return ""


def passport_of(metric: str, record: Record) -> dict[str, Any]:
    """Everything that two results must have in common to be compared."""
    data, entry = record.dataset, record.metrics[metric]
    return {
        "data set": data.name,
        "data source": data.spec.partition(":")[0],
        "data version": data.version,
        "data digest": data.digest,
        "number of examples": entry.count,
        **(entry.passport or {}),
    }


def _recipe(record: Record) -> dict[str, Any]:
    """What seeds of one variant have in common and two variants need not."""
    return {
        "steps": record.steps_planned,
        "batch size": record.global_batch,
        "precision": record.precision,
        "parameters": {name: net.total for name, net in record.parameters.items()},
    }


def _difference(
    first: Record, a: Mapping[str, Any], second: Record, b: Mapping[str, Any]
) -> str:
    """The first key in which the passports `a` and `b` of two runs differ."""
    for key in {**a, **b}:
        left, right = a.get(key, _ABSENT), b.get(key, _ABSENT)
        if left != right:
            return (
                f"{key} is {_shown(left)} for {_name(first)}, "
                f"{_shown(right)} for {_name(second)}"
            )
    return ""


def _name(record: Record) -> str:
    return f"{record.variant} seed {record.seed}"


def _shown(value: Any) -> str:
    return "absent" if value is None or value == _ABSENT else one_line(str(value), 40)
