"""`cai bench score` and `spread`: what is measured, printed and written."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.compare import estimate_text
from benchmarks.measured_rows import four_digits
from benchmarks.measurements import Measurements, differences, facts_of, read_file
from benchmarks.ratios import Estimate
from benchmarks.score import (
    Measure,
    entry_speed,
    reference_of,
    rows_of,
    score_of,
)
from benchmarks.score_file import ScoreFile, read_current_score
from benchmarks.score_set import BUDGET_SECONDS, ENTRIES, VERSION, configurations
from benchmarks.spread import spread_of
from cai_keras.cli.output import print_table, say
from cai_keras.errors import RunError, UsageError, choose
from cai_keras.reporting.atomic import write_atomic

REFERENCE = Path(__file__).resolve().parents[1] / "results/bench/score_reference.json"


def run(
    measure: Measure,
    device: str,
    reference: Path = REFERENCE,
    measured: Path | None = None,
    write_reference: bool = False,
    json_file: Path | None = None,
) -> None:
    """Measures, prints the score and what it is made of, writes it where asked for.

    Args:
        measured: what was measured before, instead of measuring.
        write_reference: makes the result the new reference.
    Raises:
        UsageError: there is no reference, it is of another version, or nothing can
            measure.
        DataError: a file is missing or damaged.
        RunError: a network of the set could not be measured; the file is written
            all the same.
    """
    choose("--device", device, dict.fromkeys(("cpu", "gpu", "tpu")))
    # Before the five minutes, not after them.
    if not write_reference and not reference.exists():
        raise UsageError(
            f"{reference}: no such reference; --write-reference makes one of this "
            "machine, --reference FILE takes another score"
        )
    unit = None if write_reference else read_current_score(reference)
    for path in (json_file, reference if write_reference else None):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"{path}: no folder {path.parent}")
    if measured is not None:
        file = read_file(measured)
    else:
        file = measure(configurations(device), BUDGET_SECONDS)
    found = reference_of(file) if unit is None else score_of(file, unit.measured)
    if unit is None:
        found.write(reference)
    if json_file is not None:
        found.write(json_file)
    _print(found, unit)
    if unit is None:
        say(f"reference: {reference}")
    if found.score is None:
        raise RunError(f"no score: {found.reason}")


def run_spread(paths: Sequence[Path], json_file: Path | None = None) -> None:
    """Prints how far the scores of several calls lie apart.

    Raises:
        UsageError: too few, another version or reference, or one without a score.
        DataError: a file is missing or damaged.
    """
    files = [read_current_score(path) for path in paths]
    found = spread_of([str(path) for path in paths], files)
    rows = [
        {"file": str(path), "score": _score_text(file)}
        for path, file in zip(paths, files, strict=True)
    ]
    print_table({"file": "File", "score": "Score [95 %]"}, rows)
    say(
        f"mean of {len(files)} calls: {found.mean:.4f} "
        f"[{found.low:.4f}, {found.high:.4f}] (Student's t)"
    )
    say(
        f"from call to call: standard deviation {found.deviation_percent:.2f} %, "
        f"range {found.range_percent:.2f} %"
    )
    if found.within_percent is not None:
        say(f"within a call: ± {found.within_percent:.2f} % at most (95 %)")
    worst = [f"{entry} {value:.2f} %" for entry, value in found.entries.items()][:3]
    say(f"networks that move most, by standard deviation: {', '.join(worst)}")
    for path, file in zip(paths[1:], files[1:], strict=True):
        for name, first, other in _differences(files[0], file):
            say(f"other than in {paths[0]}: {name}: {first} there, {other} in {path}")
    if json_file is not None:
        content = {"files": [str(path) for path in paths], **asdict(found)}
        write_atomic(json_file, json.dumps(content, indent=1) + "\n")


def _print(found: ScoreFile, unit: ScoreFile | None) -> None:
    columns = {
        "entry": "Entry", "batch": "Batch", "speed": "Samples/s",
        "ratio": "Over reference", "noise": "Noise",
    }  # fmt: skip
    by_entry, missing = rows_of(found.measured)
    rows = []
    for entry in ENTRIES:
        row, ratio = by_entry.get(entry.id), found.ratios.get(entry.id)
        rows.append(
            {
                "entry": entry.id,
                "batch": entry.batch_size,
                "speed": four_digits(entry_speed(row)) if row else missing[entry.id],
                "ratio": "" if ratio is None else f"{ratio:.3f}",
                "noise": row.noise if row else "",
            }
        )
    print_table(columns, rows, f"Score, version {VERSION}")
    if unit is not None:
        for name, theirs, ours in _differences(unit, found):
            say(f"other than the reference: {name}: {theirs} there, {ours} here")
    if found.score is not None:
        say(f"score: {_score_text(found)} (1 is the reference)")


def _score_text(file: ScoreFile) -> str:
    return estimate_text(Estimate(file.score, file.low, file.high))


def _differences(a: ScoreFile, b: ScoreFile) -> list[tuple[str, str, str]]:
    sides = [Measurements((), facts_of(file.measured)) for file in (a, b)]
    return differences(*sides)
