"""Verbs that a paper brings along: `cai PAPER VERB`."""

import importlib
from collections.abc import Sequence

import typer

from cai_keras.cli.papers import PACKAGE, papers_folder
from cai_keras.errors import UsageError


def add_to(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Adds the verbs of papers that have a `commands.py`, as far as they matter.

    A paper's code is imported only if the command line names it, or if all verbs are
    asked for: a mistake in one paper stops no other.

    Args:
        arguments: of the command line, without the program.
    """
    first = next((word for word in arguments if not word.startswith("-")), None)
    try:
        folder = papers_folder()
    except UsageError:
        return  # verbs that need papers say so themselves, the others work
    for path in sorted(folder.glob("*/commands.py")):
        slug = path.parent.name
        if first in (slug, None):
            module = importlib.import_module(f"{PACKAGE}.{slug}.commands")
            app.add_typer(module.app, name=slug)
