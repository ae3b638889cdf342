"""The page's large table of claims: texts, filters, and how verdicts look."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cai_keras.reporting.table import COLUMNS, Row

STAND_IN = " (stand-in)"
# Columns that are printed small below another one, to leave room for the numbers.
BELOW = {
    "claim": "source",
    "ours": "method",
    "data": "protocol",
    "wall_time": "hardware",
    "verdict": "note",
}
_FACETS = {"paper": "Paper", "verdict": "Verdict", "scale": "Scale", "data": "Data"}
# Where a row has the number itself, its column is sorted by that.
_NUMBERS = {"published": "published_value", "ours": "mean", "wall_time": "wall_seconds"}
_NUMBER = re.compile(
    r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=$|[\s;,%\[(])"
)


@dataclass(frozen=True)
class Verdict:
    """How a verdict's word looks: `tone` and `shape` are names in the style sheet."""

    tone: str
    shape: str
    meaning: str


VERDICTS = {
    "reproduced": Verdict(
        "good", "tick", "Every seed at the full protocol; the mean is within tolerance."
    ),
    "holds": Verdict(
        "good", "tick", "The 95 % interval of the difference is above the margin."
    ),
    "inconclusive": Verdict(
        "open", "query", "The 95 % interval contains the margin: more seeds needed."
    ),
    "outside tolerance": Verdict(
        "bad", "cross", "Full protocol, but the mean is outside the tolerance."
    ),
    "opposite": Verdict("bad", "cross", "The 95 % interval is below the margin."),
    "failed": Verdict("broken", "bang", "A run failed, or its metric has no value."),
    "reduced protocol": Verdict(
        "reduced", "half", "Measured at less than the paper's protocol: not judged."
    ),
    "not comparable": Verdict(
        "reduced", "unequal", "Measured in another way: no comparison would be fair."
    ),
    "foreign": Verdict(
        "reduced", "inward", "Other people's number, from an imported file: not judged."
    ),
    "not run": Verdict("absent", "ring", "No finished run measures it yet."),
}
_UNKNOWN_VERDICT = Verdict("reduced", "ring", "")


def look(word: str) -> Verdict:
    """The look of a verdict; a word that this page does not know stays neutral."""
    return VERDICTS.get(word, _UNKNOWN_VERDICT)


@dataclass(frozen=True)
class ClaimRow:
    """One row of the large table, by column.

    Attributes:
        numbers: what the column is sorted by, None for words.
        below: the small text under the column's own.
        facets: what the row is filtered by.
    """

    texts: Mapping[str, str]
    numbers: Mapping[str, float | None]
    below: Mapping[str, str]
    facets: Mapping[str, str]


def columns(rows: Sequence[Row]) -> dict[str, str]:
    """The table's columns, without those that stand below another one.

    And without the paper where all rows are about the same one.
    """
    hidden = {below for above, below in BELOW.items() if above in COLUMNS}
    if len({row.paper for row in rows}) == 1:
        hidden.add("paper")
    return {key: text for key, text in COLUMNS.items() if key not in hidden}


def claim_rows(rows: Sequence[Row]) -> list[ClaimRow]:
    """The rows as texts; `facets` holds what the filters compare."""
    shown = columns(rows)
    return [
        ClaimRow(
            texts={key: _text(row, key) for key in shown},
            numbers={key: _number(row, key) for key in shown},
            below={above: _text(row, key) for above, key in BELOW.items()},
            facets={key: _text(row, key) for key in _FACETS},
        )
        for row in rows
    ]


def facet_options(rows: Sequence[ClaimRow]) -> list[tuple[str, str, list[str]]]:
    """Filters: key, heading and the values that occur, where there is a choice."""
    filters = []
    for key, heading in _FACETS.items():
        values = {row.facets[key] for row in rows} - {""}
        if len(values) > 1:
            order = list(VERDICTS) if key == "verdict" else []
            filters.append((key, heading, known_first(values, order)))
    return filters


def leading_number(text: str) -> float | None:
    """The number that a cell begins with; None for words.

    `51.42 ± 2.50` is 51.42, but `90k pairs` and `3d_net` are words.
    """
    match = _NUMBER.match(text)
    number = float(match[1].replace(",", "")) if match else math.inf
    return number if math.isfinite(number) else None


def known_first(values, order: Sequence[str]) -> list[str]:
    """Known values in the given order, then the others sorted."""
    place = {value: index for index, value in enumerate(order)}
    return sorted(values, key=lambda value: (place.get(value, len(order)), value))


def _text(row: Row, key: str) -> str:
    value = getattr(row, key, None)
    return "" if value is None else str(value)


def _number(row: Row, key: str) -> float | None:
    if key in _NUMBERS and hasattr(row, _NUMBERS[key]):
        return getattr(row, _NUMBERS[key])
    return leading_number(_text(row, key))
