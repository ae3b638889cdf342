"""The comparison table for a paper: LaTeX with the package booktabs."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from cai_keras.reporting.table import COLUMNS, Row

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # In the default font encoding these three are other signs.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "−": r"\ensuremath{-}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\dots{}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "→": r"\ensuremath{\rightarrow}",
    "λ": r"\ensuremath{\lambda}",
    "µ": r"\ensuremath{\mu}",
    "°": r"\ensuremath{^\circ}",
}
# A minus before a number, but not the hyphen of `one-2`.
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
# Letters without an accent to compose, and accents, that the default fonts have.
_LETTERS = set("ßæœøłÆŒØŁ")
_ACCENTS = set(
    "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"
)


def to_latex(rows: Sequence[Row], columns: Mapping[str, str] = COLUMNS) -> str:
    """A `tabular` with all columns, for `\\input` into a document."""
    lines = [
        "% Written by `cai report --format latex`; needs \\usepackage{booktabs}.",
        f"\\begin{{tabular}}{{{'l' * len(columns)}}}",
        "\\toprule",
        _line(columns.values()),
        "\\midrule",
    ]
    for row in rows:
        values = (getattr(row, key) for key in columns)
        lines.append(_line("" if v is None else str(v) for v in values))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def escape(text: str) -> str:
    """`text` as LaTeX prints it.

    Accented letters are left to LaTeX's own UTF-8. A letter that its default fonts
    lack would stop the document, so it becomes its code, such as U+4E2D.
    """
    parts = _MINUS.split(" ".join(text.split()))
    return r"\ensuremath{-}".join(_letters(part) for part in parts)


def _letters(text: str) -> str:
    # Two hyphens are a dash: `--set` must stay what it is.
    return re.sub("-(?=-)", "-{}", "".join(map(_letter, text)))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter.isascii():
        return letter if letter.isprintable() else " "
    parts = unicodedata.normalize("NFD", letter)
    is_composed = len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS
    if letter in _LETTERS or is_composed:
        return letter
    return rf"\texttt{{U+{ord(letter):04X}}}"


def _line(cells) -> str:
    # `\\` takes a bracket or a star that follows, even on the next line, for its own.
    escaped = [escape(cell) for cell in cells]
    escaped = ["{}" + cell if cell[:1] in ("[", "*") else cell for cell in escaped]
    return " & ".join(escaped) + r" \\"
