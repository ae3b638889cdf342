"""`cai figure`: the papers' figures, from records and checkpoints alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.damage_view import damage_text, say_damage
from cai_keras.cli.drawing import draw_of_runs, draw_over_runs
from cai_keras.cli.output import print_json, print_table
from cai_keras.errors import CaiError, UsageError, choose, nearest
from cai_keras.reporting.damage import read_sound_runs
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.paper_figures import PaperFigure
from cai_keras.training.config import SCALES, Paper

_COLUMNS = {
    "paper": "Paper",
    "figure": "Figure",
    "of": "Of",
    "source": "Source",
    "caption": "Caption",
}


def figure(
    target: Annotated[str | None, typer.Argument(metavar="PAPER[:FIGURE]")] = None,
    output: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    listed: Annotated[
        bool, typer.Option("--list", help="Say which figures there are; draw none.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The list for another program.")
    ] = False,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="png, svg, or png,svg.")
    ] = "png",
    scale: Annotated[str | None, typer.Option(help="Only runs of this scale.")] = None,
    variant: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Only runs of these variants."),
    ] = None,
) -> None:
    """Draw the papers' figures from records and checkpoints.

    Those over many runs go to OUTPUT/PAPER/SCALE/figures/DATA/ and TensorBoard,
    those of one run into its folder. What cannot be drawn is named and left
    out; the exit code is 1 then.
    """
    if listed or as_json:
        _list(target, as_json)
        return
    if target is None:
        raise UsageError("of which paper? cai figure --list shows all figures")
    paper, figures = _find(target)
    formats = _formats(form)
    if scale is not None:
        choose("--scale", scale, dict.fromkeys(SCALES))
    variants = paper.variants if variant is None else variant.split(",")
    for name in variants:
        choose("--variant", name, paper.file.variants)
    read, problems = read_sound_runs(output)
    say_damage(problems)
    scales = SCALES if scale is None else (scale,)
    runs = _finished(read, paper.slug, scales, variants)
    if not runs:
        narrowed = "" if (scale, variant) == (None, None) else " with these options"
        sought = f"no finished run of {paper.slug}{narrowed}"
        raise UsageError(f"{output}: {sought}; cai train {paper.slug}")
    failures, drawn = 0, False
    for drawings in (
        draw_over_runs(paper, figures, runs, output, formats),
        draw_of_runs(paper, figures, runs, formats),
    ):
        for drawing in drawings:
            drawing.show()
            failures += drawing.is_failure
            drawn = drawn or bool(drawing.pictures)
    if not drawn:
        needed = "above the scale smoke " if {f.of for f in figures} == {"runs"} else ""
        raise UsageError(f"{output}: no run {needed}to draw {target} from")
    missing = [f"{failures} not drawn"] if failures else []
    missing += [damage_text(problems)] if problems else []
    if missing:
        raise CaiError(f"{', '.join(missing)}; the other figures are written")


def _list(target: str | None, as_json: bool) -> None:
    if target is None:
        chosen = [(paper, paper.file.figures) for paper in papers.find_papers(["all"])]
    else:
        chosen = [_find(target)]
    rows = [
        {
            "paper": paper.slug,
            "figure": figure.id,
            "of": figure.of,
            "source": figure.source,
            "caption": figure.caption,
        }
        for paper, figures in chosen
        for figure in figures
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(_COLUMNS, rows)


def _find(target: str) -> tuple[Paper, list[PaperFigure]]:
    """The paper of `PAPER[:FIGURE]`, and the figure or all of them."""
    slug, colon, name = target.partition(":")
    paper = papers.find_paper(slug)
    known = {figure.id: figure for figure in paper.file.figures}
    if not colon:
        return paper, list(known.values())
    if name not in known:
        raise UsageError(f"{slug}: unknown figure {name!r}; {nearest(name, known)}")
    return paper, [known[name]]


def _formats(text: str) -> list[str]:
    from cai_keras.reporting.pictures import FORMATS  # matplotlib: only now

    names = [name.strip() for name in text.split(",")]
    for name in names:
        choose("--format", name, FORMATS)
    return list(dict.fromkeys(names))


def _finished(
    runs: Sequence[FinishedRun],
    slug: str,
    scales: Sequence[str],
    variants: Sequence[str],
) -> list[FinishedRun]:
    return [
        run
        for run in runs
        if run.record.state == "done"
        and run.record.paper == slug
        and run.record.scale in scales
        and run.record.variant in variants
    ]
