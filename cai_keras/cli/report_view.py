"""The comparison on a terminal: a table where it fits, else a list.

Not rich's tables: on a narrow terminal they fold every column to a few letters, and
they take seconds for a thousand rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from cai_keras.cli.output import console
from cai_keras.reporting.measured import measured_rows
from cai_keras.reporting.record import Record
from cai_keras.reporting.table import COLUMNS, FOREIGN, Row
from cai_keras.reporting.verdict import NOT_RUN

_SHOWN = ("claim", "published", "ours", "count", "data", "protocol", "verdict")
_PLACE = ("Scale", "Data", "Metric")


def print_comparison(rows: Sequence[Row], records: Sequence[Record]) -> None:
    """Paper by paper: its claims, what needs saying about them, what was measured."""
    measured = measured_rows(records)
    papers = dict.fromkeys([row.paper for row in rows])
    papers.update(dict.fromkeys(row["Paper"] for row in measured))
    for number, paper in enumerate(papers):
        if number:
            console.print()
        _print_line(Text(paper, style="underline"))
        _print_claims([row for row in rows if row.paper == paper])
        _print_measured([row for row in measured if row["Paper"] == paper])


def _print_claims(rows: Sequence[Row]) -> None:
    """The claims of one paper; those without a run and a remark by name alone."""
    names = [_place(row) for row in rows if _says_nothing(row)]
    shown = [row for row in rows if not _says_nothing(row)]
    if shown:
        headings = {key: COLUMNS[key] for key in _SHOWN}
        if _print_table(headings, [asdict(row) for row in shown]):
            _print_lines(_remarks(shown))
        else:
            _print_lines(_claim_lines(shown))
    if names:
        _print_line(Text(f"not run ({len(names)}): {'; '.join(names)}"))


def _print_measured(rows: Sequence[Mapping[str, str]]) -> None:
    if rows:
        console.print()
        headings = {key: key for key in rows[0] if key != "Paper"}
        if not _print_table(headings, rows):
            _print_lines(_measured_lines(rows))


def _says_nothing(row: Row) -> bool:
    return row.verdict == NOT_RUN and not row.note


def _print_table(headings: Mapping[str, str], rows: Sequence[Mapping]) -> bool:
    """Aligned columns, one line for each row; False where the terminal is narrower."""
    table = [
        ["" if row[key] is None else str(row[key]) for key in headings] for row in rows
    ]
    columns = zip(headings.values(), *table, strict=True)
    widths = [max(map(cell_len, column)) for column in columns]
    width = sum(widths) + 2 * (len(widths) - 1)
    if console.is_terminal and width > console.width:
        return False
    _print_lines([Text(_aligned(list(headings.values()), widths), style="bold")])
    # Past rich, which would look for words to wrap in every line.
    console.file.write("-" * width + "\n")
    console.file.writelines(f"{_aligned(cells, widths)}\n" for cells in table)
    return True


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [c + " " * (w - cell_len(c)) for c, w in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def _print_lines(lines) -> None:
    for line in lines:
        _print_line(line)


def _print_line(line: Text) -> None:
    console.print(line, soft_wrap=not console.is_terminal)


def _remarks(rows: Sequence[Row]) -> Iterator[Text]:
    for row in rows:
        if remark := _remark(row):
            yield Text(f"{_place(row)}: {remark}")


def _place(row: Row) -> str:
    return f"{row.claim}, {row.data}" if row.data else row.claim


def _claim_lines(rows: Sequence[Row]) -> Iterator[Text]:
    """Some lines for each row: claim and verdict, then the numbers, then the runs."""
    for row in rows:
        yield Text.assemble((row.claim, "bold"), ": ", (row.verdict, "bold"))
        count = f", n = {row.count}" if row.count else ""
        published = row.published
        if published[:1].isdigit() or published[:1] in ("+", "-"):
            published = f"published {published}"
        runs = ", ".join(text for text in (row.data, row.protocol) if text)
        for parts in ((row.ours + count, published), (runs,), (_remark(row),)):
            if any(parts):
                yield Text("  " + "; ".join(part for part in parts if part))


def _measured_lines(measured: Sequence[Mapping[str, str]]) -> Iterator[Text]:
    """A heading for each metric, below it a line for each variant."""
    for place, group in groupby(measured, lambda row: [row[key] for key in _PLACE]):
        *about, metric = place
        yield Text(f"{', '.join(about)}: {metric}", style="bold")
        found = list(group)
        width = max(cell_len(row["Variant"]) for row in found)
        for row in found:
            mean = f"{row['Mean']}, n = {row['n']}, {row['Training']}"
            yield Text(f"  {_aligned([row['Variant'], mean], [width, 0])}")


def _remark(row: Row) -> str:
    """What the columns have no room for and the reader cannot do without."""
    if row.verdict == FOREIGN:
        return "; ".join(text for text in (row.source, row.note) if text)
    # Of a reduced protocol there is a column.
    return "" if row.verdict == "reduced protocol" else row.note
