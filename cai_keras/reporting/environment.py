"""What surrounds a run: machine, versions, commit, precision, strategy, data."""

from collections.abc import Sequence
from dataclasses import dataclass

from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record

_GIBIBYTE = 2**30


@dataclass(frozen=True)
class FactDifference:
    """A fact that is not the same in both runs of some pairs.

    Attributes:
        a, b: the values that occur in those pairs.
        count: how many pairs they are.
    """

    name: str
    a: str
    b: str
    count: int


def facts_of(record: Record) -> dict[str, str]:
    """What may explain that another run gives other numbers, in words."""
    machine, data = record.machine, record.dataset
    facts = {
        "cpu": machine.cpu,
        "logical cpus": str(machine.logical_cpus),
        "memory": f"{machine.memory_bytes / _GIBIBYTE:.0f} GiB",
        "gpus": ", ".join(machine.gpus) or "none",
        "threads": f"{machine.intra_op_threads} intra-op, "
        f"{machine.inter_op_threads} inter-op",
        "commit": commit_text(record),
        **machine.versions,
        "backend": record.backend,
        "precision": record.precision,
        "strategy": record.strategy,
        "replicas": str(record.replicas),
        "data": f"{data.name} {data.version}",
    }
    if data.digest:
        facts["data digest"] = data.digest[:12]
    return {name: one_line(text) for name, text in facts.items()}


def commit_text(record: Record) -> str:
    """The first eight digits; says where files were changed after the commit."""
    machine = record.machine
    if machine.commit is None:
        return "unknown"
    return machine.commit[:8] + (" and changes" if machine.commit_is_dirty else "")


def fact_differences(pairs: Sequence[tuple[Record, Record]]) -> list[FactDifference]:
    """The facts that differ, or may differ, within at least one pair of records."""
    found: dict[str, list[tuple[str, str]]] = {}
    for a, b in pairs:
        facts_a, facts_b = facts_of(a), facts_of(b)
        for name in [*facts_a, *(name for name in facts_b if name not in facts_a)]:
            values = facts_a.get(name, "unknown"), facts_b.get(name, "unknown")
            if values[0] != values[1] or _hides_changes(name, a):
                found.setdefault(name, []).append(values)
    return [
        FactDifference(
            name, joined([a for a, _ in values]), joined([b for _, b in values]),
            len(values),
        )
        for name, values in found.items()
    ]  # fmt: skip


def _hides_changes(name: str, record: Record) -> bool:
    """Two equal entries that need not mean equal code."""
    machine = record.machine
    return name == "commit" and (
        machine.commit is None or bool(machine.commit_is_dirty)
    )


def joined(texts: Sequence[str]) -> str:
    """Every text once."""
    return "; ".join(dict.fromkeys(texts))


def unlike_data(a: Record, b: Record) -> str:
    """Why the two are about different data; empty where they are not.

    A digest counts where both have one: older records do not name any.
    """
    first, second = a.dataset, b.dataset
    values = {
        "data set": (first.name, second.name),
        "data source": tuple(d.spec.partition(":")[0] for d in (first, second)),
        "data version": (first.version, second.version),
    }
    if first.digest and second.digest:
        values["data digest"] = first.digest, second.digest
    for what, (one, other) in values.items():
        if one != other:
            return one_line(f"{what} {one} against {other}")
    return ""
