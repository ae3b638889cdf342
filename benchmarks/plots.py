"""Figures of a benchmark: rooflines, and bars of speeds."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, NullFormatter

from benchmarks.measured_rows import four_digits, repeat_speeds
from benchmarks.roofline import Point, Roofline, attainable, ridge
from benchmarks.row_names import row_names, short_precision
from benchmarks.rows import Row
from cai_keras.reporting.point_labels import place_labels
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_MARKERS = {"train": "o", "infer": "s"}
_MOST_NAMES = 8  # more of them hide the points: numbers then, and a list
_LIST_LINES, _LETTER_INCHES = 34, 0.05
_ROW_INCHES, _LOG_FROM = 0.24, 20.0
_PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")  # alike in all panels
_STATES = {"out_of_memory": "out of memory", "failed": "failed"}


def draw_rooflines(found: Sequence[Roofline]) -> Figure:
    """One panel for each device and backend: roofs as lines, a point for each row."""
    longest = max(len(roofline.points) for roofline in found)
    has_list = longest > _MOST_NAMES
    columns = -(-longest // _LIST_LINES) if has_list else 0
    letters = max(len(name) for roofline in found for name in _names(roofline))
    list_inches = columns * (0.5 + _LETTER_INCHES * letters)
    with figure_style():
        figure, axes = plt.subplots(
            len(found),
            1 + has_list,
            figsize=(7.4 + list_inches, 4.9 * len(found)),
            width_ratios=[7.4, list_inches] if has_list else None,
            squeeze=False,
        )
        for panels, roofline in zip(axes, found, strict=True):
            _draw_roofline(panels[0], roofline)
            if has_list:
                panels[1].set_axis_off()
                _write_list(panels[1], _names(roofline), columns)
        for panels, roofline in zip(axes, found, strict=True):
            _label_points(panels[0], roofline, as_numbers=has_list)
    return figure


def draw_speeds(rows: Sequence[Row]) -> Figure:
    """Bars of the median speed with the range over the repeats, fastest first.

    Rows without a speed keep their place, with the reason's word. The axis is
    logarithmic where the fastest is 20 times as fast as the slowest or more.
    """
    kinds = [k for k in _MARKERS if any(r.configuration.kind == k for r in rows)]
    groups = [[r for r in rows if r.configuration.kind == kind] for kind in kinds]
    sizes = [len(group) + 2.2 for group in groups]
    with figure_style():
        figure, axes = plt.subplots(
            len(groups),
            1,
            figsize=(8.0, _ROW_INCHES * sum(sizes) + 0.7),
            height_ratios=sizes,
            squeeze=False,
        )
        colours = _colours([_colour_key(row) for row in rows])
        for axis, kind, group in zip(axes.flat, kinds, groups, strict=True):
            _draw_bars(axis, group, colours)
            title = "training steps" if kind == "train" else "forward passes"
            axis.set_title(title, loc="left", fontsize=9)
        if len(colours) > 1:
            handles = [plt.Rectangle((0, 0), 1, 1, color=c) for c in colours.values()]
            figure.legend(
                handles, list(colours), loc="outside upper right", ncols=4, fontsize=8
            )
    return figure


def _draw_roofline(axis: Axes, roofline: Roofline) -> None:
    ceilings, points = roofline.ceilings, roofline.points
    bandwidth = ceilings.copy_bytes_per_second
    peaks = _peaks(roofline)
    used = (point.configuration.precision for point in points)
    colours = _colours([*_PRECISIONS, *peaks, *used])
    ridges = [ridge(peak, bandwidth) for peak in peaks.values()]
    places = [*ridges, *(point.intensity for point in points)]
    low, high = min(places) / 4, max(places) * 4
    handles = []
    for precision, peak in peaks.items():
        bends = [low, ridge(peak, bandwidth), high]
        roof = [attainable(place, peak, bandwidth) for place in bends]
        (line,) = axis.plot(bends, roof, color=colours[precision], linewidth=1.4)
        label = f"{short_precision(precision)} matrix product: {_si(peak)}FLOP/s"
        handles.append((line, label))
    for kind, marker in _MARKERS.items():
        chosen = [p for p in points if p.configuration.kind == kind]
        if chosen:
            axis.scatter(
                [p.intensity for p in chosen],
                [p.flops_per_second for p in chosen],
                s=22,
                marker=marker,
                c=[colours[p.configuration.precision] for p in chosen],
                edgecolors="white",
                linewidths=0.6,
                zorder=3,
            )
            word = "training step" if kind == "train" else "forward pass"
            style = {"color": MUTED, "marker": marker, "linestyle": "", "markersize": 5}
            handles.append((Line2D([], [], **style), word))
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(low, high)
    heights = [point.flops_per_second for point in points]
    starts = [attainable(low, peak, bandwidth) for peak in peaks.values()]
    bottom, top = min([*heights, *starts]), max([*heights, *peaks.values()])
    axis.set_ylim(bottom / 2, top * 2)
    axis.set_xlabel("operations per byte")
    axis.set_ylabel("operations per second")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(EngFormatter(sep=""))
        side.set_minor_formatter(NullFormatter())
    axis.set_title(
        f"{ceilings.device_name}, {ceilings.backend}; copy: {_si(bandwidth)}B/s",
        loc="left",
        fontsize=9,
    )
    lines, labels = zip(*handles, strict=True)
    axis.legend(lines, labels, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=2)


def _names(roofline: Roofline) -> list[str]:
    shown = [point.configuration for point in roofline.points]
    return row_names(shown, without=("precision", "kind", "backend", "device"))


def _label_points(axis: Axes, roofline: Roofline, as_numbers: bool) -> None:
    points: Sequence[Point] = roofline.points
    names = _names(roofline)
    if as_numbers:
        names = [str(number) for number in range(1, len(points) + 1)]
    places = [(point.intensity, point.flops_per_second) for point in points]
    bandwidth = roofline.ceilings.copy_bytes_per_second
    roofs = [
        (intensity, attainable(intensity, peak, bandwidth))
        for peak in _peaks(roofline).values()
        for intensity in np.geomspace(*axis.get_xlim(), 150)
    ]
    place_labels(axis, places, names, [3.0] * len(points), size=6.5, avoid=roofs)


def _peaks(roofline: Roofline) -> dict[str, float]:
    """Of the matrix product, in the precisions that are drawn."""
    measured = roofline.ceilings.matrix_flops_per_second
    return {precision: measured[precision] for precision in roofline.precisions()}


def _write_list(axis: Axes, names: Sequence[str], columns: int) -> None:
    numbered = [f"{number:>3}  {name}" for number, name in enumerate(names, start=1)]
    length = -(-len(names) // columns)
    for column in range(columns):
        lines = numbered[column * length : (column + 1) * length]
        axis.text(
            column / columns, 1, "\n".join(lines), transform=axis.transAxes,
            va="top", fontsize=6.5, linespacing=1.35,
        )  # fmt: skip


def _draw_bars(axis: Axes, rows: Sequence[Row], colours: dict[str, str]) -> None:
    def speed(row: Row) -> float:
        return float(np.median(repeat_speeds(row))) if row.state == "done" else 0.0

    names = dict(zip(map(id, rows), _bar_names(rows), strict=True))
    rows = sorted(rows, key=speed, reverse=True)
    ranges = [repeat_speeds(row) if row.state == "done" else () for row in rows]
    known = [value for values in ranges for value in values]
    is_log = bool(known) and max(known) / min(known) >= _LOG_FROM
    left = 10 ** np.floor(np.log10(min(known) / 1.5)) if is_log else 0.0
    right = (max(known) * (3 if is_log else 1.2)) if known else 1.0
    for place, (row, values) in enumerate(zip(rows, ranges, strict=True)):
        if not values:
            _write_beside(axis, left, place, _STATES.get(row.state, "no speed"), MUTED)
            continue
        middle = speed(row)
        axis.barh(
            place, middle - left, left=left, height=0.7, alpha=0.75,
            color=colours[_colour_key(row)],
        )  # fmt: skip
        axis.plot([min(values), max(values)], [place, place], color="black", lw=1.0)
        ends = [min(values), max(values)]
        axis.plot(ends, [place, place], "|", color="black", markersize=5)
        _write_beside(axis, max(values), place, four_digits(middle), "black")
    if is_log:
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter(NullFormatter())
    if known:
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    else:
        axis.set_xticks([])
    axis.set_xlim(left, right)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_yticks(range(len(rows)), [names[id(row)] for row in rows], fontsize=7.5)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    scale = ", logarithmic axis" if is_log else ""
    axis.set_xlabel(f"samples per second: median and range of the repeats{scale}")


def _write_beside(axis: Axes, x: float, y: float, text: str, colour: str) -> None:
    axis.annotate(
        text, (x, y), xytext=(4, 0), textcoords="offset points", va="center",
        fontsize=7, color=colour,
    )  # fmt: skip


def _bar_names(rows: Sequence[Row]) -> list[str]:
    shown = [row.configuration for row in rows]
    return row_names(shown, without=("kind", "precision", "backend", "xla", "device"))


def _colour_key(row: Row) -> str:
    configuration = row.configuration
    parts = [configuration.backend, configuration.device]
    parts.append(short_precision(configuration.precision))
    return " ".join([*parts, "XLA"] if configuration.xla else parts)


def _colours(keys: Sequence[str]) -> dict[str, str]:
    """One colour for each key, in the order in which they first come."""
    unique = dict.fromkeys(keys)
    return {key: COLOURS[n % len(COLOURS)] for n, key in enumerate(unique)}


def _si(value: float) -> str:
    return EngFormatter(places=1)(value)
