"""Other people's results: a CSV file, checked line by line, kept beside our runs.

A foreign result is shown beside ours in the table. It gets no verdict, because nobody
can check how it came about, and it is never averaged with ours. docs/results.md says
what the columns mean.
"""

import csv
import io
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.claims import PaperClaims, ValueClaim
from cai_keras.reporting.record import LARGEST_VALUE

FOLDER = "foreign"
COLUMNS = (
    "paper", "claim", "variant", "metric", "value", "deviation", "n", "source",
    "hardware", "note",
)  # fmt: skip
_NEEDED = ("paper", "value", "source")
_LONGEST = 200


@dataclass(frozen=True)
class ForeignResult:
    """One number that other people report.

    Attributes:
        claim: that the number is about; None where only variant and metric say it.
        value: in the metric's unit; for an effect claim the difference, positive
            where the method is better.
        deviation: sample standard deviation over runs, where it is known.
        count: runs behind the number, where that is known.
        source: where it stands: who, which table.
    """

    paper: str
    claim: str | None
    variant: str
    metric: str
    value: float
    deviation: float | None
    count: int | None
    source: str
    hardware: str
    note: str


def import_foreign(
    path: Path, output: Path, papers: Sequence[PaperClaims], overwrite: bool = False
) -> tuple[Path, list[ForeignResult]]:
    """Checks a file and keeps a copy of it below `output`.

    Raises:
        UsageError: the file is wrong, or another one of its name is there already.
    """
    results = read_foreign(path, papers)
    content = path.read_bytes()
    target = output / FOLDER / f"{path.stem}.csv"
    if target.exists() and not overwrite and target.read_bytes() != content:
        raise UsageError(
            f"{target}: another file of this name is there; rename yours, "
            "or --overwrite"
        )
    try:
        write_atomic(target, content)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})") from None
    return target, results


def foreign_files(output: Path) -> list[Path]:
    """The files that were imported below `output`, sorted."""
    return sorted((Path(output) / FOLDER).glob("*.csv"))


def read_foreign(path: Path, papers: Sequence[PaperClaims]) -> list[ForeignResult]:
    """Reads and checks a file.

    Raises:
        UsageError: with file, line, column, what was expected and the nearest name.
    """
    by_slug = {paper.slug: paper for paper in papers}
    results: list[ForeignResult] = []
    lines: dict[tuple, int] = {}
    for line, cells in _read_lines(path):
        row = _Row(path, line, cells)
        result = _parse(row, by_slug)
        key = (result.paper, result.claim, result.variant, result.metric, result.source)
        if key in lines:
            raise row.error(f"the same result as in line {lines[key]}; give one")
        lines[key] = line
        results.append(result)
    if not results:
        raise UsageError(f"{path}: no results below the header")
    return results


@dataclass(frozen=True)
class _Row:
    """One line of the file; every error names its place."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def error(self, text: str) -> UsageError:
        return UsageError(f"{self.path}:{self.line}: {text}")

    def text(self, column: str) -> str:
        text = self.cells.get(column, "")
        # Other spaces than the usual one are no harm, and not "printable" either.
        text = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
        if not text.isprintable():
            raise self.error(f"{column}: line breaks or control characters")
        if len(text) > _LONGEST:
            raise self.error(f"{column}: more than {_LONGEST} characters")
        if not text and column in _NEEDED:
            raise self.error(f"{column}: empty")
        return text

    def known(self, column: str, choices) -> str:
        name = self.text(column)
        if name not in choices:
            close = nearest(name, choices)
            raise self.error(f"{column}: unknown {name!r}; {close}")
        return name

    def number(self, column: str) -> float | None:
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # `float` also takes 1_000, nan and inf.
        if "_" in text or not abs(value) <= LARGEST_VALUE:
            raise self.error(
                f"{column}: expected a number such as 93.4, found {text!r}"
            )
        return value


def _parse(row: _Row, papers: Mapping[str, PaperClaims]) -> ForeignResult:
    paper = papers[row.known("paper", papers)]
    claim, variant, metric = _what(row, paper)
    deviation, count = row.number("deviation"), row.text("n")
    if deviation is not None and deviation < 0:
        raise row.error(f"deviation: negative, {deviation:g}")
    if count and not (count.isascii() and count.isdigit() and 0 < int(count) < 10**9):
        raise row.error(f"n: expected a number of runs such as 5, found {count!r}")
    return ForeignResult(
        paper=paper.slug,
        claim=claim,
        variant=variant,
        metric=metric,
        value=row.number("value"),
        deviation=deviation,
        count=int(count) if count else None,
        source=row.text("source"),
        hardware=row.text("hardware"),
        note=row.text("note"),
    )


def _what(row: _Row, paper: PaperClaims) -> tuple[str | None, str, str]:
    """Claim, variant and metric: from the claim's id, or from the other two."""
    by_id = {claim.id: claim for claim in paper.claims}
    variant, metric = row.text("variant"), row.text("metric")
    if row.text("claim"):
        if variant or metric:
            raise row.error("give claim, or variant and metric; not both")
        claim = by_id[row.known("claim", by_id)]
        return claim.id, claim.variant, claim.metric
    if not (variant and metric):
        raise row.error("give claim, or variant and metric")
    row.known("variant", paper.paper_steps)
    row.known("metric", sorted({claim.metric for claim in paper.claims}))
    matching = [
        claim.id
        for claim in paper.claims
        if isinstance(claim, ValueClaim)
        and (claim.variant, claim.metric) == (variant, metric)
    ]
    return (matching[0] if len(matching) == 1 else None), variant, metric


def _read_lines(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines below the header: number of the first line, and cells by column."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    found = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UsageError(f"{path}:{line}: not CSV: {error}") from None
        if cells is None:
            break
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = _checked_header(path, line, cells)
        elif len(cells) != len(header):
            counts = f"{len(cells)} cells, the header has {len(header)}"
            raise UsageError(f"{path}:{line}: {counts}; quote texts with commas")
        else:
            found.append((line, dict(zip(header, cells, strict=True))))
    if header is None:
        raise UsageError(f"{path}: empty; expected a header: {', '.join(COLUMNS)}")
    return found


def _checked_header(path: Path, line: int, names: list[str]) -> list[str]:
    where = f"{path}:{line}"
    for name in names:
        if name not in COLUMNS:
            raise UsageError(
                f"{where}: unknown column {name!r}; {nearest(name, COLUMNS)}"
            )
        if names.count(name) > 1:
            raise UsageError(f"{where}: the column {name!r} stands twice")
    for name in _NEEDED:
        if name not in names:
            raise UsageError(f"{where}: the column {name!r} is missing")
    return names
