"""Gates: `METRIC:+X`, what a comparison must show to pass."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.comparison import Comparison, MetricDifference, value_of

_FORM = re.compile(
    r"(?P<metric>.+):(?P<sign>>=|<=)?\s*(?P<bound>[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)",
    re.IGNORECASE,
)
# Differences of decimal fractions miss the written bound by a few last bits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Gate:
    """The mean of B - A of `metric` must be at least, or at most, `bound`."""

    text: str
    metric: str
    is_upper: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Reads `NAME:+X`, `NAME:-X`, `NAME:>=X` or `NAME:<=X`.

        Raises:
            UsageError: another form, or a bound that is not finite.
        """
        match = _FORM.fullmatch(text.strip())
        bound = float(match["bound"]) if match else math.inf
        if not math.isfinite(bound):
            raise UsageError(
                f"--gate {text}: expected METRIC:+X, METRIC:-X or METRIC:<=X, "
                "for example test/accuracy_percent:-0.5"
            )
        return cls(text, match["metric"], match["sign"] == "<=", bound)

    def failure(self, found: MetricDifference) -> str:
        """Why the metric does not pass; empty where it does."""
        if found.lost:
            return f"measured in A only: {'; '.join(found.lost)}"
        excess = found.difference - self.bound
        if self.is_upper:
            excess = -excess
        slack = _ROUNDING * max(1.0, abs(found.mean_a), abs(found.mean_b))
        if excess >= -slack:
            return ""
        limit = "at most" if self.is_upper else "at least"
        return (
            f"B - A is {found.difference:+.4g} (n = {found.count}), "
            f"{limit} {self.bound:+g} was asked"
        )


@dataclass(frozen=True)
class GateResult:
    """A gate with one line for each variant that did not pass it."""

    gate: Gate
    failures: tuple[str, ...]


def check_gate(gate: Gate, comparisons: Sequence[Comparison]) -> GateResult:
    """Every variant that has the metric must pass; where neither side has it, none.

    What A measured and B did not fails the gate: a run that breaks must not pass.

    Raises:
        UsageError: nothing was compared under this name.
    """
    compared, failures = False, []
    for comparison in comparisons:
        reasons = [
            text
            for run, text in comparison.match.lost
            if value_of(run.record, gate.metric) is not None
        ]
        for found in comparison.metrics:
            if found.metric == gate.metric:
                compared = True
                reasons.append(gate.failure(found))
        for missing in comparison.not_compared:
            if missing.metric == gate.metric and missing.measured_in in ("A", "both"):
                reasons.append(f"not compared: {missing.reason}")
        name = comparison.match.name
        failures += [f"{name}: {reason}" for reason in reasons if reason]
    if not compared:
        raise UsageError(f"--gate {gate.text}: {_why_unknown(gate, comparisons)}")
    return GateResult(gate, tuple(failures))


def _why_unknown(gate: Gate, comparisons: Sequence[Comparison]) -> str:
    reasons = [
        missing.reason
        for comparison in comparisons
        for missing in comparison.not_compared
        if missing.metric == gate.metric
    ]
    if reasons:
        return f"A and B have nothing to compare ({reasons[0]})"
    known = {m.metric for comparison in comparisons for m in comparison.metrics}
    close = nearest(gate.metric, sorted(known))
    return f"not measured in both A and B; {close}"
