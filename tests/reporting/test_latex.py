"""The table in LaTeX. There is no TeX here: what a compiler would reject is checked."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cai_keras.reporting.latex import escape, to_latex
from cai_keras.reporting.table import COLUMNS, Row


def _row(**changes) -> Row:
    fields = dict.fromkeys(Row.__dataclass_fields__, "")
    return Row(**{**fields, "count": 0, **changes})


def _body(text: str) -> list[str]:
    """The lines between the rules: `cell & cell \\`."""
    inside = text.split("\\midrule\n")[1].split("\\bottomrule")[0]
    return inside.splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("38.8 % error", r"38.8 \% error"),
        ("one_shot", r"one\_shot"),
        ("a & b", r"a \& b"),
        ("$5 #1", r"\$5 \#1"),
        ("{x}", r"\{x\}"),
        ("a~b^c", r"a\textasciitilde{}b\textasciicircum{}c"),
        (r"C:\x", r"C:\textbackslash{}x"),
        ("20 < 30 > 1 | 2", r"20 \textless{} 30 \textgreater{} 1 \textbar{} 2"),
        ("51.4 ± 2.5", r"51.4 \ensuremath{\pm} 2.5"),
        ("-40.58", r"\ensuremath{-}40.58"),
        ("[-0.09, +1.38]", r"[\ensuremath{-}0.09, +1.38]"),
        ("1-Nearest 2024-05-01", "1-Nearest 2024-05-01"),
        ("--set and ---", "-{}-set and -{}-{}-"),
        ("a – b", r"a \textendash{} b"),
        ("Gonzàlez Müller Ångström ß", "Gonzàlez Müller Ångström ß"),
        ("中λ", r"\texttt{U+4E2D}\ensuremath{\lambda}"),
        ("two\nlines", "two lines"),
    ],
)  # fmt: skip
def test_escaping_by_hand(text, expected):
    assert escape(text) == expected


def test_a_table_has_booktabs_rules_and_one_column_for_each_heading():
    lines = to_latex([_row(claim="a")]).splitlines()

    assert r"\usepackage{booktabs}" in lines[0]
    assert lines[0].startswith("%")
    assert lines[1] == r"\begin{tabular}{" + "l" * len(COLUMNS) + "}"
    assert lines[2] == r"\toprule"
    assert lines[3].startswith("Paper & Claim & Source & Published & Measured & n &")
    assert lines[4] == r"\midrule"
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


@pytest.mark.parametrize("start", ["[", "*", "[-0.09]"])
def test_a_row_cannot_be_taken_for_an_option_of_the_line_above(start):
    # LaTeX reads `\\` and then `[...]` or `*`, even on the next line, as one command.
    line = _body(to_latex([_row(paper="x"), _row(paper=start)]))[1]

    assert line.startswith("{}" + start[0])


def test_what_is_not_known_is_an_empty_cell():
    assert "None" not in to_latex([_row(count=None)])


@given(texts=st.lists(st.text(max_size=15), min_size=2, max_size=2))
@example(texts=["", "°0"])
def test_no_text_changes_the_number_of_cells_or_opens_a_group(texts):
    columns = {"paper": "Paper", "note": "Note"}

    (line,) = _body(to_latex([_row(paper=texts[0], note=texts[1])], columns))

    assert line.endswith(r" \\")
    content = line.removesuffix(r" \\")
    # Escaped characters do not count, nor does the sign of degrees.
    plain = re.sub(r"\\[%&$#_{}]", "", content).replace(r"{^\circ}", "{}")
    assert plain.count("&") == 1
    assert not set("%$#_~^") & set(plain)
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    # Every command left over is one that LaTeX has.
    commands = set(re.findall(r"\\(\w+|.)", plain))
    assert commands <= {
        "textbackslash", "textasciitilde", "textasciicircum", "textless",
        "textgreater", "textbar", "ensuremath", "pm", "times", "textendash",
        "textemdash", "dots", "leq", "geq", "rightarrow", "lambda", "mu", "texttt",
    }  # fmt: skip
