"""`cai import`: other people's results beside ours."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.output import console
from cai_keras.reporting.foreign import import_foreign


def import_results(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Columns as above.")],
    output: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another file of this name.")
    ] = False,
) -> None:
    """Show other people's results beside ours, marked as foreign.

    Columns: paper, claim (or variant and metric), value, source; and, if they are
    known, deviation, n, hardware, note. The file is checked and copied to
    OUTPUT/foreign/; cai report shows it.
    """
    claims = [papers.claims_of(paper) for paper in papers.find_papers(["all"])]
    target, results = import_foreign(file, output, claims, overwrite)
    count = len(results)
    text = f"{count} foreign result{'' if count == 1 else 's'}: {target}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
