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

_SHOWN = ("claim", "published", "ours", "count", "data", "protocol", "verdict")
_PLACE = ("Paper", "Scale", "Data", "Metric")


def print_comparison(rows: Sequence[Row], records: Sequence[Record]) -> None:
    """The claims, what needs saying about them, and what was measured."""
    several = len({row.paper for row in rows}) > 1
    columns = ("paper", *_SHOWN) if several else _SHOWN
    headings = {key: COLUMNS[key] for key in columns}
    if not _print_table(headings, [asdict(row) for row in rows]):
        _print_lines(_claim_lines(rows))
    else:
        _print_lines(_remarks(rows))
    measured = measured_rows(records)
    if measured:
        console.print()
        headings = {key: key for key in measured[0]}
        if not _print_table(headings, measured):
            _print_lines(_measured_lines(measured))


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
        console.print(line, soft_wrap=not console.is_terminal)


def _remarks(rows: Sequence[Row]) -> Iterator[Text]:
    for row in rows:
        if remark := _remark(row):
            place = f"{row.claim}, {row.data}" if row.data else row.claim
            yield Text(f"{place}: {remark}")


def _claim_lines(rows: Sequence[Row]) -> Iterator[Text]:
    """Some lines for each row: claim and verdict, then the numbers, then the runs."""
    paper = ""
    for row in rows:
        if row.paper != paper:
            paper = row.paper
            yield Text(paper, style="underline")
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
