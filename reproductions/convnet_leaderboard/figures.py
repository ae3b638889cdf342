"""ImageNet classification performance, after the tutorial's slide of that name."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.point_labels import place_labels
from cai_keras.reporting.run_groups import (
    data_title,
    mean_and_deviation,
    values_of,
)
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

from .published import published

_PARAMETERS = "test/parameters"
_MULTIPLY_ADDS = "test/multiply_adds_millions"
_SPEED = "test/images_per_second"
_ERROR = "test/top1_error_percent"
_MARKERS = "osD^vP*Xh<>p"
_TICKS = (18, 20, 22, 24, 26, 28, 30, 35, 40)


def draw_leaderboard(runs) -> Figure:
    """Published error against counted parameters, counted multiply-adds, and speed.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    measured = _of_imagenet(runs)
    panels = (
        (_PARAMETERS, 1e-6, "million parameters, counted"),
        (_MULTIPLY_ADDS, 1e-3, "billion multiply-adds, counted"),
        (_SPEED, 1.0, "images per second, measured"),
    )
    families = list(dict.fromkeys(row.family for row in published().values()))
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(15, 8), sharey=True)
        placed = []
        for axis, (metric, unit, label) in zip(axes, panels, strict=True):
            points = []
            for name, members in measured.items():
                row = published()[name]
                x = unit * mean_and_deviation(values_of(members, metric))[0]
                size = values_of(members, _PARAMETERS)[0]
                number = families.index(row.family)
                axis.scatter(
                    x, row.top1_error_percent, s=_area(size),
                    color=COLOURS[number % len(COLOURS)], alpha=0.7,
                    marker=_MARKERS[number], edgecolors="white", linewidths=0.5,
                )  # fmt: skip
                points.append((x, row.top1_error_percent))
            _draw_frontier(axis, points, larger_is_better=metric == _SPEED)
            axis.set_xscale("log")
            axis.set_xlabel(label)
            axis.margins(x=0.12)
            placed.append(points)
        # Most networks are between 17 and 26 %: a logarithm gives them room.
        axes[0].set_yscale("log")
        axes[0].set_yticks(_TICKS, [str(tick) for tick in _TICKS])
        axes[0].minorticks_off()
        axes[0].set_ylabel("top-1 error, percent, published; one crop")
        handles = [
            plt.Line2D(
                [],
                [],
                linestyle="",
                marker=_MARKERS[number],
                color=COLOURS[number % len(COLOURS)],
            )
            for number in range(len(families))
        ]
        figure.legend(handles, families, loc="outside right center", fontsize=7)
        machine = next(iter(measured.values()))[0].record.machine
        processor = machine.gpus[0] if machine.gpus else machine.cpu
        figure.suptitle(
            f"ImageNet classification: {len(measured)} networks; speed on {processor}",
            fontsize=9,
        )
        names = [published()[name].label for name in measured]
        sizes = [values_of(members, _PARAMETERS)[0] for members in measured.values()]
        radii = [math.sqrt(_area(size)) / 2 for size in sizes]
        for axis, points in zip(axes, placed, strict=True):
            place_labels(axis, points, names, radii)
    return figure


def draw_years(runs) -> Figure:
    """Published error by year, and the best so far of those up to 30 M parameters.

    Args:
        runs: as for `draw_leaderboard`; they say how many parameters there are.
    """
    measured = _of_imagenet(runs)
    small = {
        name: published()[name]
        for name, members in measured.items()
        if values_of(members, _PARAMETERS)[0] <= _SMALL
    }
    with figure_style():
        figure, axis = plt.subplots(figsize=(7, 4))
        for name, row in published().items():
            is_small = name in small
            axis.scatter(
                row.year, row.top1_error_percent, s=22,
                color=COLOURS[0] if is_small else MUTED,
                label=None,
            )  # fmt: skip
        years = sorted({row.year for row in small.values()})
        best = [
            min(row.top1_error_percent for row in small.values() if row.year <= year)
            for year in years
        ]
        axis.step(years, best, where="post", color=COLOURS[0], linewidth=1)
        axis.set_ylabel("top-1 error, percent, published; one crop")
        axis.set_xlabel("year")
        axis.set_title(
            "blue: up to 30 million parameters, and the best of them so far; "
            f"Spearman's rho of year and error {_rho(small.values()):.2f}",
            fontsize=8,
        )
    return figure


def draw_small(runs) -> Figure:
    """Our small networks: test error against parameters, mean and deviation.

    Args:
        runs: as for `draw_leaderboard`.
    """
    trained = {}
    for run in runs:
        if run.record.steps_done:
            trained.setdefault(run.record.variant, []).append(run)
    if not trained:
        raise NothingToDraw("no small network was trained")
    with figure_style():
        figure, axis = plt.subplots(figsize=(5.5, 3.8))
        for number, (variant, members) in enumerate(sorted(trained.items())):
            mean, deviation = mean_and_deviation(values_of(members, _ERROR))
            size = values_of(members, _PARAMETERS)[0] / 1e3
            axis.errorbar(
                size, mean, deviation, marker="o", capsize=3,
                color=COLOURS[number % len(COLOURS)], label=variant.replace("_", " "),
            )  # fmt: skip
        axis.set_xlabel("thousand parameters, counted")
        axis.set_ylabel("top-1 test error, percent")
        axis.legend(fontsize=8)
        axis.set_title(f"{data_title(runs[0].record)}: not ImageNet", fontsize=9)
    return figure


_SMALL = 30e6


def _area(parameters: float) -> float:
    """Of a mark, in square points."""
    return 30 + parameters / 4e5


def _rho(rows) -> float:
    years, errors = zip(*((r.year, r.top1_error_percent) for r in rows), strict=True)
    return float(stats.spearmanr(years, errors).statistic)


def _of_imagenet(runs) -> dict[str, list]:
    """Runs that counted a network of published.csv, in the file's order."""
    found: dict[str, list] = {name: [] for name in published()}
    for run in runs:
        name = run.config()["recipe"]["model"]["network"]
        if name in found and values_of([run], _PARAMETERS):
            found[name].append(run)
    found = {name: members for name, members in found.items() if members}
    if not found:
        raise NothingToDraw("no network for ImageNet was counted")
    return found


def _draw_frontier(axis, points, larger_is_better: bool) -> None:
    """A line through the networks that no other one beats in both respects."""
    best, frontier = np.inf, []
    sign = -1 if larger_is_better else 1
    for x, error in sorted(points, key=lambda point: (sign * point[0], point[1])):
        if error < best:
            best = error
            frontier.append((x, error))
    axis.plot(*zip(*frontier, strict=True), color=MUTED, linewidth=1, zorder=0)


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "leaderboard": draw_leaderboard,
    "years": draw_years,
    "small": draw_small,
}
