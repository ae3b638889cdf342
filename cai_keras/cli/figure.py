"""`cai figure`: the papers' figures, from finished runs alone."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.output import console
from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.finished import FinishedRun, group_runs, read_runs

_Output = Annotated[Path, typer.Option(help="Folder of runs.")]


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
