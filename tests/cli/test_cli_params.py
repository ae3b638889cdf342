"""`cai params`: our counts beside the published ones, and the cost of an example."""

import json

PAPER = "spatial_transformer"


def rows_of(result):
    assert (result.code, result.errors) == (0, "")
    rows = json.loads(result.output)
    return {(row["variant"], row["network"]): row for row in rows}


def test_published_numbers_stand_beside_ours(cai):
    rows = rows_of(cai("params", PAPER, "--json"))

    row = rows["rts_st_fcn_demo", "localisation"]
    assert (row["trainable"], row["published"], row["equal"]) == (12286, 12286, True)
    assert rows["rts_fcn", "classifier"]["published"] is None
    assert "multiply_adds" not in row


def test_multiply_adds_are_of_one_example_where_asked_for(cai):
    rows = rows_of(cai("params", PAPER, "--multiply-adds", "--json"))

    # 32 x 32 pixels, 128, 128 and 10 units.
    dense = 1024 * 128 + 128 * 128 + 128 * 10
    assert rows["rts_st_fcn_demo", "classifier"]["multiply_adds"] == dense


def test_a_network_without_a_known_input_has_no_cost(cai):
    rows = rows_of(cai("params", "siamese_one_shot", "--multiply-adds", "--json"))

    row = rows["conv", "siamese"]
    assert row["equal"] is True
    assert row["multiply_adds"] is None


def test_the_table_has_a_column_for_them(cai):
    text = cai("params", PAPER, "--multiply-adds").output

    assert "Multiply-adds" in text
    assert "Multiply-adds" not in cai("params", PAPER).output
