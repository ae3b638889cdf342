"""The comparison table: what enters it, in which groups, and how it is printed."""

import cProfile
import pstats

import pytest

from cai_keras.reporting.claims import EffectClaim, PaperClaims, ValueClaim
from cai_keras.reporting.foreign import ForeignResult
from cai_keras.reporting.measured import measured_rows
from cai_keras.reporting.table import build_rows

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


def test_claims_without_records_are_not_run():
    number, effect = build_rows([PAPER], [])

    assert (number.claim, number.published, number.verdict) == (
        "number", "90", "not run",
    )  # fmt: skip
    assert effect.published == "+7.5; claimed > 5"
    assert (effect.ours, effect.count, effect.verdict) == ("", 0, "not run")


def test_an_effect_within_a_run_names_both_metrics(run):
    within = EFFECT.model_copy(
        update={"baseline": "method", "baseline_metric": "test/other_percent"}
    )
    paper = PaperClaims("some_paper", (within,), {"method": 200}, {"method": (0, 1)})
    other = run(90).metrics[METRIC].model_copy(update={"value": 80.0})
    records = [
        r.model_copy(update={"metrics": {**r.metrics, "test/other_percent": other}})
        for r in (run(90), run(91, seed=1))
    ]

    (row,) = build_rows([paper], records)

    assert row.metric == f"{METRIC} against test/other_percent"
    assert (row.mean, row.count) == (10.5, 2)


def test_smoke_runs_never_enter_the_table(run):
    records = [run(90, scale="smoke"), run(80, "plain", scale="smoke")]

    assert [row.verdict for row in build_rows([PAPER], records)] == ["not run"] * 2
    assert measured_rows(records) == []


def test_runs_of_another_paper_do_not_count(run):
    rows = build_rows([PAPER], [run(90, paper="other_paper")])

    assert [row.verdict for row in rows] == ["not run"] * 2


def test_a_reproduced_number_by_hand(full_run):
    # Mean of 90 and 91: 90.5; deviation sqrt(0.5) = 0.71; difference +0.50; error 0.5,
    # times 12.706 is 6.35.
    number, _ = build_rows([PAPER], [full_run(90), full_run(91, seed=1)])

    assert number.ours == "90.50 ± 0.71 [84.15, 96.85]"
    assert (number.difference, number.method) == ("+0.50", "t")
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

    assert effect.ours == "+10.00 ± 1.41 [-2.71, +22.71]"
    assert (effect.count, effect.verdict) == (2, "inconclusive")
    # Distance to the margin 5: with three seeds 4.303 * 1.41 / 1.73 = 3.51 is less.
    assert effect.seeds_needed == 3
    assert effect.note == "about 3 seeds would decide it, if they scatter as these do"


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
        ("55.00 ± 7.07 [-8.53, 118.53]", 2),  # 5 * 12.706 = 63.53
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


def test_numbers_stand_beside_the_texts_unrounded(run):
    # Differences 9 and 11, as above; 10 of the paper's 200 steps are 5 %.
    records = [
        run(59, wall_seconds=100.0), run(61, seed=1, wall_seconds=200.0),
        run(50, "plain"), run(50, "plain", 1),
    ]  # fmt: skip

    number, effect = build_rows([PAPER], records)

    assert (number.mean, number.published_value, number.steps_percent) == (60, 90, 5)
    assert (number.kind, number.variant, number.scale) == ("value", "method", "small")
    assert (number.wall_seconds, number.wall_time) == (150.0, "2 min")
    assert effect.mean == 10
    assert effect.deviation == pytest.approx(2**0.5)
    # 12.706204736 * sqrt(2) / sqrt(2) on either side.
    assert effect.low == pytest.approx(10 - 12.706204736174698)
    assert effect.high == pytest.approx(10 + 12.706204736174698)
    assert (effect.kind, effect.published_value) == ("effect", 7.5)


@pytest.mark.parametrize(
    ("values", "ours"),
    [
        ((0.00123,), "0.00123"),  # three digits where two decimals would say 0.00
        ((0.5,), "0.500"),
        # Deviation 0.0141: two digits of it; 12.706 * 0.01 = 0.127.
        ((0.50, 0.52), "0.510 ± 0.014 [0.383, 0.637]"),
        ((0.0, 0.0), "0.00 ± 0.00 [0.00, 0.00]"),
        ((-1e-9, -1e-9), "-1e-09 ± 0 [-1e-09, -1e-09]"),
        ((3e20,), "3e+20"),
    ],
)
def test_digits_follow_the_spread(full_run, values, ours):
    records = [full_run(value, seed=seed) for seed, value in enumerate(values)]

    number, _ = build_rows([PAPER], records)

    assert number.ours == ours


def test_the_share_of_the_data_is_shown_where_a_full_run_has_counted_it(run, full_run):
    # 25 of 100 training examples; both runs say how many there are.
    part = full_run(90).dataset.model_copy(update={"examples": {"train": 25}})
    records = [full_run(90), run(80, dataset=part)]

    full, reduced, _ = build_rows([PAPER], records)

    assert full.protocol == "full"
    assert reduced.protocol == "reduced (small, 5 % of the steps, 25 % of the data)"
    assert (reduced.data_percent, full.data_percent) == (25, 100)


def test_the_share_of_the_data_is_left_out_where_it_is_not_known(run, full_run):
    # Of a stand-in, and of the paper's data that nobody has run in full.
    records = [run(80), run(80, data="cifar10", stand_in=False)]

    rows = build_rows([PAPER], records)

    assert [row.data_percent for row in rows] == [None, None, None]
    assert rows[0].protocol == "reduced (small, 5 % of the steps)"


def test_hardware_is_that_of_method_and_baseline(run):
    machine = run(0).machine.model_copy(update={"gpus": ["H100", "H100"]})
    records = [run(60, machine=machine), run(50, "plain")]

    number, effect = build_rows([PAPER], records)

    assert number.hardware == "2 x H100"
    assert effect.hardware == "2 x H100; a CPU, 2 threads"


def _with_data(record, **changes):
    data = record.dataset.model_copy(update=changes)
    return record.model_copy(update={"dataset": data})


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"version": "2.0.0"}, ["glyphs 1.0.0 (stand-in)", "glyphs 2.0.0 (stand-in)"]),
        (
            {"spec": "folder:/x/glyphs"},
            ["glyphs from embedded (stand-in)", "glyphs from folder (stand-in)"],
        ),
        (
            {"digest": "0123456789"},
            ["glyphs, digest unknown (stand-in)", "glyphs, digest 01234567 (stand-in)"],
        ),
    ],
)
def test_copies_of_a_data_set_have_rows_of_their_own(run, changes, labels):
    records = [run(50), _with_data(run(60, seed=1), **changes)]

    rows = [row for row in build_rows([PAPER], records) if row.claim == "number"]

    assert [(row.data, row.mean) for row in rows] == list(
        zip(labels, (50, 60), strict=True)
    )


def test_a_method_and_a_baseline_on_two_versions_are_not_compared(run):
    records = [run(60), _with_data(run(50, "plain"), version="2.0.0")]

    effect = build_rows([PAPER], records)[-1]

    assert (effect.verdict, effect.ours) == ("not comparable", "")
    assert effect.note == (
        "data version is 1.0.0 for method seed 0, 2.0.0 for plain seed 0"
    )


def test_a_number_that_cannot_be_compared_has_no_difference(full_run):
    claim = VALUE.model_copy(update={"passport": {"extractor": "inception_2015"}})
    paper = PaperClaims("some_paper", (claim,), PAPER.paper_steps, PAPER.seeds)

    (number,) = build_rows([paper], [full_run(90), full_run(90, seed=1)])

    assert (number.verdict, number.difference) == ("not comparable", "")
    assert number.ours.startswith("90.00")


def test_texts_of_records_are_one_line_each(run):
    records = [run(50, data="gly\nphs\x1b[2J", scale="sm\tall")]

    number = build_rows([PAPER], records)[0]

    assert number.data == "gly phs [2J (stand-in)"
    assert number.protocol == "reduced (sm all, 5 % of the steps)"


def _foreign(claim, value, **changes) -> ForeignResult:
    fields = {
        "paper": "some_paper", "variant": "method", "metric": METRIC,
        "deviation": None, "count": None, "source": "somebody", "hardware": "",
        "note": "",
    }  # fmt: skip
    return ForeignResult(claim=claim, value=value, **{**fields, **changes})


def test_foreign_results_stand_below_ours_and_have_no_verdict(full_run):
    foreign = [_foreign("number", 93.4, deviation=0.25, count=5, hardware="A100")]
    records = [full_run(90), full_run(90, seed=1)]

    ours, theirs, _ = build_rows([PAPER], records, foreign)

    assert (ours.kind, ours.mean, ours.count) == ("value", 90, 2)  # not averaged
    assert (theirs.kind, theirs.verdict) == ("foreign", "foreign")
    assert theirs.ours == "93.4 ± 0.25 (foreign)"
    assert (theirs.difference, theirs.count, theirs.mean) == ("+3.4", 5, 93.4)
    assert (theirs.published, theirs.hardware) == ("90", "A100")
    assert (theirs.source, theirs.low, theirs.method) == ("somebody", None, "")


def test_a_foreign_effect_is_a_signed_difference(run):
    rows = build_rows([PAPER], [], [_foreign("effect", 6.0)])

    assert (rows[-1].ours, rows[-1].difference) == ("+6 (foreign)", "")


def test_a_foreign_result_of_no_claim_stands_after_the_claims():
    rows = build_rows([PAPER], [], [_foreign(None, 6.0)])

    assert [row.claim for row in rows] == [
        "number", "effect", f"method: {METRIC}",
    ]  # fmt: skip


def test_a_foreign_result_does_not_make_a_claim_run():
    number, theirs, _ = build_rows([PAPER], [], [_foreign("number", 93.4)])

    assert (number.verdict, theirs.verdict) == ("not run", "foreign")


def test_a_foreign_number_is_not_held_against_a_claim_with_a_passport():
    claim = VALUE.model_copy(update={"passport": {"extractor": "inception_2015"}})
    paper = PaperClaims("some_paper", (claim,), PAPER.paper_steps, PAPER.seeds)

    theirs = build_rows([paper], [], [_foreign("number", 93.4)])[1]

    assert theirs.difference == ""


def test_the_work_grows_in_proportion_to_the_records(run):
    def calls(num_groups: int) -> int:
        records = [
            run(50 + seed, variant, seed, overrides=[f"model.width={width}"])
            for width in range(num_groups)
            for variant in ("method", "plain")
            for seed in range(3)
        ]
        profile = cProfile.Profile()
        profile.runcall(lambda: (build_rows([PAPER], records), measured_rows(records)))
        return pstats.Stats(profile).total_calls

    calls(1)  # imports
    few, many = calls(20), calls(80)

    # Four times the records; sorting adds a little.
    assert many < 4.5 * few
