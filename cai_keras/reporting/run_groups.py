"""What figures over many runs share: titles, means over seeds, and curves."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.record import Record

if TYPE_CHECKING:
    import pandas as pd


def data_title(record: Record) -> str:
    """The data set, marked where it stands in for the paper's, and the scale."""
    stand_in = " (stand-in)" if record.dataset.stand_in else ""
    return f"{record.dataset.name}{stand_in}, {record.scale} scale"


def values_of(runs: Iterable[FinishedRun], metric: str) -> list[float]:
    """The metric of every run that has it, in the order of the runs."""
    entries = (run.record.metrics.get(metric) for run in runs)
    return [e.value for e in entries if e is not None and e.value is not None]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation over seeds; the latter is 0 for one seed."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return float(np.mean(values)), float(deviation)


def by_variant(
    runs: Iterable[FinishedRun], is_shown: Callable[[FinishedRun], bool] | None = None
) -> dict[str, list[FinishedRun]]:
    """Variant -> its runs by seed; variants in alphabetical order.

    Args:
        is_shown: others are left out.
    """
    found: dict[str, list[FinishedRun]] = {}
    for run in sorted(runs, key=lambda run: (run.record.variant, run.record.seed)):
        if is_shown is None or is_shown(run):
            found.setdefault(run.record.variant, []).append(run)
    return found


def curve_names(run: FinishedRun) -> set[str]:
    """Metrics that were logged while the run trained; none of one without training."""
    return set(run.metrics().metric) if run.record.steps_done else set()


def curves_of(runs: Iterable[FinishedRun], metric: str) -> "pd.DataFrame":
    """What was logged while training: a row for each step, a column for each run.

    Only steps that all runs have logged; of a step that was logged twice, the first.
    """
    import pandas as pd

    columns = []
    for run in runs:
        rows = run.metrics()
        rows = rows[rows.metric == metric]
        columns.append(rows.drop_duplicates("step").set_index("step").value)
    return pd.concat(columns, axis=1, join="inner").sort_index()


def draw_curve(
    axis,
    runs: Iterable[FinishedRun],
    metric: str,
    change: Callable | None = None,
    **style,
) -> None:
    """The mean over runs, and a band from the smallest to the largest.

    Args:
        axis: of matplotlib.
        change: what is done to the values first, such as `np.abs`.
        style: of the line.
    """
    table = curves_of(runs, metric)
    if change is not None:
        table = change(table)
    (line,) = axis.plot(table.index, table.mean(axis=1), **style)
    axis.fill_between(
        table.index, table.min(axis=1), table.max(axis=1),
        color=line.get_color(), alpha=0.15, linewidth=0,
    )  # fmt: skip
