"""`cai new SLUG`: a paper's folder that already passes the shared tests."""

import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.output import console
from cai_keras.errors import UsageError

_TEMPLATES = Path(__file__).with_name("templates")
_SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def new(
    slug: Annotated[str, typer.Argument(help="Lower case words joined by _.")],
) -> None:
    """Scaffold reproductions/SLUG: a small classifier to replace by your paper."""
    if not _SLUG.fullmatch(slug):
        raise UsageError(f"{slug!r}: expected lower case words joined by _")
    if slug == "all":
        raise UsageError("'all' is every paper to cai train; choose another name")
    folder = papers.papers_folder() / slug
    if folder.exists():
        raise UsageError(f"{folder}: is there already")
    # Made whole beside its place, then moved: never half a paper.
    draft = folder.with_name(f".{slug}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for template in sorted(_TEMPLATES.glob("*.template")):
        text = template.read_text(encoding="utf-8").replace("SLUG", slug)
        (draft / template.name.removesuffix(".template")).write_text(text)
    (draft / "__init__.py").touch()
    draft.rename(folder)
    for path in sorted(folder.iterdir()):
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    console.print(f"next: cai train {slug} --scale smoke", highlight=False)
