"""The benchmarks of an output folder, for the web page of `cai report`."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.compare import estimate_text
from benchmarks.measured_rows import four_digits
from benchmarks.measurements import facts_of, read_file
from benchmarks.outputs import ROOFLINE, SPEED
from benchmarks.part_tables import MOST_FACTS, MOST_ROWS, PARTS, part_table
from benchmarks.ratios import Estimate
from benchmarks.row_names import row_names, settings_text
from benchmarks.row_tables import CEILING_COLUMNS, ceiling_cells
from benchmarks.rows import BenchmarkFile, Row
from benchmarks.score_file import read_score
from cai_keras.errors import DataError
from cai_keras.reporting.page_benchmarks import BenchmarkTable, Cell
from cai_keras.reporting.page_pictures import Picture, read_picture

FOLDER = "bench"
_MEBIBYTE = 2**20
COLUMNS = (
    "Configuration", "Kind", "How", "Batch", "State", "Samples/s", "Spread", "Noise",
    "p50, ms", "p99, ms", "Share of peak", "Bound", "First step, s", "Memory, MiB",
    "MFLOPs an example", "Reason",
)  # fmt: skip
_PICTURES = {
    ROOFLINE: "What each row does, below the roofs that were measured in the same call",
    SPEED: "Median speed, with the range over the repeats",
}


def read_tables(output: Path) -> tuple[list[BenchmarkTable], list[str]]:
    """Every benchmark and score in `<output>/bench/`, in the order of their paths.

    JSON of another kind, such as that of a comparison, is not one and has no part.

    Returns:
        the tables; a line for each damaged file.
    """
    tables, problems = [], []
    for path in sorted((output / FOLDER).rglob("*.json")):
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            problems.append(f"{path}: not readable JSON ({type(error).__name__})")
            continue
        keys = content.keys() if isinstance(content, dict) else set()
        is_score = "score_version" in keys
        if not is_score and not {"environ", "metrics"} <= keys:
            continue
        number = len(tables) + 1
        try:
            if not is_score and content.get("name") in tuple(PARTS):
                tables.append(part_table(content, path, output, number))
            else:
                tables.append(_table(path, output, number, is_score))
        except DataError as error:
            problems.append(str(error))
    return tables, problems


def _table(path: Path, output: Path, number: int, is_score: bool) -> BenchmarkTable:
    file, facts = read_file(path), []
    if is_score:
        score = read_score(path)
        facts.append(("score version", str(score.score_version)))
        value = Estimate(score.score or 0.0, score.low, score.high)
        text = f"none: {score.reason}" if score.score is None else estimate_text(value)
        facts.append(("score [95 %]", text))
    about = list(facts_of(file).items())
    facts += about[:MOST_FACTS]
    pictures, notes = _pictures(path)
    if len(about) > MOST_FACTS:
        more = len(about) - MOST_FACTS
        notes.append(f"{more} more facts about the machine are in the file.")
    columns, rows, total = COLUMNS, _rows(file), len(file.metrics)
    if not file.metrics and file.ceilings:
        columns, rows = tuple(CEILING_COLUMNS.values()), _ceilings(file)
        total = len(rows)
    return BenchmarkTable(
        id=f"bench-{number}",
        title=file.name,
        place=path.relative_to(output).as_posix(),
        facts=facts,
        columns=columns,
        rows=rows,
        total=total,
        pictures=pictures,
        notes=notes,
    )


def _rows(file: BenchmarkFile) -> list[list[Cell]]:
    names = row_names(
        [row.configuration for row in file.metrics],
        without=("kind", "backend", "device", "precision", "xla", "strategy", "data",
                 "batch_size"),
    )  # fmt: skip
    shown = list(zip(file.metrics, names, strict=True))[:MOST_ROWS]
    return [_cells(row, name) for row, name in shown]


def _ceilings(file: BenchmarkFile) -> list[list[Cell]]:
    """Of `cai bench machine`: what each device did at best."""
    found = [cells for one in file.ceilings for cells in ceiling_cells(one)]
    return [[Cell(cells[key]) for key in CEILING_COLUMNS] for cells in found]


def _cells(row: Row, name: str) -> list[Cell]:
    configuration = row.configuration
    peak = row.peak_device_bytes or row.peak_host_bytes
    return [
        Cell(name),
        Cell(configuration.kind),
        Cell(settings_text(configuration)),
        Cell(f"{configuration.batch_size:,}", configuration.batch_size),
        Cell(row.state.replace("_", " ")),
        _number(row.samples_per_second),
        _percent(row.spread_percent),
        Cell(row.noise or ""),
        _number(row.step_p50_seconds, 1000),
        _number(row.step_p99_seconds, 1000),
        _percent(row.share_of_peak, 100),
        Cell(row.bound or ""),
        _number(row.first_step_seconds),
        _number(peak, 1 / _MEBIBYTE),
        _number(row.sample_flops, 1e-6),
        Cell(row.reason or ""),
    ]


def _number(value: float | None, factor: float = 1.0) -> Cell:
    if value is None:
        return Cell("")
    return Cell(four_digits(value * factor), value * factor)


def _percent(value: float | None, factor: float = 1.0) -> Cell:
    if value is None:
        return Cell("")
    return Cell(f"{value * factor:.1f} %", value * factor)


def _pictures(path: Path) -> tuple[Sequence[Picture], list[str]]:
    """Those that stand beside the file; notes on the ones that cannot be shown."""
    pictures, notes = [], []
    for title, caption in _PICTURES.items():
        place = path.with_name(f"{path.stem}.{title}.png")
        if place.exists():
            try:
                pictures.append(read_picture(place, title, caption))
            except ValueError as error:
                notes.append(str(error))
    return pictures, notes
