"""The table as Markdown, CSV and JSON: every form parses back."""

import csv
import io
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from cai_keras.reporting.formats import (
    measured_markdown,
    to_csv,
    to_json,
    to_markdown,
)
from cai_keras.reporting.table import COLUMNS, Row


def _row(**changes) -> Row:
    fields = dict.fromkeys(Row.__dataclass_fields__, "")
    return Row(**{**fields, "count": 0, **changes})


def _cells(line: str) -> list[str]:
    """A Markdown line's cells, as GitHub reads them: a backslash escapes a pipe."""
    inner = line.removeprefix("| ").removesuffix(" |")
    parts = re.findall(r"(?:\\.|[^|\\])+", inner)
    return [re.sub(r"\\(.)", r"\1", part).strip() for part in parts]


def test_markdown_escapes_pipes_and_has_one_cell_per_column():
    text = to_markdown([_row(claim="a|b", note="|")])

    line = text.splitlines()[2]
    assert "| a\\|b |" in line
    assert line.replace("\\|", "").count("|") == len(COLUMNS) + 1


def test_markdown_has_a_heading_a_rule_and_the_legend():
    lines = to_markdown([_row(claim="x")]).splitlines()

    assert lines[0].startswith("| Paper | Claim | Source | Published | Measured |")
    assert lines[1] == "|" + "---|" * len(COLUMNS)
    assert "Student's t, or the BCa bootstrap from 30 seeds on" in lines[-1]


def test_csv_parses_back():
    row = _row(claim='a,"b"', note="two\nlines", ours="1.00 ± 0.10", count=3)

    parsed = list(csv.DictReader(io.StringIO(to_csv([row]))))

    assert len(parsed) == 1
    assert parsed[0]["claim"] == 'a,"b"'
    assert parsed[0]["note"] == "two\nlines"
    assert parsed[0]["ours"] == "1.00 ± 0.10"
    assert parsed[0]["count"] == "3"


def test_csv_of_no_row_is_the_header_alone():
    assert to_csv([]) == ",".join(Row.__dataclass_fields__) + "\n"


def test_json_parses_back():
    row = _row(claim='a"b', ours="1.00 ± 0.10", count=3)

    assert json.loads(to_json([row])) == [
        {**dict.fromkeys(Row.__dataclass_fields__, ""), "claim": 'a"b',
         "ours": "1.00 ± 0.10", "count": 3}
    ]  # fmt: skip


@given(text=st.text(max_size=20))
def test_no_text_breaks_a_markdown_table(text):
    markdown = to_markdown([_row(claim=f"a{text}b")], {"claim": "Claim", "count": "n"})

    lines = markdown.split("\n")
    cells = _cells(lines[2])
    shown = " ".join(f"a{text}b".split()).replace("<", "&lt;")
    assert cells == [shown, "0"]
    assert lines[3] == ""


# No row holds a carriage return: build_rows makes every text one line.
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)


@given(
    texts=st.lists(_TEXT, max_size=4),
    number=st.floats(allow_nan=False, allow_infinity=False),
)
def test_csv_and_json_keep_texts_and_numbers(texts, number):
    rows = [_row(note=text, mean=number) for text in texts]

    parsed = list(csv.DictReader(io.StringIO(to_csv(rows), newline="")))

    assert [row["note"] for row in parsed] == texts
    assert [float(row["mean"]) for row in parsed] == [number] * len(texts)
    assert [row["note"] for row in json.loads(to_json(rows))] == texts


def test_what_is_not_known_is_empty_in_csv_and_null_in_json():
    row = _row(mean=None, count=None)

    (parsed,) = csv.DictReader(io.StringIO(to_csv([row])))

    assert (parsed["mean"], parsed["count"]) == ("", "")
    assert json.loads(to_json([row]))[0]["mean"] is None
    assert "None" not in to_markdown([row])


def test_no_finished_run_is_said():
    assert measured_markdown([]) == "No finished run.\n"
