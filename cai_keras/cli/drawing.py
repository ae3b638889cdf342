"""Draws papers' figures into an output folder, one after the other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cai_keras.cli import papers
from cai_keras.cli.output import errors, say
from cai_keras.errors import CaiError
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.finished import FinishedRun, group_runs
from cai_keras.reporting.paper_figures import NothingToDraw, PaperFigure
from cai_keras.training.config import Paper, load_resolved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cai_keras.training.experiment import Experiment


@dataclass(frozen=True)
class Drawing:
    """What became of one figure, or of all figures of a run that cannot be restored.

    Attributes:
        pictures: the files that were written, by format.
        problem: why there are none.
        is_failure: whether the problem is one to mend; that there is nothing to draw
            is none.
    """

    pictures: Mapping[str, Path]
    problem: str = ""
    is_failure: bool = False

    def show(self, label: str = "") -> None:
        """Prints the files, or on standard error why there are none."""
        for path in self.pictures.values():
            say(f"{label}{path}")
        if self.problem:
            line = f"not drawn: {self.problem}"
            errors.print(line, markup=False, highlight=False, soft_wrap=True)


def draw_over_runs(
    paper: Paper,
    figures: Iterable[PaperFigure],
    runs: Iterable[FinishedRun],
    output: Path,
    formats: Sequence[str] = ("png",),
) -> Iterator[Drawing]:
    """Draws the figures over all runs of a scale and data set, but never of `smoke`.

    PNG files are TensorBoard images, too.
    """
    groups = {key: v for key, v in group_runs(runs).items() if key[1] != "smoke"}
    figures = [figure for figure in figures if figure.of == "runs"]
    if not groups or not figures:
        return
    from cai_keras.reporting.tensorboard_summary import write_summary_figures

    functions = papers.figures_of(paper)
    for (slug, scale, data), members in groups.items():
        folder = output / slug / scale / "figures" / data
        for figure in figures:
            draw = partial(functions[figure.id], members)
            yield _draw(figure.id, draw, folder, formats)
        if folder.is_dir():
            for problem in write_summary_figures(output, folder):
                yield _failure(problem)


def draw_of_runs(
    paper: Paper,
    figures: Iterable[PaperFigure],
    runs: Iterable[FinishedRun],
    formats: Sequence[str] = ("png",),
) -> Iterator[Drawing]:
    """Draws the figures of each run's own checkpoint, again."""
    names = [figure.id for figure in figures if figure.of == "run"]
    for run in runs if names else ():
        folder = run.folder
        # Before TensorFlow is loaded and a network built for nothing.
        if run.record.parameters and not any(folder.checkpoints.glob("*.index")):
            yield _failure(f"{folder.path}: no checkpoint; train the run again")
            continue
        try:
            with _restored(paper, run) as experiment:
                for name in names:
                    if name in experiment.figures:
                        draw = experiment.figures[name]
                        yield _draw(name, draw, folder.figures, formats)
        except CaiError as error:
            yield _failure(f"{folder.path}: {error}")


@contextmanager
def _restored(paper: Paper, run: FinishedRun) -> Iterator["Experiment"]:
    """The run's experiment with the weights that it is evaluated with."""
    build = papers.builder_of(paper)
    from cai_keras.training import evaluation

    recipe = load_resolved(run.folder.config_path, paper.slug)
    experiment = evaluation.restore(recipe, run.record.seed, run.folder, build)
    with evaluation.evaluation_weights(experiment, recipe):
        yield experiment


def _draw(
    name: str, draw: Callable[[], "Figure"], folder: Path, formats: Sequence[str]
) -> Drawing:
    """Nothing is written before every format is drawn: a failure leaves older files."""
    from cai_keras.reporting.pictures import picture_bytes

    try:
        pictures = picture_bytes(draw(), formats)
    except NothingToDraw as reason:
        return Drawing({}, f"{folder / name}: {reason}")
    except CaiError as error:
        return _failure(f"{folder / name}: {error}")
    paths = {form: folder / f"{name}.{form}" for form in pictures}
    for form, path in paths.items():
        write_atomic(path, pictures[form])
    return Drawing(paths)


def _failure(problem: str) -> Drawing:
    return Drawing({}, problem, is_failure=True)
