"""Records of one paper by scale, data set and changes: what a table's row is about."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record

_LISTED_MACHINES = 2


@dataclass(frozen=True, order=True)
class Setting:
    """Scale, data set and what `--set` changed; `--data` shows as the data set."""

    scale: str
    data: str
    stand_in: bool
    changes: tuple[str, ...]

    @classmethod
    def of(cls, record: Record) -> "Setting":
        data = record.dataset
        return cls(record.scale, data.name, data.stand_in, changes_of(record))


@dataclass(frozen=True, order=True)
class DataCopy:
    """Which copy of a data set: one name from two sources or versions may differ."""

    source: str
    version: str
    digest: str

    @classmethod
    def of(cls, record: Record) -> "DataCopy":
        data = record.dataset
        return cls(data.spec.partition(":")[0], data.version, data.digest or "")


# By variant, the records of one setting and one copy of the data.
Group = Mapping[str, Sequence[Record]]


def group_records(
    records: Iterable[Record],
) -> dict[Setting, dict[DataCopy, Group]]:
    """The records by setting, within it by copy of the data, within it by variant."""
    groups: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in records:
        place = groups[Setting.of(record)][DataCopy.of(record)]
        place[record.variant].append(record)
    return {key: dict(sorted(groups[key].items())) for key in sorted(groups)}


def changes_of(record: Record) -> tuple[str, ...]:
    """What `--set` changed of the recipe."""
    return tuple(t for t in record.overrides if not t.startswith("data.spec="))


class DataLabels:
    """Names of data sets as a table prints them.

    The name, its copy where the records hold several of that name, and the mark of a
    stand-in.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._copies = defaultdict(set)
        for record in records:
            self._copies[record.dataset.name].add(DataCopy.of(record))

    def __call__(self, record: Record) -> str:
        name, copy = record.dataset.name, DataCopy.of(record)
        copies = self._copies[name] | {copy}
        text = one_line(name)
        if len({other.version for other in copies}) > 1:
            text += f" {one_line(copy.version)}"
        if len({other.source for other in copies}) > 1:
            text += f" from {one_line(copy.source)}"
        if len({other.digest for other in copies}) > 1:
            text += f", digest {one_line(copy.digest)[:8] or 'unknown'}"
        return text + (" (stand-in)" if record.dataset.stand_in else "")


def machines_of(records: Iterable[Record]) -> str:
    """The machines of these runs, each once: GPUs, or the CPU and its threads."""
    names = list(dict.fromkeys(_machine(record) for record in records))
    more = len(names) - _LISTED_MACHINES
    listed = "; ".join(names[:_LISTED_MACHINES])
    return f"{listed}; {more} more" if more > 0 else listed


def _machine(record: Record) -> str:
    machine = record.machine
    if not machine.gpus:
        return one_line(f"{machine.cpu}, {machine.logical_cpus} threads")
    counts = {name: machine.gpus.count(name) for name in machine.gpus}
    names = [f"{n} x {name}" if n > 1 else name for name, n in counts.items()]
    return one_line(", ".join(names))
