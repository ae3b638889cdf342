"""Benchmarks of parts (layers, pipelines, replicas) as tables of the web page.

Each has rows of its own kind, and the columns that its command prints.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import layer_table, pipelines, scaling
from benchmarks.measurements import facts_of_environ
from cai_keras.errors import DataError
from cai_keras.reporting.page_benchmarks import BenchmarkTable, Cell

MOST_ROWS, MOST_FACTS = 200, 24
# By the name in the file: headings by key, and what makes the texts of a row.
PARTS = {
    "layers": (layer_table.COLUMNS, layer_table.cells),
    "input": (pipelines.COLUMNS, pipelines.cells),
    "scale": (scaling.COLUMNS, scaling.cells),
}


def part_table(
    content: Mapping[str, Any], path: Path, output: Path, number: int
) -> BenchmarkTable:
    """The table of a file of one of `PARTS`.

    Args:
        content: of the file at `path`, below `output`.
        number: of the table on the page.
    Raises:
        DataError: it is damaged.
    """
    columns, texts_of = PARTS[content["name"]]
    try:
        total, shown = len(content["metrics"]), content["metrics"][:MOST_ROWS]
        facts = list(facts_of_environ(content["environ"] or {}).items())
        texts = [texts_of(row) for row in shown]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: not what `cai bench {content['name']}` writes "
            f"({type(error).__name__}: {error})"
        ) from error
    return BenchmarkTable(
        id=f"bench-{number}",
        title=content["name"],
        place=path.relative_to(output).as_posix(),
        facts=facts[:MOST_FACTS],
        columns=tuple(columns.values()),
        rows=[[_cell(row[key]) for key in columns] for row in texts],
        total=total,
    )


def _cell(text: str) -> Cell:
    """Sorted by the number that it begins with, if it does."""
    found = re.match(r"[\d,]*\.?\d+", text)
    return Cell(text, float(found[0].replace(",", "")) if found else None)
