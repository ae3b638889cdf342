"""The project's replacements beside what tensorflow-addons gave.

`cai bench addons` runs it. Values are compared with the golden file, which
`make.py` wrote and which is part of the package. Seconds are of larger inputs: ours
measured now, the original's read from the golden file, which names its machine. A ratio
of the two is across processes and hours, and across machines unless the golden file was
made on this one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.addons.graph import time_calls, values_of
from benchmarks.addons.inputs import CASES, factors_for
from benchmarks.addons.replacements import REPLACEMENTS
from benchmarks.unpaired_ratio import speed_ratio_of_medians
from cai_keras.cli.output import errors, print_table, say
from cai_keras.errors import GateError, UsageError
from cai_keras.reporting.atomic import write_atomic

FOLDER = Path(__file__).parent
_BY_NAME = {case.name: case for case in CASES}


@dataclass(frozen=True)
class Golden:
    """What tensorflow-addons gave for one case: arrays by name."""

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


def golden_values(name: str, folder: Path = FOLDER) -> Golden:
    """The golden arrays of a case."""
    with np.load(folder / "golden.npz", allow_pickle=False) as file:
        found = {
            kind: {
                key.rpartition("/")[2]: file[key]
                for key in file.files
                if key.startswith(f"{name}/{kind}/")
            }
            for kind in ("input", "output", "gradient")
        }
    return Golden(found["input"], found["output"], found["gradient"])


def golden_timings(folder: Path = FOLDER) -> dict[str, Any]:
    """The golden file's versions, machine and seconds."""
    return json.loads((folder / "golden.json").read_text(encoding="utf-8"))


def differences(name: str, golden: Golden) -> dict[str, float]:
    """For each output and gradient: the largest difference over the largest number."""
    replacement, case = REPLACEMENTS[name], _BY_NAME[name]

    def factors(output, shape):
        return factors_for(name, output, shape)

    prepared = replacement.prepare(golden.inputs, case.settings)
    outputs, gradients = values_of(prepared, factors)
    expected = (golden.outputs, golden.gradients)
    if replacement.expected is not None:
        expected = replacement.expected(golden.inputs, golden.outputs, golden.gradients)
    found = {}
    for kind, ours, theirs in zip(
        ("output", "gradient"), (outputs, gradients), expected, strict=True
    ):
        if sorted(ours) != sorted(theirs):
            raise ValueError(f"{name}: {kind}s {sorted(ours)}, not {sorted(theirs)}")
        for key in theirs:
            if kind == "gradient" and key in replacement.left_out:
                continue
            found[f"{kind}/{key}"] = relative_difference(ours[key], theirs[key])
    return found


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference over the largest number of the second (or over 1).

    Raises:
        ValueError: other shapes, which NumPy would stretch.
    """
    if np.shape(ours) != np.shape(theirs):
        raise ValueError(f"shapes {np.shape(ours)} and {np.shape(theirs)}")
    ours, theirs = (np.asarray(array, "float64") for array in (ours, theirs))
    largest = np.abs(theirs).max(initial=0.0)
    return float(np.abs(ours - theirs).max(initial=0.0) / (largest or 1.0))


def compare(
    names: Sequence[str], rounds: int, folder: Path = FOLDER
) -> list[dict[str, Any]]:
    """One row for each case: largest difference, seconds of both, ratios of speed."""
    timings = golden_timings(folder)["cases"]
    return [
        {
            "case": name,
            "original": f"tfa.{_BY_NAME[name].original}",
            "replacement": REPLACEMENTS[name].place,
            "differs": REPLACEMENTS[name].differs,
            "relative_difference": max(
                differences(name, golden_values(name, folder)).values()
            ),
            "tolerance": REPLACEMENTS[name].tolerance,
            "passes": speeds(_seconds_of(name, rounds), timings[name]["seconds"]),
        }
        for name in names
    ]


def speeds(
    ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, Any]]:
    """Pass (forward, forward_backward) -> median milliseconds of both, ratio, interval.

    A ratio above 1: the replacement is faster. A pass that only one side has is left
    out.
    """
    found = {}
    for name in ours:
        if name not in theirs:
            continue
        ratio = speed_ratio_of_medians(ours[name], theirs[name])
        found[name] = {
            "milliseconds": 1000 * float(np.median(ours[name])),
            "original_milliseconds": 1000 * float(np.median(theirs[name])),
            "speed_over_original": ratio.median,
            "interval_95": [ratio.low, ratio.high],
        }
    return found


def _seconds_of(name: str, rounds: int) -> dict[str, list[float]]:
    case = _BY_NAME[name]

    def factors(output, shape):
        return factors_for(name, output, shape)

    large = REPLACEMENTS[name].prepare(case.arrays(is_large=True), case.settings)
    return time_calls(large, factors, rounds)


def run(
    names: Sequence[str],
    rounds: int = 30,
    json_file: Path | None = None,
    markdown: bool = False,
) -> dict[str, Any]:
    """Compares, prints a table and the two machines, writes JSON where asked for.

    Args:
        names: of cases.
        rounds: measurements of each.
        markdown: print the table of docs/addons.md.
    Raises:
        UsageError: no folder for the file.
        GateError: a replacement is further off than its tolerance.
    """
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    rows = []
    for name in names:
        errors.print(f"{name}: tfa.{_BY_NAME[name].original}", highlight=False)
        rows += compare([name], rounds)
    golden = golden_timings()
    environ = {"ours": _machine(), "original": golden["machine"]}
    result = {"schema_version": 1, "name": "addons", "environ": environ}
    result |= {"rounds": rounds, "metrics": rows}
    if json_file is not None:
        write_atomic(json_file, json.dumps(result, indent=1).encode() + b"\n")
    if markdown:
        print("\n".join(markdown_lines(rows)))
    else:
        print_table(_COLUMNS, [_cells(row) for row in rows])
    for line in machine_lines(environ):
        say(line)
    bad = [row["case"] for row in rows if row["relative_difference"] > row["tolerance"]]
    if bad:
        raise GateError(f"further off than their tolerance: {', '.join(bad)}")
    return result


_COLUMNS = {
    "original": "tensorflow-addons",
    "replacement": "Replacement",
    "difference": "Largest difference",
    "forward": "Forward, speed over original [95 %]",
    "forward_backward": "Forward and backward",
}


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {
        "original": row["original"],
        "replacement": row["replacement"],
        "difference": f"{row['relative_difference']:.0e}",
    }
    for name in ("forward", "forward_backward"):
        found = row["passes"].get(name)
        cells[name] = ""
        if found:
            low, high = found["interval_95"]
            cells[name] = f"{found['speed_over_original']:.2f} [{low:.2f}, {high:.2f}]"
    return cells


def markdown_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table of docs/addons.md."""
    headings = " | ".join([*_COLUMNS.values(), "What differs"])
    lines = [f"| {headings} |", "|---" * 6 + "|"]
    for row in rows:
        cells = _cells(row)
        code = [f"`{cells['original']}`", f"`{cells['replacement']}`"]
        rest = [cells[key] for key in ("difference", "forward", "forward_backward")]
        lines.append(f"| {' | '.join([*code, *rest, row['differs']])} |")
    return lines


def machine_lines(environ: Mapping[str, Any]) -> list[str]:
    """Which machine gave which seconds, and what a ratio of them is worth."""
    ours, original = environ["ours"], environ["original"]
    lines = [
        f"{who}: {machine['cpu']}, {machine['intra_op_threads']} threads, "
        f"TensorFlow {machine['versions']['tensorflow']}"
        for who, machine in (("original", original), ("replacement", ours))
    ]
    keys = ("cpu", "intra_op_threads")
    same = all(ours[key] == original[key] for key in keys)
    where = "two processes on machines of one kind" if same else "two machines"
    return [*lines, f"ratios are of {where}, not of calls that took turns"]


def _machine() -> dict[str, Any]:
    from cai_keras.training.machine import describe_machine

    return describe_machine().model_dump()
