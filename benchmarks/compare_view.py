"""`cai bench compare A B`: what is read, printed and refused."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.compare import (
    Compared,
    Comparison,
    compare,
    estimate_text,
    gate_failures,
    judge,
    why_unmeasured,
)
from benchmarks.measured_rows import Measured, four_digits
from benchmarks.measurements import read_measurements
from cai_keras.cli.output import print_table, say
from cai_keras.errors import GateError, UsageError
from cai_keras.reporting.atomic import write_atomic

_UNMEASURED = {"broken": "in B", "mended": "in A", "unmeasured": "in both"}


def run(
    path_a: Path,
    path_b: Path,
    gate: float | None = None,
    across: Sequence[str] = (),
    json_file: Path | None = None,
) -> None:
    """Reads, compares, prints.

    Raises:
        UsageError: nothing to compare, no positive gate, or no folder for the file.
        DataError: a file cannot be read.
        GateError: the gate says no; one line for each reason.
    """
    if gate is not None and not 0 < gate < float("inf"):
        raise UsageError(f"--gate {gate:g}: expected a positive ratio, such as 0.95")
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    a, b = read_measurements(path_a), read_measurements(path_b)
    found = compare(a, b, across)
    failures = [] if gate is None else gate_failures(found, gate)
    say(f"A: {path_a}")
    say(f"B: {path_b}")
    _print(found, gate, across)
    if json_file is not None:
        plain = _plain(path_a, path_b, found, gate, failures)
        write_atomic(json_file, json.dumps(plain, indent=1) + "\n")
    if gate is not None and not failures:
        say(f"gate {gate:g}: passed")
    if failures:
        raise GateError("\n".join(f"gate {gate:g}: {line}" for line in failures))


def _print(found: Comparison, gate: float | None, across: Sequence[str]) -> None:
    if found.around:
        say("A and B are of different machines or software:")
        for name, left, right in found.around:
            say(f"  {name}: {left} in A, {right} in B")
    for field in across:
        say(f"across {field}: {_values(found, field)}")
    names = found.names()
    _print_rows(found, gate, names)
    if found.mean is not None:
        verdict = "" if gate is None else f": {judge(found.mean, gate)}"
        say(
            f"geometric mean of {len(found.rows)} configurations: "
            f"{estimate_text(found.mean)}{verdict}"
        )
    for group, sides in _UNMEASURED.items():
        for row in getattr(found, group):
            say(f"failed {sides}: {names[row.configuration]}: {why_unmeasured(row)}")
    for side, configurations in (("A", found.only_a), ("B", found.only_b)):
        for configuration in configurations:
            say(f"only in {side}: {names[configuration]}")


def _print_rows(found: Comparison, gate: float | None, names: Mapping) -> None:
    columns = {
        "name": "Configuration", "a": "A, samples/s", "b": "B, samples/s",
        "ratio": "B / A [95 %]", "noise": "Noise",
    }  # fmt: skip
    if gate is not None:
        columns["verdict"] = f"Gate {gate:g}"
    rows = [
        {
            "name": names[row.a.configuration],
            "a": four_digits(statistics.median(row.a.speeds)),
            "b": four_digits(statistics.median(row.b.speeds)),
            "ratio": estimate_text(row.ratio),
            "noise": _noise_text(row),
            "verdict": "" if gate is None else judge(row.ratio, gate),
        }
        for row in found.rows
    ]
    if rows:
        print_table(columns, rows)


def _noise_text(row: Compared) -> str:
    noise = {"A": row.a.noise or "quiet", "B": row.b.noise or "quiet"}
    loud = [f"{word} in {side}" for side, word in noise.items() if word != "quiet"]
    return ", ".join(loud)


def _values(found: Comparison, field: str) -> str:
    """`tensorflow in A, jax in B`."""

    def words(rows: Sequence[Measured]) -> str:
        values = [str(getattr(row.configuration, field)) for row in rows]
        return ", ".join(dict.fromkeys(values))

    sides = {"A": [row.a for row in found.rows], "B": [row.b for row in found.rows]}
    return ", ".join(f"{words(rows)} in {side}" for side, rows in sides.items())


def _plain(
    a: Path, b: Path, found: Comparison, gate: float | None, failures: Sequence[str]
) -> Mapping[str, Any]:
    def row(compared: Compared) -> dict[str, Any]:
        return {
            "a": _plain_row(compared.a),
            "b": _plain_row(compared.b),
            "ratio": asdict(compared.ratio),
            "verdict": None if gate is None else judge(compared.ratio, gate),
        }

    return {
        "a": str(a),
        "b": str(b),
        "around": [
            {"name": name, "a": left, "b": right} for name, left, right in found.around
        ],
        "rows": [row(compared) for compared in found.rows],
        "geometric_mean": None if found.mean is None else asdict(found.mean),
        **{
            f"failed_{sides.replace(' ', '_').lower()}": [
                _plain_row(unmeasured) for unmeasured in getattr(found, group)
            ]
            for group, sides in _UNMEASURED.items()
        },
        "only_a": [only.model_dump(mode="json") for only in found.only_a],
        "only_b": [only.model_dump(mode="json") for only in found.only_b],
        "gate": gate,
        "failures": list(failures),
    }


def _plain_row(row: Measured) -> dict[str, Any]:
    return {**asdict(row), "configuration": row.configuration.model_dump(mode="json")}
