"""`cai report`, `cai figure`, `cai tensorboard`: from finished runs alone."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.output import console, print_table
from cai_keras.errors import UsageError, choose, nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.finished import FinishedRun, group_runs, read_runs

_Output = Annotated[Path, typer.Option(help="Folder of runs.")]


def report(
    output: _Output = Path("runs"),
    form: Annotated[
        str | None,
        typer.Option("--format", help="md, csv or json. Default: for the terminal."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write OUTPUT/TABLE.md and table.csv.")
    ] = False,
) -> None:
    """The comparison table, paper against ours, from claims and records only."""
    from cai_keras.reporting import table

    claims = [papers.claims_of(p) for p in papers.find_papers(["all"])]
    records = [run.record for run in read_runs(output)]
    rows = table.build_rows(claims, records)
    if write:
        _write_tables(output, rows, records)
    if form is None:
        _print_rows(rows, records)
    else:
        text = choose("--format", form, table.FORMATS)(rows)
        sys.stdout.write(text if text.endswith("\n") else text + "\n")


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
    from cai_keras.reporting import table

    runs = read_runs(output)
    for paper in chosen:
        groups = {
            key: group
            for key, group in group_runs(runs).items()
            if key[:2] == (paper.slug, scale)
        }
        for path in draw_group_figures(paper, groups, output, None):
            console.print(f"figure: {path}", highlight=False, soft_wrap=True)
    records = [run.record for run in runs]
    claims = [papers.claims_of(paper) for paper in papers.find_papers(["all"])]
    rows = table.build_rows(claims, records)
    _write_tables(output, rows, records)
    shown = table.build_rows([papers.claims_of(p) for p in chosen], records)
    judged = [row for row in shown if row.verdict != "not run"]
    if judged:
        _print_rows(judged, records)
    if len(judged) < len(shown):
        console.print(f"{len(shown) - len(judged)} more claims are not run")
    if scale == "smoke":
        console.print("smoke runs check the wiring and never enter the table")
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


def _write_tables(output: Path, rows, records) -> None:
    from cai_keras.reporting import table

    title = "# Paper against ours\n\nWritten by `cai report --write`; do not edit.\n\n"
    measured = table.measured_markdown(records)
    text = title + table.to_markdown(rows) + "\n## What was measured\n\n" + measured
    write_atomic(output / "TABLE.md", text)
    write_atomic(output / "table.csv", table.to_csv(rows))


def _print_rows(rows, records) -> None:
    from dataclasses import asdict

    from cai_keras.reporting import table

    shown = ("claim", "published", "ours", "count", "data", "protocol", "verdict")
    columns = {key: table.COLUMNS[key] for key in shown}
    print_table(columns, [asdict(row) for row in rows])
    measured = table.measured_rows(records)
    if measured:
        print_table(dict(zip(measured[0], measured[0], strict=True)), measured)
