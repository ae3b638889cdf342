"""How much faster one pass is than iterations of L-BFGS: a chart and a table."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import (
    by_variant,
    data_title,
    mean_and_deviation,
    values_of,
)
from cai_keras.reporting.style import COLOURS, figure_style

_PREFIX = "test/log10_seconds_"
# Variants in the order in which they are looked for; the first with seconds is shown.
_VARIANTS = ("style_instance", "style_instance_longer", "style_instance_half")
# Table 1: (side, iterations) -> times as fast, on a GTX Titan X; from memory.
_PUBLISHED = {
    (256, 100): 212, (256, 300): 636, (256, 500): 1060,
    (512, 100): 205, (512, 300): 615, (512, 500): 1026,
    (1024, 100): 208, (1024, 300): 625, (1024, 500): 1042,
}  # fmt: skip
_HEADS = ("pixels", "iterations", "L-BFGS", "one pass", "times as fast", "Table 1")


@dataclass(frozen=True)
class _Timed:
    """Runs of one variant, and what was timed in them."""

    runs: list
    sides: list[int]
    counts: list[int]

    def seconds(self, name: str) -> np.ndarray:
        """log10 of seconds, (runs,)."""
        return np.array(values_of(self.runs, f"{_PREFIX}{name}"))

    def ratios(self, side: int, count: int) -> np.ndarray:
        """log10 of iterations over a pass, (runs,)."""
        iterations = self.seconds(f"{count}_iterations_{side}")
        return iterations - self.seconds(f"forward_{side}")

    def title(self) -> str:
        """The data, and the machine that was timed."""
        record = self.runs[0].record
        passport = record.metrics[f"{_PREFIX}forward_{self.sides[0]}"].passport
        return f"{data_title(record)}\n{passport['timed_on']}"


def _timed(runs) -> _Timed:
    found = by_variant(
        runs, lambda run: any(n.startswith(_PREFIX) for n in run.record.metrics)
    )
    names = [name for name in _VARIANTS if name in found]
    if not names:
        raise NothingToDraw("no network was timed beside L-BFGS")
    chosen = found[names[0]]
    timed = [
        name.removeprefix(_PREFIX)
        for name in chosen[0].record.metrics
        if name.startswith(_PREFIX)
    ]
    forwards = [name for name in timed if name.startswith("forward_")]
    iterations = [name for name in timed if "_iterations_" in name]
    return _Timed(
        chosen,
        sorted(int(name.rpartition("_")[2]) for name in forwards),
        sorted({int(name.partition("_")[0]) for name in iterations}),
    )


def draw_speed(runs) -> Figure:
    """How many times faster one pass is than iterations of L-BFGS.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    timed = _timed(runs)
    with figure_style():
        figure, axis = plt.subplots(figsize=(5.2, 3.4))
        for count, colour in zip(timed.counts, COLOURS, strict=False):
            ratios = [timed.ratios(side, count) for side in timed.sides]
            means = [10 ** ratio.mean() for ratio in ratios]
            label = f"{count} iterations"
            axis.plot(timed.sides, means, "-", color=colour, label=label)
            for side, ratio in zip(timed.sides, ratios, strict=True):
                axis.plot([side] * len(ratio), 10**ratio, "o", color=colour, ms=4)
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(timed.sides, [f"{side} x {side}" for side in timed.sides])
        axis.xaxis.minorticks_off()
        _label_round_numbers(axis)
        axis.set_xlabel("pixels")
        axis.set_ylabel("times as fast as L-BFGS")
        # Most iterations are the highest line.
        handles, labels = axis.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], fontsize=8, loc="outside right")
        axis.set_title(timed.title(), fontsize=8)
    return figure


def _label_round_numbers(axis) -> None:
    """1, 2 and 5 times powers of ten: a decade may have no label of its own."""
    low, high = axis.get_ylim()
    ticks = [m * 10**e for e in range(-1, 7) for m in (1, 2, 5)]
    shown = [tick for tick in ticks if low <= tick <= high]
    axis.set_yticks(shown, [f"{tick:,.10g}" for tick in shown])
    axis.yaxis.minorticks_off()


def draw_speed_table(runs) -> Figure:
    """Table 1: seconds of both methods, their ratio over seeds, and the published one.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    timed = _timed(runs)
    rows = [_row(timed, side, n) for side in timed.sides for n in timed.counts]
    with figure_style():
        figure, axis = plt.subplots(figsize=(5.6, 0.7 + 0.22 * len(rows)))
        axis.axis("off")
        # The table fills the axes: its size follows the figure's.
        table = axis.table(
            rows, colLabels=_HEADS, bbox=(0, 0, 1, 1), cellLoc="right",
            colWidths=[1.1, 0.9, 1, 1, 1.2, 0.8],
        )  # fmt: skip
        table.auto_set_font_size(False)
        table.set_fontsize(8)
        for (row, _), cell in table.get_celld().items():
            cell.visible_edges = "B" if row % len(timed.counts) == 0 else "open"
            cell.set_linewidth(0.8 if row == 0 else 0.3)
        seeds = len(timed.runs)
        note = f"means over {seeds} seeds" if seeds > 1 else "one seed"
        axis.set_title(f"{timed.title()}, {note}", fontsize=8)
    return figure


def _row(timed: _Timed, side: int, count: int) -> list[str]:
    mean, deviation = mean_and_deviation(10 ** timed.ratios(side, count))
    published = _PUBLISHED.get((side, count))
    return [
        f"{side} x {side}",
        f"{count}",
        _seconds(timed.seconds(f"{count}_iterations_{side}")),
        _seconds(timed.seconds(f"forward_{side}")),
        f"{mean:,.0f} ± {deviation:,.0f}" if deviation else f"{mean:,.0f}",
        "" if published is None else f"{published:,}",
    ]


def _seconds(logarithms: np.ndarray) -> str:
    return f"{np.mean(10**logarithms):.3g} s"
