"""Pictures side by side; what minimisers reach; content against style."""

from collections import defaultdict
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import data_title
from cai_keras.reporting.style import COLOURS, figure_style

# Variant -> what it is called.
_MINIMISERS = {"lbfgs": "L-BFGS", "adam": "Adam"}
_SWEEPS = {"ratios": "trained features", "random_ratios": "random features"}


def draw_pictures(
    rows: Sequence[Sequence[tuple[str, np.ndarray] | None]], inches: float = 1.75
) -> Figure:
    """Rows of titled pictures (height, width, 3) in [0, 1], as wide; None is a gap."""
    columns = max(len(row) for row in rows)
    with figure_style():
        figure, axes = plt.subplots(
            len(rows),
            columns,
            figsize=(inches * columns, (inches + 0.2) * len(rows)),
            squeeze=False,
        )
        for axis in axes.flat:
            axis.axis("off")
        for line, row in zip(axes, rows, strict=True):
            for axis, titled in zip(line, row, strict=False):
                if titled is not None:
                    title, picture = titled
                    axis.imshow(picture, interpolation="auto")
                    axis.set_title(title.replace("_", " "), fontsize=8)
    return figure


def draw_minimisers(runs) -> Figure:
    """The objective at the end of each variant: a point for each pair of pictures.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    found = _by_seed(runs, _MINIMISERS, ("test/log10_objective",))
    runs_of = [set(found[variant]) for variant in _MINIMISERS]  # empty if not run
    seeds = sorted(set.intersection(*runs_of))
    if not seeds:
        raise NothingToDraw("L-BFGS and Adam were not both run on one pair of pictures")
    with figure_style():
        figure, axis = plt.subplots(figsize=(3.6, 3.2))
        for seed in seeds:
            values = [found[variant][seed][0] for variant in _MINIMISERS]
            axis.plot([0, 1], values, "o-", color=COLOURS[0], ms=4, lw=0.8)
        axis.set_xticks([0, 1], list(_MINIMISERS.values()))
        axis.set_xlim(-0.4, 1.4)
        axis.set_ylabel("log10 of the objective")
        axis.set_title(data_title(runs[0].record), fontsize=9)
    return figure


def draw_trade_off(runs) -> Figure:
    """Content loss against style loss as the content weighs more, for each pair."""
    with figure_style():
        figure, axis = plt.subplots(figsize=(4.2, 3.4))
        is_empty = True
        for (variant, name), colour in zip(_SWEEPS.items(), COLOURS, strict=False):
            members = [run for run in runs if run.record.variant == variant]
            for number, run in enumerate(members):
                content, style = (_sweep(run, term) for term in ("content", "style"))
                label = name if number == 0 else None
                axis.plot(content, style, "o-", color=colour, ms=4, lw=0.8, label=label)
                is_empty = False
        if is_empty:
            plt.close(figure)
            raise NothingToDraw(f"none of {', '.join(_SWEEPS)} was run")
        axis.set_xlabel("log10 of the content loss")
        axis.set_ylabel("log10 of the style loss")
        axis.legend(fontsize=8)
        axis.set_title(data_title(runs[0].record), fontsize=9)
    return figure


def _sweep(run, term: str) -> list[float]:
    prefix = f"test/log10_{term}_ratio_"
    metrics = run.record.metrics
    names = sorted(name for name in metrics if name.startswith(prefix))
    return [metrics[name].value for name in names]


def _by_seed(runs, variants, names) -> dict[str, dict[int, list[float]]]:
    found = defaultdict(dict)
    for run in runs:
        record = run.record
        if record.variant in variants:
            found[record.variant][record.seed] = [
                record.metrics[name].value for name in names
            ]
    return found


FIGURES = {"minimisers": draw_minimisers, "trade_off": draw_trade_off}
