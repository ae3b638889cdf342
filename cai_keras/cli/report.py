"""`cai report`: the comparison table, from claims and records alone."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.benchmark_package import benchmark_module
from cai_keras.cli.damage_view import damage_text, say_damage
from cai_keras.cli.report_view import print_comparison
from cai_keras.cli.summary import write_tables
from cai_keras.errors import CaiError, choose
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.damage import read_folder
from cai_keras.reporting.table import build_rows

_Output = Annotated[Path, typer.Option(help="Folder of runs.")]


def report(
    output: _Output = Path("runs"),
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="md, csv, html, json or latex. Default: for the terminal."
        ),
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Write OUTPUT/TABLE.md, table.csv and report.html."
        ),
    ] = False,
) -> None:
    """The comparison table, paper against ours, from claims and records only.

    A damaged file is named and left out; the exit code is 1 then.
    """
    from cai_keras.reporting.formats import FORMATS, Contents

    render = None if form is None else choose("--format", form, FORMATS)
    with _collector_paused():
        chosen = papers.find_papers(["all"])
        claims = [papers.claims_of(paper) for paper in chosen]
        found = read_folder(output, claims)
        rows = build_rows(claims, found.records, found.foreign)
        benchmarks = []
        if write or render is FORMATS["html"]:
            benchmarks, damaged = _benchmarks(output)
            found = replace(found, problems=[*found.problems, *damaged])
        missing = f"{damage_text(found.problems)}." if found.problems else ""
        contents = Contents(rows, chosen, found.runs, output, missing, benchmarks)
        if write:
            write_tables(output, rows, found)
            write_atomic(output / "report.html", FORMATS["html"](contents))
        if render is None:
            print_comparison(rows, found.records)
        else:
            text = render(contents)
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
        say_damage(found.problems)
        if found.problems:
            raise CaiError(
                f"{damage_text(found.problems)}; the others are in the table"
            )


def _benchmarks(output: Path) -> tuple[list, list[str]]:
    """The measurements below `<output>/bench/`, and a line for each damaged file."""
    if next((output / "bench").rglob("*.json"), None) is None:
        return [], []
    return benchmark_module("page_tables").read_tables(output)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nearly all that a report makes lives to its end.

    Walking through thousands of records again and again in search of cycles took a
    tenth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
