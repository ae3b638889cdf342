"""What the HParams page gets to know of a run."""

import datetime
import math

from cai_keras.reporting.hyperparameters import flatten, hyperparameters_of


def test_the_run_is_named_beside_its_recipe(make_record):
    record = make_record(
        paper="a_paper", scale="small", variant="b", run_name="b@c", seed=3
    )

    found = hyperparameters_of(record, {"train": {"steps": 5, "rate": 0.5}})

    assert found == {
        "Paper": "a_paper", "Scale": "small", "Variant": "b", "Seed": 3,
        "train.steps": 5, "train.rate": 0.5,
    }  # fmt: skip


def test_the_run_stands_before_its_recipe_where_the_page_sorts_names(make_record):
    found = hyperparameters_of(make_record(), {"data": {"spec": "x"}, "a": 1})

    assert sorted(found)[:4] == ["Paper", "Scale", "Seed", "Variant"]


def test_the_seeds_of_the_recipe_are_left_out(make_record):
    assert "seeds" not in hyperparameters_of(make_record(), {"seeds": [0, 1]})


def test_what_the_page_cannot_show_is_a_word(make_record):
    recipe = {
        "none": None, "nan": math.nan, "infinite": -math.inf, "list": [1, 2],
        "date": datetime.date(2026, 1, 2), "fast": True,
    }  # fmt: skip

    found = hyperparameters_of(make_record(), recipe)

    assert {key: found[key] for key in recipe} == {
        "none": "none", "nan": "nan", "infinite": "-inf", "list": "[1, 2]",
        "date": "2026-01-02", "fast": True,
    }  # fmt: skip


def test_flatten_joins_keys_with_dots():
    nested = {"a": {"b": {"c": 1}, "d": []}, "e": None}
    assert flatten(nested) == {"a.b.c": 1, "a.d": [], "e": None}
