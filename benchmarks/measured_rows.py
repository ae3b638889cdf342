"""Speeds of measured rows, and what a comparison needs to know of them."""

import math
from dataclasses import dataclass

from benchmarks.rows import Configuration, Row
from benchmarks.speeds import samples_per_second


@dataclass(frozen=True)
class Measured:
    """One row, from JSON or from CSV.

    Attributes:
        state, reason, noise: as in `Row`.
        speeds: samples per second of each repeat; none where it was not measured.
    """

    configuration: Configuration
    state: str
    reason: str | None
    noise: str | None
    speeds: tuple[float, ...]


def repeat_speeds(row: Row) -> tuple[float, ...]:
    """Samples per second of each repeat: batch times steps, over their seconds.

    A row that is done and kept its median alone counts as one repeat.
    """
    batch = row.configuration.batch_size
    speeds = tuple(
        samples_per_second(repeat.step_seconds, batch)
        for repeat in row.repeats
        if sum(repeat.step_seconds) > 0
    )
    if not speeds and row.samples_per_second:
        return (row.samples_per_second,)
    return speeds


def measured(row: Row) -> Measured:
    """What a comparison needs of a row; one that failed has no speeds."""
    speeds = repeat_speeds(row) if row.state == "done" else ()
    return Measured(row.configuration, row.state, row.reason, row.noise, speeds)


def mean_step_milliseconds(row: Row) -> float | None:
    """Of all steps of all repeats, as timm has it; null where none was kept."""
    seconds = [second for repeat in row.repeats for second in repeat.step_seconds]
    return 1000 * sum(seconds) / len(seconds) if seconds else None


def four_digits(value: float) -> str:
    """`12,340`, `1,234`, `12.34`, `0.01234`: what a speed is worth printing of."""
    if not value:
        return "0"
    size = math.floor(math.log10(abs(value)))
    return f"{round(value, 3 - size):,.{max(0, 3 - size)}f}"
