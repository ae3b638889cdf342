"""Benchmarks on the web page: tables and pictures that are ready to be shown.

`benchmarks/page_tables.py` makes them: this package does not know what a benchmark is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cai_keras.reporting.page_pictures import Picture


@dataclass(frozen=True)
class Cell:
    """What a cell says; `number` is what its column is sorted by."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class BenchmarkTable:
    """One file of measurements.

    Attributes:
        id: unique on the page, for links.
        place: the file's path below the output folder.
        facts: name and value of what holds for all rows.
        columns: headings.
        rows: as many cells each as there are columns.
        total: rows in the file; some may be left out.
        notes: sentences on what is not shown.
    """

    id: str
    title: str
    place: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    total: int
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()
