"""The comparison in every form that `cai report` gives: FORMATS names them."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.latex import to_latex
from cai_keras.reporting.measured import measured_rows
from cai_keras.reporting.record import Record
from cai_keras.reporting.table import COLUMNS, LEGEND, Row


@dataclass(frozen=True)
class Contents:
    """What a report may be made of; most forms need the rows only.

    Attributes:
        papers: with `slug` and `file`, as `training.config.Paper` has them.
        output: the folder that the runs and their figures lie in.
        missing: what a reader must know is not in it, a sentence or nothing.
        benchmarks: `page_benchmarks.BenchmarkTable`s; only the web page has them.
    """

    rows: Sequence[Row]
    papers: Sequence[Any]
    runs: Sequence[FinishedRun]
    output: Path
    missing: str = ""
    benchmarks: Sequence[Any] = ()


def to_markdown(rows: Sequence[Row], columns: Mapping[str, str] = COLUMNS) -> str:
    """A GitHub table with a line of explanation below it."""
    lines = _markdown_head(columns.values())
    for row in rows:
        lines.append(_markdown_line(_text(getattr(row, key)) for key in columns))
    return "\n".join([*lines, "", LEGEND, ""])


def to_csv(rows: Sequence[Row]) -> str:
    """Comma-separated, one header line, the row's field names as columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def to_json(rows: Sequence[Row]) -> str:
    """A list of objects with the row's field names."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False)


def _page(contents: Contents) -> str:
    from cai_keras.reporting.page import to_html  # brings Jinja and matplotlib

    return to_html(
        contents.rows,
        contents.papers,
        contents.runs,
        contents.output,
        contents.missing,
        contents.benchmarks,
    )


# By the name that `cai report --format` takes.
FORMATS = {
    "md": lambda contents: to_markdown(contents.rows),
    "csv": lambda contents: to_csv(contents.rows),
    "html": _page,
    "json": lambda contents: to_json(contents.rows),
    "latex": lambda contents: to_latex(contents.rows),
}


def measured_markdown(records: Sequence[Record]) -> str:
    """`measured_rows` as a GitHub table."""
    rows = measured_rows(records)
    if not rows:
        return "No finished run.\n"
    lines = _markdown_head(rows[0]) + [_markdown_line(row.values()) for row in rows]
    return "\n".join([*lines, ""])


def _markdown_head(headings: Iterable[str]) -> list[str]:
    headings = list(headings)
    return [_markdown_line(headings), "|" + "---|" * len(headings)]


def _markdown_line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_markdown_cell(cell) for cell in cells) + " |"


def _markdown_cell(text: str) -> str:
    """One line that is shown as it is: neither ends the cell nor is taken for HTML."""
    text = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("<", "&lt;")


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)
