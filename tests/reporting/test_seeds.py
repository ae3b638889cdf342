"""Which runs are seeds of one variant, and why others are not."""

import pytest

from cai_keras.errors import UsageError
from cai_keras.reporting.record import Metric
from cai_keras.reporting.seeds import read_recipe, why_not_seeds


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.yaml"


def test_seeds_of_one_variant_may_be_averaged(make_record):
    records = [make_record({"test/a": 1.0 + seed}, seed=seed) for seed in range(3)]
    recipe = {"train": {"steps": 10}}

    assert why_not_seeds(records, [recipe] * 3) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"variant": "b"}, "variant is method for seed 0, b for seed 1"),
        ({"paper": "b"}, "paper is some_paper for seed 0, b for seed 1"),
        ({"scale": "paper"}, "scale is small for seed 0, paper for seed 1"),
        ({"overrides": ["a=1"]}, "changes is [] for seed 0, [a=1] for seed 1"),
        ({"data": "b"}, "data is glyphs for seed 0, b for seed 1"),
        ({"stand_in": False}, "stand_in is true for seed 0, false for seed 1"),
        ({"steps_planned": 11}, "steps is 10 for method seed 0, 11 for method seed 1"),
        ({"precision": "b"}, "precision is float32 for method seed 0, b for method"),
    ],
)
def test_what_keeps_runs_apart_in_the_table_keeps_them_apart(
    make_record, changes, reason
):
    first = make_record({"test/a": 1.0})
    second = make_record({"test/a": 2.0}, seed=1, **changes)

    assert why_not_seeds([first, second], [{}, {}]).startswith(reason)


def test_metrics_with_unlike_passports_are_not_averaged(make_record):
    first, second = (
        make_record(
            seed=seed,
            metrics={"test/fid": Metric.of(1.0, 10, {"extractor": f"network {seed}"})},
        )
        for seed in (0, 1)
    )

    reason = why_not_seeds([first, second], [{}, {}])

    assert reason.startswith("extractor is network 0 for method seed 0")


def test_recipes_that_differ_are_no_seeds_even_where_the_table_cannot_tell(make_record):
    records = [make_record({"test/a": 1.0}, seed=seed) for seed in (0, 1)]

    reason = why_not_seeds(records, [{"train": {"rate": 0.1}}, {"train": {"rate": 1}}])

    assert reason == "train.rate is 0.1 for seed 0, 1 for seed 1"


def test_a_run_without_a_config_is_judged_by_its_record(make_record):
    records = [make_record({"test/a": 1.0}, seed=seed) for seed in (0, 1)]

    assert why_not_seeds(records, [{"train": {"rate": 0.1}}, {}]) == ""


def test_the_recipe_is_read_whatever_the_seed(path):
    for seed in (0, 1):
        path.write_text(f"paper: a\nseed: {seed}\nrecipe:\n  model: {{units: 3}}\n")
        assert read_recipe(path) == {"model": {"units": 3}}


def test_a_seed_within_the_recipe_is_kept(path):
    path.write_text("seed: 0\nrecipe:\n  seed: 5\n")

    assert read_recipe(path) == {"seed": 5}


def test_a_missing_config_is_empty(path):
    assert read_recipe(path) == {}


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"a: 1", b"recipe: 1", b"a: [", b"\xff", b"a: !!x 1"]
)
def test_a_damaged_config_is_named(path, content):
    path.write_bytes(content)

    with pytest.raises(UsageError, match=r"config\.yaml: not a resolved config"):
        read_recipe(path)
