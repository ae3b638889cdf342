"""The curves of A and B in one picture: every metric that both of them logged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cai_keras.errors import UsageError
from cai_keras.reporting import pictures
from cai_keras.reporting.comparison import Comparison
from cai_keras.reporting.curves import Curve, read_curves
from cai_keras.reporting.environment import unlike_data
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.selection import Match
from cai_keras.reporting.style import COLOURS, figure_style

_COLUMNS = 3
_MOST_PANELS = 60
# Told apart without colour, too.
_LOOKS = {
    "A": {"color": COLOURS[0], "linestyle": "-", "marker": "o"},
    "B": {"color": COLOURS[1], "linestyle": "--", "marker": "s"},
}
_MOST_MARKERS = 30  # more of them hide the line


@dataclass(frozen=True)
class Panel:
    """One metric of one comparison."""

    title: str
    a: Curve
    b: Curve


def panels_of(comparisons: Sequence[Comparison]) -> tuple[list[Panel], list[str]]:
    """What there is to draw, and notes on what cannot be drawn.

    Metrics that the comparison calls unlike are left out, as is every curve of runs
    on different data.

    Raises:
        UsageError: there are too many panels to read, or none.
    """
    panels, notes = [], []
    names = _names([comparison.match for comparison in comparisons])
    for name, comparison in zip(names, comparisons, strict=True):
        pairs = comparison.match.pairs
        if any(unlike_data(pair.a.record, pair.b.record) for pair in pairs):
            continue
        unlike = {m.metric for m in comparison.not_compared if m.measured_in == "both"}
        sides = {
            "A": _each_once(pair.a for pair in pairs),
            "B": _each_once(pair.b for pair in pairs),
        }
        curves, found = read_curves(sides)
        notes += found
        for metric, lines in curves.items():
            if len(lines) == 2 and metric not in unlike:
                title = f"{name}\n{metric}".strip()
                panels.append(Panel(title, lines["A"], lines["B"]))
    if not panels:
        raise UsageError(
            "--picture: no metric of like data stands in metrics.csv of both A and B "
            "with more than one step" + "".join(f"; {note}" for note in notes[:1])
        )
    if len(panels) > _MOST_PANELS:
        raise UsageError(
            f"--picture: {len(panels)} panels are too many to read; "
            "compare two variants, or one paper's folders"
        )
    return panels, notes


def draw_overlay(panels: Sequence[Panel], name_a: str, name_b: str) -> Figure:
    """One axis for each panel: mean over runs, and a band from minimum to maximum."""
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with figure_style():
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(max(3.4 * columns, 6.0), 2.5 * rows + 0.6),
            squeeze=False,
        )
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis, panel in zip(axes.flat, panels, strict=False):
            lines = [_draw(axis, "A", panel.a), _draw(axis, "B", panel.b)]
            axis.set_title(panel.title, fontsize=8)
            axis.set_xlabel("step")
        labels = [f"A: {name_a}", f"B: {name_b}"]
        figure.legend(lines, labels, loc="outside upper left", fontsize=8)
    return figure


def picture_bytes(figure: Figure, path: Path) -> bytes:
    """The figure in the format that the file's ending names; closes it.

    Raises:
        UsageError: another ending.
    """
    check_ending(path)
    form = path.suffix.lower().removeprefix(".")
    return pictures.picture_bytes(figure, [form])[form]


def check_ending(path: Path) -> None:
    """Raises UsageError unless `path` ends in .png or .svg."""
    if path.suffix.lower().removeprefix(".") not in pictures.FORMATS:
        raise UsageError(f"--picture {path}: expected a name in .png or .svg")


def _draw(axis, side: str, curve: Curve):
    look = dict(_LOOKS[side])
    if len(curve.steps) > _MOST_MARKERS:
        look["marker"] = ""
    (line,) = axis.plot(curve.steps, curve.mean, markersize=3, linewidth=1.2, **look)
    if curve.seeds > 1:
        axis.fill_between(
            curve.steps, curve.low, curve.high, color=look["color"], alpha=0.15, lw=0
        )
    return line


def _names(matches: Sequence[Match]) -> list[str]:
    """What tells the matches apart: nothing for one, run names within a scale."""
    if len(matches) == 1:
        return [""]
    if len({match.a.rpartition("/")[0] for match in matches}) == 1:
        return [match.a.rpartition("/")[2] for match in matches]
    return [match.name for match in matches]


def _each_once(runs: Iterable[FinishedRun]) -> list[FinishedRun]:
    """Without repetitions: one run may be the partner of many."""
    return list({run.folder.path: run for run in runs}.values())
