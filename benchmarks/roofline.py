"""The roofline model: where the rows of a benchmark lie below what the machine can do.

Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model
for Multicore Architectures": a program of intensity I (operations for each byte that it
moves) reaches at most

    min(peak operations per second, I * peak bytes per second)

Both peaks are measured here (a matrix product, a copy), not read off a data sheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rows import Ceilings, Configuration, Row


@dataclass(frozen=True)
class Point:
    """One row.

    Attributes:
        intensity: operations per byte.
        flops_per_second: of one device.
    """

    configuration: Configuration
    intensity: float
    flops_per_second: float


@dataclass(frozen=True)
class Roofline:
    """One device with one backend, and the rows that ran on it."""

    ceilings: Ceilings
    points: tuple[Point, ...]

    def precisions(self) -> list[str]:
        """Those of the points that have a peak; all peaks where no point has one."""
        used = {point.configuration.precision for point in self.points}
        peaks = self.ceilings.matrix_flops_per_second
        return [precision for precision in peaks if precision in used] or list(peaks)


def attainable(intensity: float, peak: float, bandwidth: float) -> float:
    """Operations per second below the roof at this intensity."""
    return min(peak, intensity * bandwidth)


def ridge(peak: float, bandwidth: float) -> float:
    """The intensity from which on the peak is the lower roof."""
    return peak / bandwidth


def point_of(row: Row) -> Point | None:
    """Where a row lies; None where its operations, bytes or speed are not known.

    Operations and bytes are of a step of all replicas; a device does its share of both.
    """
    known = row.sample_flops and row.step_bytes and row.flops_per_second
    if row.state != "done" or not known:
        return None
    configuration = row.configuration
    return Point(
        configuration,
        row.sample_flops * configuration.batch_size / row.step_bytes,
        row.flops_per_second / configuration.replicas,
    )


def rooflines(
    ceilings: Sequence[Ceilings], rows: Sequence[Row]
) -> tuple[list[Roofline], list[Row]]:
    """One roofline for each device and backend with points; finished rows on none."""
    drawn: dict[tuple[str, str], list[Point]] = {
        (ceiling.backend, ceiling.device): [] for ceiling in ceilings
    }
    left = []
    for row in rows:
        point = point_of(row)
        place = row.configuration.backend, row.configuration.device
        if point and place in drawn:
            drawn[place].append(point)
        elif row.state == "done":
            left.append(row)
    found = [
        Roofline(ceiling, tuple(drawn[ceiling.backend, ceiling.device]))
        for ceiling in ceilings
        if drawn[ceiling.backend, ceiling.device]
    ]
    return found, left
