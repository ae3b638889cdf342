"""`cai report`, `cai figure`, `cai tensorboard`: from finished runs alone."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.output import console, errors
from cai_keras.cli.report_view import print_comparison
from cai_keras.errors import CaiError, UsageError, choose, nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.damage import Findings, read_folder
from cai_keras.reporting.finished import FinishedRun, group_runs, read_runs
from cai_keras.reporting.table import Row, build_rows

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
    chosen = papers.find_papers(["all"])
    claims = [papers.claims_of(paper) for paper in chosen]
    found = read_folder(output, claims)
    rows = build_rows(claims, found.records, found.foreign)
    missing = f"{_damaged(found)}." if found.problems else ""
    contents = Contents(rows, chosen, found.runs, output, missing)
    if write:
        _write_tables(output, rows, found)
        write_atomic(output / "report.html", FORMATS["html"](contents))
    if render is None:
        print_comparison(rows, found.records)
    else:
        text = render(contents)
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    _say_damage(found)
    if found.problems:
        raise CaiError(f"{_damaged(found)}; the others are in the table")


def figure(
    target: Annotated[str, typer.Argument(metavar="PAPER[:FIGURE]")],
    output: _Output = Path("runs"),
) -> None:
    """Render the paper's figures from finished runs.

    Figures over many runs go to OUTPUT/PAPER/SCALE/figures/DATA/ (also as TensorBoard
    images), a run's own figures into the run's folder.
    """
    slug, _, name = target.partition(":")
    paper = papers.find_paper(slug)
    groups = group_runs(read_runs(output, slug))
    if not groups:
        raise UsageError(f"{output}: no finished run of {slug}; cai train {slug}")
    drawn = draw_group_figures(paper, groups, output, name or None)
    if not name or not drawn:
        drawn += _draw_run_figures(paper, groups, name or None)
    if not drawn:
        known = sorted({*papers.figures_of(paper), *_run_figure_names(groups)})
        if not name or name in known:
            raise UsageError(f"{output}: no run above the scale smoke to draw {target}")
        raise UsageError(f"{slug}: unknown figure {name!r}; {nearest(name, known)}")
    for path in drawn:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)


def tensorboard(
    output: _Output = Path("runs"),
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 6006,
) -> None:
    """TensorBoard on the output folder, reachable from this machine only."""
    if not output.is_dir():
        raise UsageError(f"{output}: no such folder; cai train writes one")
    arguments = ["--logdir", str(output), "--host", "localhost", "--port", str(port)]
    command = [sys.executable, "-m", "tensorboard.main", *arguments]
    # In this process's place, so that whoever ends `cai tensorboard` ends the server.
    os.execv(sys.executable, command)


def write_summary(output: Path, chosen, scale: str) -> None:
    """After training: figures over the runs, the tables, and the table printed."""
    claims = [papers.claims_of(paper) for paper in papers.find_papers(["all"])]
    found = read_folder(output, claims)
    for paper in chosen:
        groups = {
            key: group
            for key, group in group_runs(found.runs).items()
            if key[:2] == (paper.slug, scale)
        }
        for path in draw_group_figures(paper, groups, output, None):
            console.print(f"figure: {path}", highlight=False, soft_wrap=True)
    rows = build_rows(claims, found.records, found.foreign)
    _write_tables(output, rows, found)
    slugs = {paper.slug for paper in chosen}
    shown = [row for row in rows if row.paper in slugs]
    judged = [row for row in shown if row.verdict != "not run"]
    if judged:
        print_comparison(judged, found.records)
    if len(judged) < len(shown):
        console.print(f"{len(shown) - len(judged)} more claims are not run")
    if scale == "smoke":
        console.print("smoke runs check the wiring and never enter the table")
    _say_damage(found)
    console.print(f"table: {output / 'TABLE.md'}", highlight=False, soft_wrap=True)


def draw_group_figures(paper, groups, output: Path, name: str | None) -> list[Path]:
    """Draws figures over many runs; PNG files and TensorBoard images."""
    figures = papers.figures_of(paper)
    if name is not None:
        figures = {key: draw for key, draw in figures.items() if key == name}
    if not figures:
        return []
    import matplotlib.pyplot as plt

    from cai_keras.reporting.pictures import png_bytes, write_tensorboard_image

    written = []
    for (slug, scale, data), runs in groups.items():
        if scale == "smoke":
            continue
        for key, draw in figures.items():
            picture = png_bytes(draw(runs))
            plt.close("all")
            path = output / slug / scale / "figures" / data / f"{key}.png"
            write_atomic(path, picture)
            write_tensorboard_image(path.parent / "tb", key, picture)
            written.append(path)
    return written


def _draw_run_figures(paper, groups, name: str | None) -> list[Path]:
    """Draws the figures of each run's own checkpoint, again."""
    from cai_keras.reporting.pictures import png_bytes
    from cai_keras.training import evaluation
    from cai_keras.training.config import load_resolved

    build = papers.builder_of(paper)
    written = []
    for run in _all_runs(groups):
        if name is not None and name not in _run_figure_names({0: [run]}):
            continue
        recipe = load_resolved(run.folder.config_path, paper.slug)
        experiment = evaluation.restore(recipe, run.record.seed, run.folder, build)
        with evaluation.evaluation_weights(experiment, recipe):
            for key, draw in experiment.figures.items():
                if name in (None, key):
                    path = run.folder.figures / f"{key}.png"
                    write_atomic(path, png_bytes(draw()))
                    written.append(path)
    return written


def _all_runs(groups) -> list[FinishedRun]:
    return [run for runs in groups.values() for run in runs]


def _run_figure_names(groups) -> set[str]:
    return {
        path.stem
        for run in _all_runs(groups)
        for path in run.folder.figures.glob("*.png")
    }


def _write_tables(output: Path, rows: list[Row], found: Findings) -> None:
    from cai_keras.reporting import formats

    title = "# Paper against ours\n\nWritten by `cai report --write`; do not edit.\n"
    if found.problems:
        title += f"\n{_damaged(found)}.\n"
    measured = formats.measured_markdown(found.records)
    parts = [title, formats.to_markdown(rows), "## What was measured\n", measured]
    write_atomic(output / "TABLE.md", "\n".join(parts))
    write_atomic(output / "table.csv", formats.to_csv(rows))


def _say_damage(found: Findings) -> None:
    for problem in found.problems:
        errors.print(
            f"left out: {problem}", markup=False, highlight=False, soft_wrap=True
        )


def _damaged(found: Findings) -> str:
    count = len(found.problems)
    return f"{count} damaged file{'' if count == 1 else 's'} left out"
