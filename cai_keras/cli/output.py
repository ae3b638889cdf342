"""Tables and JSON on the terminal."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console()
errors = Console(stderr=True)


def say(text: str) -> None:
    """A line as it is: no markup, no breaks."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """JSON alone on standard output, for another program."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def print_table(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], title: str = ""
) -> None:
    """A table as wide as the terminal; wider than 80 columns when piped."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for key, heading in columns.items():
        numeric = bool(rows) and all(isinstance(row[key], (int, float)) for row in rows)
        # Folded: the end of a cut name is often what tells it from its neighbour.
        justify = "right" if numeric else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in columns))
    if console.is_terminal:
        console.print(table)
    else:
        Console(width=200).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return escape(str(value))
