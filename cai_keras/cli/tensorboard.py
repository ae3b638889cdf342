"""`cai tensorboard`: TensorBoard on a folder of runs."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.damage_view import say_damage
from cai_keras.cli.output import errors, say
from cai_keras.reporting.damage import Findings, read_folder
from cai_keras.reporting.table import Row, build_rows

if TYPE_CHECKING:
    from cai_keras.reporting.tensorboard_summary import Changes


def tensorboard(
    output: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 6006,
) -> None:
    """TensorBoard on the output folder, reachable from this machine only.

    What it shows over runs (mean, min and max over seeds, the claims, figures) is
    brought up to date first, in OUTPUT/summary/.
    """
    claims = [papers.claims_of(paper) for paper in papers.find_papers(["all"])]
    found = read_folder(output, claims)
    say_damage(found.problems)
    update(output, found, build_rows(claims, found.records, found.foreign))
    sys.stdout.flush()
    arguments = ["--logdir", str(output), "--host", "localhost", "--port", str(port)]
    command = [sys.executable, "-m", "tensorboard.main", *arguments]
    # In this process's place, so that whoever ends `cai tensorboard` ends the server.
    os.execv(sys.executable, command)


def update(output: Path, found: Findings, rows: Sequence[Row]) -> None:
    """Brings `<output>/summary/` up to date, and says so in a line.

    A folder that cannot be written is named: TensorBoard can still show the rest.
    """
    from cai_keras.reporting.tensorboard_summary import update_summary

    try:
        changes = update_summary(output, found.runs, rows)
    except OSError as error:
        line = f"TensorBoard's summary is as it was: {error.filename or output}"
        errors.print(
            f"{line}: {error.strerror}", markup=False, highlight=False, soft_wrap=True
        )
        return
    say_damage(changes.problems)
    say(f"TensorBoard's summary: {output / 'summary'}, {_counts(changes)}")


def _counts(changes: "Changes") -> str:
    text = f"{changes.runs} runs"
    if not (changes.written or changes.removed):
        return f"{text}, up to date"
    removed = f", {changes.removed} removed" if changes.removed else ""
    return f"{text}, {changes.written} written{removed}"
