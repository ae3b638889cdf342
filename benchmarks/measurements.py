"""Measurements as `cai bench compare` reads them: from JSON, CSV or a score's file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.csv_table import read_csv
from benchmarks.measured_rows import Measured, measured
from benchmarks.rows import BenchmarkFile, Configuration, read_benchmark
from benchmarks.score_file import read_score
from cai_keras.errors import DataError, UsageError, choose

# Parts of names in `environ` that say how it was at one moment, not what it is.
_PASSING = (
    "time", "start", "date", "load", "free", "available", "used", "percent",
    "temperature", "clock", "mhz", "power", "throttl", "uptime", "boot", "process",
)  # fmt: skip


@dataclass(frozen=True)
class Measurements:
    """One file.

    Attributes:
        facts: name -> what the machine and its software are called there.
    """

    rows: tuple[Measured, ...]
    facts: Mapping[str, str]

    def by_configuration(self, across: Sequence[str] = ()) -> dict[Any, Measured]:
        """By what makes two rows equal, which the fields in `across` have no part in.

        Raises:
            UsageError: two rows are equal then, or there is no such field.
        """
        for field in across:
            choose("--across", field, Configuration.model_fields)
        found: dict[Any, Measured] = {}
        for row in self.rows:
            key = row.configuration.model_dump(exclude=set(across))
            key = tuple(sorted(key.items()))
            if key in found:
                names = ", ".join(across) or "nothing"
                raise UsageError(
                    f"two rows of {row.configuration.model} differ in {names}: "
                    "which of them is to be compared?"
                )
            found[key] = row
        return found


def read_measurements(path: Path) -> Measurements:
    """Reads what `cai bench train`, `infer` or `score` wrote, JSON or CSV.

    Raises:
        DataError: the file is missing or damaged, or is something else.
        UsageError: the name ends in neither .json nor .csv.
    """
    if path.suffix == ".csv":
        rows, around = read_csv(path)
        return Measurements(tuple(rows), _facts_of_lines(around))
    if path.suffix != ".json":
        raise UsageError(f"{path}: expected a name in .json or .csv")
    file = read_file(path)
    return Measurements(tuple(map(measured, file.metrics)), facts_of(file))


def read_file(path: Path) -> BenchmarkFile:
    """A benchmark, or what a score measured.

    Raises:
        DataError: the file is missing or damaged, or is something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if isinstance(content, dict) and "score_version" in content:
        return read_score(path).measured
    return read_benchmark(path)


def facts_of(file: BenchmarkFile) -> dict[str, str]:
    """What stays the same from call to call: devices, and `environ` as dotted names.

    Numbers with a fraction are left out: they were measured.
    """
    devices = {
        f"device of {ceilings.backend} {ceilings.device}": ceilings.device_name
        for ceilings in file.ceilings
    }
    return {**devices, **facts_of_environ(file.environ)}


def facts_of_environ(environ: Mapping[str, Any]) -> dict[str, str]:
    """What an `environ` says that stays the same from call to call."""
    return dict(_leaves(environ))


def differences(a: Measurements, b: Measurements) -> list[tuple[str, str, str]]:
    """Name, A and B of each fact that both have and that is not the same."""
    return [
        (name, a.facts[name], b.facts[name])
        for name in a.facts
        if name in b.facts and a.facts[name] != b.facts[name]
    ]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    last = name.rpartition(".")[2].lower()
    if any(part in last for part in _PASSING):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(v, Mapping | list) for v in value):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{index}")
    elif isinstance(value, list):
        yield name, ", ".join(str(inner) for inner in value)
    elif value is not None and not isinstance(value, float):
        yield name, str(value)


def _facts_of_lines(around: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """From CSV: all lines of a file were measured with the same versions."""
    facts: dict[str, str] = {}
    names = sorted({line["device_name"] for line in around if line["device_name"]})
    if names:
        facts["devices"] = ", ".join(names)
    for line in around[:1]:
        for pair in line["versions"].split():
            name, _, version = pair.partition("=")
            facts[f"versions.{name}"] = version
    return facts
