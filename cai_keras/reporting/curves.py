"""Training curves of a group of runs, as the geometry of small line charts.

Nothing here is markup: `page.py`'s template turns a `Panel` into SVG, and escapes it.
"""

import csv
import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import ticker

from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.record import LARGEST_VALUE

# The chart's own units: about CSS pixels on a phone, enlarged on a wide screen.
WIDTH, HEIGHT = 360, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 20, 8, 32
_POINT_SPACING = 3  # points nearer than this are averaged: nobody could see them
_LABEL_SPACING = 10
_MOST_PANELS = 8


@dataclass(frozen=True)
class Curve:
    """One metric of one variant: mean, smallest and largest over its seeds.

    All four arrays have one entry for each step that every seed logged.
    """

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int


@dataclass(frozen=True)
class Line:
    """A curve in the chart's units. `band` is empty for a single seed."""

    key: int
    path: str
    band: str
    end: tuple[float, float]
    label: float
    summary: str


@dataclass(frozen=True)
class Panel:
    """One chart: a metric against the step, a line for each variant.

    Attributes:
        x_ticks, y_ticks: position and text.
        frame: left, top, right and bottom of the plotted area.
    """

    metric: str
    x_label: str
    y_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line]
    frame: tuple[float, float, float, float] = (
        _LEFT,
        _TOP,
        WIDTH - _RIGHT,
        HEIGHT - _BOTTOM,
    )


def read_curves(
    runs: Mapping[str, Sequence[FinishedRun]],
) -> tuple[dict[str, dict[str, Curve]], list[str]]:
    """Curves by metric, then by the runs' label; and notes on what is not drawn.

    Args:
        runs: by label, runs that differ in nothing but the seed.
    Returns:
        metrics in the order training losses, then validation metrics; labels in the
        order given. A metric logged at fewer than two steps has no curve.
    """
    notes: list[str] = []
    found: dict[str, dict[str, list]] = {}
    for label, members in runs.items():
        for run in members:
            for metric, values in _logged(run, notes).items():
                found.setdefault(metric, {}).setdefault(label, []).append(values)
    curves: dict[str, dict[str, Curve]] = {}
    for metric in _worth_drawing(found):
        drawn = {
            label: curve
            for label, seeds in found[metric].items()
            if (curve := _curve(seeds)) is not None
        }
        if drawn:
            curves[metric] = drawn
    for metric in list(curves)[_MOST_PANELS:]:
        del curves[metric]
        notes.append(f"{metric}: logged, but not drawn here")
    return curves, notes


def draw_panel(
    metric: str, curves: Mapping[str, Curve], keys: Mapping[str, int]
) -> Panel:
    """The chart of one metric.

    Args:
        keys: by label, the number that marks its line here and in the legend.
    """
    x_log = _long_next_to_short(curves.values())
    y_log = metric.startswith("train/") and _spans_decades(curves.values())
    kept = {
        label: _after_start(curve) if x_log else curve
        for label, curve in curves.items()
    }
    x_low = min(curve.steps[0] for curve in kept.values())
    x_high = max(curve.steps[-1] for curve in kept.values())
    y_low = min(curve.low.min() for curve in kept.values())
    y_high = max(curve.high.max() for curve in kept.values())
    x_axis = _Axis(x_low, x_high, x_log, _LEFT, WIDTH - _RIGHT)
    y_axis = _Axis(*_padded(y_low, y_high, y_log), y_log, HEIGHT - _BOTTOM, _TOP)
    lines = [
        _line(keys[label], label, curve, x_axis, y_axis)
        for label, curve in kept.items()
    ]
    return Panel(
        metric=metric,
        x_label="step (logarithmic)" if x_log else "step",
        y_label="logarithmic" if y_log else "",
        x_ticks=x_axis.ticks(5),
        y_ticks=y_axis.ticks(5),
        lines=_spread_labels(lines),
    )


class _Axis:
    """Maps values to positions; `start` is the position of the smallest value."""

    def __init__(self, low: float, high: float, log: bool, start: float, end: float):
        self._log = log
        self._low, self._high = float(low), float(high)
        self._start, self._end = start, end

    def __call__(self, values) -> np.ndarray:
        values, low, high = (
            np.asarray(v, float) for v in (values, self._low, self._high)
        )
        if self._log:
            values, low, high = np.log10(values), np.log10(low), np.log10(high)
        share = (values - low) / (high - low) if high > low else np.zeros_like(values)
        return self._start + share * (self._end - self._start)

    def ticks(self, count: int) -> list[tuple[float, str]]:
        if self._log:
            values = _log_ticks(self._low, self._high)
        else:
            locator = ticker.MaxNLocator(count, steps=[1, 2, 5, 10])
            values = locator.tick_values(self._low, self._high)
        inside = [v for v in values if self._low <= v <= self._high * (1 + 1e-9)]
        return [(round(float(self(v)), 1), _tick_text(v)) for v in inside]


def _log_ticks(low: float, high: float) -> Iterable[float]:
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0)
    return ticker.LogLocator(subs=subs, numticks=20).tick_values(low, high)


def _tick_text(value: float) -> str:
    """`0.05`, `40`, `2k`, `1.5M`: short enough for an axis."""
    value = 0.0 if abs(value) < 1e-12 else float(f"{value:.6g}")
    if 0 < abs(value) < 1e-3 or abs(value) >= 1e15:
        return f"{value:.0e}"
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _logged(run: FinishedRun, notes: list[str]) -> dict[str, dict[float, float]]:
    """By metric, values by step of one run. Lines that are no numbers are left out."""
    logged: dict[str, dict[float, float]] = {}
    try:
        # Not through pandas: that takes ten times as long for files of this size, and
        # a page reads thousands of them.
        for row in _csv_rows(run.folder.metrics_path.read_text(encoding="utf-8")):
            try:
                step, metric, value = row
                step, value = float(step), float(value)
            except ValueError:  # another number of columns, too
                continue
            # NaN is not within bounds either.
            if abs(step) <= LARGEST_VALUE and abs(value) <= LARGEST_VALUE:
                logged.setdefault(metric, {})[step] = value
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error):  # bytes that are not UTF-8: a ValueError
        notes.append(f"{_name(run)}: its metrics.csv cannot be read")
        return {}
    drawn = ("train/", "validation/")
    return {name: logged[name] for name in logged if name.startswith(drawn)}


def _csv_rows(text: str) -> Iterable[list[str]]:
    """The lines' cells. Nothing is quoted in nearly every file: no csv.reader then."""
    if '"' in text:
        return csv.reader(text.splitlines())
    return (line.split(",") for line in text.splitlines())


def _name(run: FinishedRun) -> str:
    record = run.record
    return f"{record.scale}/{record.run_name}/seed{record.seed}"


def _worth_drawing(found: Mapping[str, object]) -> list[str]:
    """Each update's total loss where there is one, and the validation metrics."""
    train = sorted(name for name in found if name.startswith("train/"))
    totals = [name for name in train if name.endswith("/total")]
    rest = sorted(name for name in found if name.startswith("validation/"))
    return (totals or train) + rest


def _curve(seeds: Sequence[Mapping[float, float]]) -> Curve | None:
    steps = sorted(set(seeds[0]).intersection(*seeds[1:]))
    if len(steps) < 2:
        return None
    table = np.array([list(map(values.__getitem__, steps)) for values in seeds])
    return Curve(np.array(steps), table.mean(0), table.min(0), table.max(0), len(seeds))


def _after_start(curve: Curve) -> Curve:
    """Without what was logged at step 0, which a logarithmic axis cannot show."""
    late = curve.steps > 0
    parts = (curve.steps, curve.mean, curve.low, curve.high)
    return Curve(*(part[late] for part in parts), curve.seeds)


def _long_next_to_short(curves: Iterable[Curve]) -> bool:
    """Whether one training is so much longer that the others would be a dash."""
    curves = list(curves)
    lasts = [curve.steps[-1] for curve in curves]
    lasting = all((curve.steps > 0).sum() >= 2 for curve in curves)
    return lasting and max(lasts) > 5 * min(lasts)


def _spans_decades(curves: Iterable[Curve]) -> bool:
    curves = list(curves)
    low = min(curve.low.min() for curve in curves)
    high = max(curve.mean.max() for curve in curves)
    return low > 0 and high / low > 100


def _padded(low: float, high: float, log: bool) -> tuple[float, float]:
    """A little air above and below; a flat curve gets some as well."""
    if log:
        return low / 1.1, high * 1.1
    margin = 0.04 * (high - low) or 0.04 * abs(high) or 1.0
    return low - margin, high + margin


def _line(key: int, label: str, curve: Curve, x_axis: _Axis, y_axis: _Axis) -> Line:
    x = x_axis(curve.steps)
    # Neighbours that fall on the same few pixels become one point: their average.
    bins = np.floor((x - x[0]) / _POINT_SPACING)
    starts = np.flatnonzero(np.diff(bins, prepend=-1.0))
    sizes = np.diff(starts, append=len(x))

    def thin(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts) / sizes

    points = thin(x)
    mean, low, high = (y_axis(thin(v)) for v in (curve.mean, curve.low, curve.high))
    band = ""
    if curve.seeds > 1:
        there_and_back = [points, points[::-1]], [high, low[::-1]]
        outline = [np.concatenate(parts) for parts in there_and_back]
        band = _path(*outline) + "Z"
    seeds = f"mean of {curve.seeds} seeds" if curve.seeds > 1 else "one seed"
    last = f"{curve.mean[-1]:.4g} at step {curve.steps[-1]:,.0f}"
    end = (round(float(points[-1]), 1), round(float(mean[-1]), 1))
    return Line(
        key=key,
        path=_path(points, mean),
        band=band,
        end=end,
        label=end[1],
        summary=f"{label}, {seeds}: {last}",
    )


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """SVG path data, in steps from point to point: half as long as positions."""
    tenths = np.rint(10 * np.column_stack([x, y])).astype(int)
    steps = np.diff(tenths, axis=0, prepend=0).ravel().tolist()
    texts = [_tenths_text(number) for number in steps]
    first, *rest = map(",".join, zip(texts[::2], texts[1::2], strict=True))
    return f"M{first}l{' '.join(rest)}" if rest else f"M{first}"


@functools.cache  # a chart has few different steps, a page a million of them
def _tenths_text(tenths: int) -> str:
    return f"{tenths / 10:g}"


def _spread_labels(lines: Sequence[Line]) -> list[Line]:
    """Moves the marks at the lines' ends apart where they would lie on each other."""
    moved: dict[int, float] = {}
    cluster: list[Line] = []
    for line in sorted(lines, key=lambda line: line.end[0]):
        if cluster and line.end[0] - cluster[-1].end[0] > 2 * _LABEL_SPACING:
            moved.update(_spread(cluster))
            cluster = []
        cluster.append(line)
    moved.update(_spread(cluster))
    return [dataclasses.replace(line, label=moved[line.key]) for line in lines]


def _spread(lines: Sequence[Line]) -> dict[int, float]:
    """Heights of the marks of lines that end side by side, by the line's key.

    In the lines' order, a mark's height apart, and otherwise as near to their lines as
    they can be: without the distances that is a regression to rising values.
    """
    from scipy.optimize import isotonic_regression

    order = sorted(lines, key=lambda line: (line.end[1], line.key))
    top, bottom = _TOP, HEIGHT - _BOTTOM - 4  # clear of the axis
    apart = min(_LABEL_SPACING, (bottom - top) / len(order)) * np.arange(len(order))
    rising = isotonic_regression(np.array([line.end[1] for line in order]) - apart).x
    places = np.clip(rising, top, bottom - apart[-1]) + apart
    return {
        line.key: round(float(place), 1)
        for line, place in zip(order, places, strict=True)
    }
