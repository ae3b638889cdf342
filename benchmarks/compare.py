"""B over A: ratios of speeds with intervals, and a gate.

The gate. A ratio below the gate may be noise, and among fifty rows some always are. So
a row fails when the *upper end of its interval* is below the gate: when the repeats
together say that it is slower than asked. (Without repeats there is no interval, and
the ratio itself decides.) A ratio below the gate whose interval reaches it is called
undecided and does not fail. What such rows could hide together, all of them a little
slower, is caught by the geometric mean, whose interval is much narrower and which is
held against the same gate. A row that A measured and that failed in B fails the gate:
what breaks must not pass. A row that only one file has is named and has no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.measured_rows import Measured
from benchmarks.measurements import Measurements, differences
from benchmarks.ratios import Estimate, Pair, geometric_mean, ratio_of_medians
from benchmarks.row_names import row_names
from benchmarks.rows import Configuration
from cai_keras.errors import UsageError

Verdict = Literal["passes", "undecided", "fails"]
_ROUNDING = 1e-9  # a ratio of decimal fractions misses the gate by a few last bits


@dataclass(frozen=True)
class Compared:
    """One configuration that A and B both measured."""

    a: Measured
    b: Measured
    ratio: Estimate


@dataclass(frozen=True)
class Comparison:
    """Two files.

    Attributes:
        rows: measured in both.
        mean: geometric mean of their ratios; None without any.
        broken: measured in A, not in B, with B's row, which has the reason.
        mended: the other way round, with A's row.
        unmeasured: in neither, with B's row.
        only_a, only_b: configurations that the other file has no row of.
        around: name, A and B of what differs of machine and software.
    """

    rows: tuple[Compared, ...]
    mean: Estimate | None
    broken: tuple[Measured, ...]
    mended: tuple[Measured, ...]
    unmeasured: tuple[Measured, ...]
    only_a: tuple[Configuration, ...]
    only_b: tuple[Configuration, ...]
    around: tuple[tuple[str, str, str], ...]

    def names(self) -> dict[Configuration, str]:
        """A name for each configuration that tells it from all others."""
        others = (*self.broken, *self.mended, *self.unmeasured)
        shown = list(
            dict.fromkeys(
                [
                    *(row.a.configuration for row in self.rows),
                    *(row.configuration for row in others),
                    *self.only_a,
                    *self.only_b,
                ]
            )
        )
        return dict(zip(shown, row_names(shown), strict=True))


def compare(a: Measurements, b: Measurements, across: Sequence[str] = ()) -> Comparison:
    """B over A, for each configuration.

    Args:
        across: fields of the configuration in which A and B may differ, such as
            `backend` to hold one against another.
    Raises:
        UsageError: no configuration is in both.
    """
    side_a, side_b = a.by_configuration(across), b.by_configuration(across)
    shared = [(row, side_b[key]) for key, row in side_a.items() if key in side_b]
    if not shared:
        raise UsageError(_nothing_shared(a, b))
    rows = tuple(
        Compared(left, right, ratio_of_medians(Pair(left.speeds, right.speeds)))
        for left, right in shared
        if left.speeds and right.speeds
    )
    pairs = [Pair(row.a.speeds, row.b.speeds) for row in rows]
    return Comparison(
        rows,
        geometric_mean(pairs) if pairs else None,
        tuple(right for left, right in shared if left.speeds and not right.speeds),
        tuple(left for left, right in shared if right.speeds and not left.speeds),
        tuple(right for left, right in shared if not (left.speeds or right.speeds)),
        tuple(row.configuration for key, row in side_a.items() if key not in side_b),
        tuple(row.configuration for key, row in side_b.items() if key not in side_a),
        tuple(differences(a, b)),
    )


def judge(ratio: Estimate, gate: float) -> Verdict:
    """Whether a ratio is below the gate for certain; see the top of this file."""
    least = gate * (1 - _ROUNDING)
    if ratio.value >= least:
        return "passes"
    return "undecided" if ratio.upper >= least else "fails"


def gate_failures(comparison: Comparison, gate: float) -> list[str]:
    """A line for each row that fails the gate, and for the mean."""
    names = comparison.names()
    lines = [
        f"{names[row.a.configuration]}: {estimate_text(row.ratio)} times A's speed"
        for row in comparison.rows
        if judge(row.ratio, gate) == "fails"
    ]
    lines += [
        f"{names[row.configuration]}: {why_unmeasured(row)}; A measured it"
        for row in comparison.broken
    ]
    if comparison.mean is not None and judge(comparison.mean, gate) == "fails":
        lines.append(f"geometric mean: {estimate_text(comparison.mean)}")
    return lines


def estimate_text(ratio: Estimate) -> str:
    """`1.020 [1.010, 1.031]`; without the interval where there is none."""
    if ratio.low is None:
        return f"{ratio.value:.3f}"
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def why_unmeasured(row: Measured) -> str:
    """`out of memory: the reason`."""
    state = "no speed" if row.state == "done" else row.state.replace("_", " ")
    return f"{state}: {row.reason}" if row.reason else state


def _nothing_shared(a: Measurements, b: Measurements) -> str:
    for side, rows in (("A", a.rows), ("B", b.rows)):
        if not rows:
            return f"{side} has no rows"
    first, second = a.rows[0].configuration, b.rows[0].configuration
    fields = [
        field
        for field in Configuration.model_fields
        if getattr(first, field) != getattr(second, field)
    ]
    return (
        "A and B have no configuration in common; their first rows differ in "
        f"{', '.join(fields)} (--across FIELD leaves one out of account)"
    )
