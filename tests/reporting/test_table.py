"""The comparison table: what enters it, in which groups, and how it is printed."""

import csv
import io
import json

import pytest

from cai_keras.reporting.claims import EffectClaim, ValueClaim
from cai_keras.reporting.table import (
    COLUMNS,
    PaperClaims,
    Row,
    build_rows,
    measured_markdown,
    measured_rows,
    to_csv,
    to_json,
    to_markdown,
)

METRIC = "test/accuracy_percent"
VALUE = ValueClaim(
    kind="value", id="number", variant="method", metric=METRIC, better="higher",
    value=90.0, tolerance=1.0, source="Table 1, row 2",
)  # fmt: skip
EFFECT = EffectClaim(
    kind="effect", id="effect", variant="method", baseline="plain", metric=METRIC,
    better="higher", margin=5.0, published=7.5, source="Table 1, rows 1 and 2",
)  # fmt: skip
PAPER = PaperClaims(
    slug="some_paper",
    claims=(VALUE, EFFECT),
    paper_steps={"method": 200, "plain": 200},
    seeds={"method": (0, 1), "plain": (0, 1)},
)


@pytest.fixture
def run(make_record):
    """Function from a value, a variant and a seed to a run of `some_paper`."""

    def make(value, variant="method", seed=0, **changes):
        fields = {"variant": variant, "run_name": variant, "seed": seed, **changes}
        return make_record({METRIC: value}, **fields)

    return make


@pytest.fixture
def full_run(run):
    """The same, by the paper's protocol."""

    def make(value, variant="method", seed=0, **changes):
        protocol = {"scale": "paper", "data": "cifar10", "stand_in": False}
        return run(value, variant, seed, **{**protocol, **changes})

    return make


def _row(**changes) -> Row:
    fields = dict.fromkeys(Row.__dataclass_fields__, "")
    return Row(**{**fields, "count": 0, **changes})


def test_claims_without_records_are_not_run():
    number, effect = build_rows([PAPER], [])

    assert (number.claim, number.published, number.verdict) == (
        "number", "90", "not run",
    )  # fmt: skip
    assert effect.published == "+7.5; claimed > 5"
    assert (effect.ours, effect.count, effect.verdict) == ("", 0, "not run")


def test_smoke_runs_never_enter_the_table(run):
    records = [run(90, scale="smoke"), run(80, "plain", scale="smoke")]

    assert [row.verdict for row in build_rows([PAPER], records)] == ["not run"] * 2
    assert measured_rows(records) == []
    assert measured_markdown(records) == "No finished run.\n"


def test_runs_of_another_paper_do_not_count(run):
    rows = build_rows([PAPER], [run(90, paper="other_paper")])

    assert [row.verdict for row in rows] == ["not run"] * 2


def test_a_reproduced_number_by_hand(full_run):
    # Mean of 90 and 91: 90.5; deviation sqrt(0.5) = 0.71; difference +0.50.
    number, _ = build_rows([PAPER], [full_run(90), full_run(91, seed=1)])

    assert (number.ours, number.difference) == ("90.50 ± 0.71", "+0.50")
    assert (number.count, number.data, number.protocol) == (2, "cifar10", "full")
    assert number.verdict == "reproduced"
    assert number.source == "Table 1, row 2"


def test_a_miss_stays_in_the_table(full_run):
    number, _ = build_rows([PAPER], [full_run(70), full_run(70, seed=1)])

    assert (number.difference, number.verdict) == ("-20.00", "outside tolerance")


def test_a_failed_run_stays_in_the_table(full_run):
    broken = full_run(90, state="failed", reason="the loss is nan")

    number, effect = build_rows([PAPER], [broken])

    assert (number.verdict, number.note) == ("failed", "seed 0: the loss is nan")
    assert effect.verdict == "not run"


def test_an_effect_by_hand(run):
    # Differences 9 and 11: mean 10, deviation sqrt(2), error 1; t with 1 degree of
    # freedom is 12.706: from -2.71 to 22.71, which holds the margin 5.
    records = [run(59), run(61, seed=1), run(50, "plain"), run(50, "plain", 1)]

    _, effect = build_rows([PAPER], records)

    assert effect.ours == "+10.00 [-2.71, +22.71]"
    assert (effect.count, effect.verdict) == (2, "inconclusive")


def test_stand_in_data_and_the_share_of_the_steps_are_shown(run):
    number, _ = build_rows([PAPER], [run(90)])

    assert number.data == "glyphs (stand-in)"
    # 10 of the paper's 200 steps.
    assert number.protocol == "reduced (small, 5 % of the steps)"
    assert number.verdict == "reduced protocol"


def test_stand_in_data_at_paper_scale_are_no_full_protocol(full_run):
    number, _ = build_rows([PAPER], [full_run(90, data="glyphs", stand_in=True)])

    assert number.protocol == "reduced (paper, 5 % of the steps)"
    assert number.verdict == "reduced protocol"


def test_every_scale_and_every_data_set_has_a_row_of_its_own(run, full_run):
    records = [full_run(90), run(50), run(60, data="digits")]

    rows = [row for row in build_rows([PAPER], records) if row.claim == "number"]

    assert [(row.data, row.ours) for row in rows] == [
        ("cifar10", "90.00"),
        ("digits (stand-in)", "60.00"),
        ("glyphs (stand-in)", "50.00"),
    ]


def test_changed_runs_form_groups_of_their_own(run):
    changed = {"overrides": ["model.width=2"]}
    records = [run(50), run(60, seed=1), run(10, seed=2, **changed)]

    rows = [row for row in build_rows([PAPER], records) if row.claim == "number"]

    assert [(row.ours, row.count) for row in rows] == [
        ("55.00 ± 7.07", 2),
        ("10.00", 1),
    ]
    assert rows[1].protocol == "reduced (small, changed, 5 % of the steps)"


def test_an_effect_never_mixes_changed_runs_with_others(run):
    # The only baselines of the unchanged method were changed: nothing to compare.
    changed = {"overrides": ["model.width=2"]}
    records = [
        run(60),
        run(61, seed=1),
        *(run(50, "plain", s, **changed) for s in (0, 1)),
    ]

    _, effect = build_rows([PAPER], records)

    assert effect.verdict == "not run"


def test_an_effect_never_mixes_data_sets(run):
    records = [run(60), run(50, "plain", data="digits")]

    effect = build_rows([PAPER], records)[-1]

    assert effect.verdict == "not run"


def test_the_papers_data_given_by_path_are_not_a_change(full_run):
    records = [full_run(90, overrides=["data.spec=folder:/x"]), full_run(90, seed=1)]

    number, _ = build_rows([PAPER], records)

    assert (number.count, number.protocol) == (2, "full")


def test_markdown_escapes_pipes_and_has_one_cell_per_column():
    text = to_markdown([_row(claim="a|b", note="|")])

    line = text.splitlines()[2]
    assert "| a\\|b |" in line
    assert line.replace("\\|", "").count("|") == len(COLUMNS) + 1


def test_markdown_has_a_heading_a_rule_and_the_legend():
    lines = to_markdown([_row(claim="x")]).splitlines()

    assert lines[0].startswith("| Paper | Claim | Source | Published | Ours |")
    assert lines[1] == "|" + "---|" * len(COLUMNS)
    assert "Student's t over paired seeds" in lines[-1]


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


def test_measured_rows_by_hand(run):
    records = [
        run(50, train_seconds=10.0),
        run(53, seed=1, train_seconds=20.0),
        run(10, "plain"),
    ]

    first, second = measured_rows(records)

    # Mean of 50 and 53: 51.5; deviation 3 / sqrt(2) = 2.12; seconds (10 + 20) / 2.
    assert first == {
        "Paper": "some_paper",
        "Scale": "small",
        "Data": "glyphs (stand-in)",
        "Metric": METRIC,
        "Variant": "method",
        "Mean": "51.50 ± 2.12",
        "n": "2",
        "Examples": "20",
        "Training": "15 s",
        "Machine": "a CPU, 2 threads",
    }
    assert (second["Variant"], second["Mean"], second["n"]) == ("plain", "10.00", "1")


def test_measured_rows_show_what_was_changed_in_rows_of_their_own(run):
    records = [run(50), run(10, seed=1, overrides=["model.width=2"])]

    rows = measured_rows(records)

    assert [(row["Variant"], row["Mean"]) for row in rows] == [
        ("method", "50.00"),
        ("method [model.width=2]", "10.00"),
    ]


def test_measured_rows_leave_unfinished_runs_and_nulls_out(run):
    records = [run(50, state="failed"), run(float("nan"), seed=1), run(7, seed=2)]

    (row,) = measured_rows(records)

    assert (row["Mean"], row["n"]) == ("7.00", "1")


def test_measured_rows_name_gpus_before_the_cpu(run):
    record = run(50)
    machine = record.machine.model_copy(update={"gpus": ["H100"]})

    (row,) = measured_rows([record.model_copy(update={"machine": machine})])

    assert row["Machine"] == "H100"


def test_measured_markdown_escapes_pipes(run):
    text = measured_markdown([run(50, overrides=["model.name=a|b"])])

    assert "method [model.name=a\\|b]" in text
