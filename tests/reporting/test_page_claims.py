"""The page's table of claims: columns, filters, and what a column is sorted by."""

import dataclasses

import pytest

from cai_keras.reporting.page_claims import (
    VERDICTS,
    claim_rows,
    columns,
    facet_options,
    leading_number,
    look,
)
from cai_keras.reporting.table import Row

ROW = Row(
    paper="some_paper", claim="number", source="Table 1", metric="test/a",
    published="90", ours="70.00 ± 1.00", count=3, difference="-20.00", data="glyphs",
    protocol="reduced (small)", verdict="reduced protocol", note="small scale",
    scale="small", hardware="a CPU", wall_time="2 min", method="t",
    published_value=90.0, mean=70.0, wall_seconds=121.0,
)  # fmt: skip


def row(**changes) -> Row:
    return dataclasses.replace(ROW, **changes)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("51.42 ± 2.50", 51.42),
        ("+30.67 [+24.45, +36.89]", 30.67),
        ("-0.05", -0.05),
        ("38,951,745", 38951745.0),
        ("1.5e-05", 1.5e-05),
        ("+70.3; claimed > 20", 70.3),
        ("12%", 12.0),
        ("0", 0.0),
        ("90k pairs", None),
        ("3d_net", None),
        ("1-Nearest Neighbor", None),
        ("claimed > 20", None),
        ("", None),
        ("1" + "0" * 400, None),  # infinite as a float
    ],
)
def test_a_cell_is_sorted_by_the_number_that_it_begins_with(text, number):
    assert leading_number(text) == number


def test_numbers_that_a_row_has_win_over_its_texts():
    (shown,) = claim_rows([row(published="+7.5; claimed > 5", published_value=7.5)])

    # "2 min" alone would be 2, and shorter than "5 s".
    assert shown.numbers["wall_time"] == 121.0
    assert shown.numbers["published"] == 7.5
    assert shown.numbers["ours"] == 70.0
    assert shown.numbers["difference"] == -20.0
    assert shown.numbers["verdict"] is None


def test_small_text_stands_below_its_column_and_has_none_of_its_own():
    (shown,) = claim_rows([row()])

    assert not {"source", "note", "hardware", "method", "protocol"} & set(shown.texts)
    assert shown.below == {
        "claim": "Table 1", "ours": "t", "data": "reduced (small)",
        "wall_time": "a CPU", "verdict": "small scale",
    }  # fmt: skip


def test_the_paper_has_a_column_where_there_are_several():
    assert "paper" not in columns([row(), row()])
    assert "paper" in columns([row(), row(paper="other_paper")])


def test_filters_offer_what_occurs_verdicts_in_their_own_order():
    rows = [
        row(verdict="not run", data="", scale=""),
        row(verdict="a new word"),
        row(verdict="holds", data="omniglot"),
    ]

    assert facet_options(claim_rows(rows)) == [
        ("verdict", "Verdict", ["holds", "not run", "a new word"]),
        ("data", "Data", ["glyphs", "omniglot"]),
    ]


def test_every_look_has_a_shape_of_its_own_within_its_meaning():
    good = {word for word, verdict in VERDICTS.items() if verdict.tone == "good"}

    assert good == {"reproduced", "holds"}
    assert all(verdict.meaning and verdict.shape for verdict in VERDICTS.values())
    assert look("a new word").tone not in {"good", "bad"}
