"""The score of a machine, and the spread over several calls."""

import pytest
from made_up_rows import benchmark, ceilings, done, failed, score_set

from benchmarks import score_set as fixed_set
from benchmarks.rows import Repeat
from benchmarks.score import (
    digest,
    entry_speed,
    quick_speeds,
    reference_of,
    score_of,
)
from benchmarks.score_file import read_current_score, read_score
from benchmarks.spread import spread_of
from cai_keras.cli.papers import find_paper, networks_of
from cai_keras.errors import DataError, RunError, UsageError

IDS = [entry.id for entry in fixed_set.ENTRIES]
FIRST = IDS[0]


def _without(file, entry_id):
    rows = [row for row, id in zip(file.metrics, IDS, strict=True) if id != entry_id]
    return file.model_copy(update={"metrics": tuple(rows)})


def _changed(file, number, **changes):
    rows = list(file.metrics)
    own = rows[number].configuration.model_copy(update=changes)
    rows[number] = rows[number].model_copy(update={"configuration": own})
    return file.model_copy(update={"metrics": tuple(rows)})


def _scored(value: float, **by_entry):
    """A score file whose networks are all `value` times as fast as the reference."""
    here = score_set([100 * value] * 3, **by_entry)
    return score_of(here, score_set())


def test_the_set_has_twelve_entries_of_eight_networks():
    assert len(set(IDS)) == 12
    assert len({(e.paper, e.variant) for e in fixed_set.ENTRIES}) == 8


@pytest.mark.parametrize("entry", fixed_set.ENTRIES, ids=IDS)
def test_every_entry_is_a_variant_of_a_paper_that_exists(entry):
    paper = find_paper(entry.paper)

    assert entry.variant in paper.variants
    assert paper.recipe("small", entry.variant).data.spec.startswith("embedded:")


def test_a_machine_like_the_reference_scores_1():
    found = _scored(1.0)

    assert (found.score, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))
    assert set(found.ratios.values()) == {1.0}


def test_twice_as_fast_in_all_is_a_score_of_2():
    assert _scored(2.0).score == pytest.approx(2.0)


def test_one_network_counts_as_the_twelfth_root():
    # 4096 = 2 ** 12.
    found = _scored(1.0, **{FIRST: [409_600.0] * 3})

    assert found.score == pytest.approx(2.0)
    assert found.ratios[FIRST] == pytest.approx(4096.0)


def test_faster_and_slower_networks_cancel():
    half = dict.fromkeys(IDS[:6], [50.0] * 3)

    assert _scored(2.0, **half).score == pytest.approx(1.0)


def test_the_interval_is_of_this_machines_repeats_alone():
    # The 90th percentile of a resample is 50, 140 or 150; the reference's noise has no
    # part, only its 140.
    noisy = score_set([50.0, 150.0])
    quiet = score_set([100.0, 100.0])

    # 1.5 and 0.5 to the power of a twelfth.
    found = score_of(score_set([100.0] * 2, **{FIRST: [50.0, 150.0]}), quiet)
    assert (found.low, found.high) == pytest.approx((0.5 ** (1 / 12), 1.5 ** (1 / 12)))
    assert found.score == pytest.approx(1.4 ** (1 / 12))
    found = score_of(quiet, noisy)
    assert (found.score, found.low, found.high) == pytest.approx([100 / 140] * 3)


def test_a_repeat_and_steps_that_were_disturbed_do_not_count():
    # Of eleven repeats of eleven steps, one step in each takes ten times as long, and
    # in one repeat all of them do: both percentiles are those of the others.
    steps = (1.0,) + (0.1,) * 10
    repeats = [Repeat(step_seconds=steps)] * 10 + [Repeat(step_seconds=(1.0,) * 11)]
    row = done(batch_size=10, row={"repeats": repeats})

    assert entry_speed(row) == pytest.approx(100.0)
    assert quick_speeds(row) == pytest.approx((100.0,) * 10 + (10.0,))


def test_the_percentiles_are_numpys():
    # Steps of 1 to 11 seconds: the 10th percentile is 2. Repeats of 1 to 11 samples a
    # second: the 90th is 10.
    row = done(batch_size=2, row={"repeats": [Repeat(step_seconds=range(1, 12))]})
    assert entry_speed(row) == pytest.approx(1.0)

    assert entry_speed(done([float(n) for n in range(1, 12)])) == pytest.approx(10.0)


def test_a_file_without_step_times_has_no_score():
    bare = [row.model_copy(update={"repeats": ()}) for row in score_set().metrics]

    found = score_of(benchmark(*bare), score_set())

    assert found.reason == f"{FIRST}: the file has no step times (and 11 more)"


@pytest.mark.parametrize("reason", ["missing", "failed"])
def test_a_network_that_was_not_measured_leaves_no_score(reason):
    here = _without(score_set(), FIRST)
    if reason == "failed":
        own = fixed_set.ENTRIES[0].configuration("cpu").model_dump()
        here = benchmark(*here.metrics, failed("no kernel", **own))

    found = score_of(here, score_set())

    expected = "not measured" if reason == "missing" else "failed: no kernel"
    assert (found.score, found.low) == (None, None)
    assert found.reason == f"{FIRST}: {expected}"
    assert len(found.ratios) == 11


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 1}, {"precision": "mixed_bfloat16"}, {"xla": True},
     {"backend": "jax"}, {"data": "real"}, {"scale": "paper"}],
)  # fmt: skip
def test_a_row_that_was_run_in_another_way_does_not_count(changes):
    found = score_of(_changed(score_set(), 0, **changes), score_set())

    assert found.reason == f"{FIRST}: not measured"


def test_the_device_is_the_machines_own():
    reference = score_set()
    rows = [
        row.model_copy(
            update={"configuration": row.configuration.model_copy(
                update={"device": "gpu"})}
        )
        for row in reference.metrics
    ]  # fmt: skip

    assert score_of(benchmark(*rows), reference).score == pytest.approx(1.0)


def test_two_devices_in_one_score_are_refused():
    own = fixed_set.ENTRIES[0].configuration("gpu").model_dump()
    here = benchmark(*score_set().metrics, done(**own))

    found = score_of(here, score_set())

    assert found.reason == f"{FIRST}: measured 2 times: a score has one device"


def test_images_of_another_size_are_other_work():
    found = score_of(_changed(score_set(), 0, image_shape=(8, 8, 3)), score_set())

    assert found.reason == f"{FIRST}: image shape 8x8x3, the reference's is 16x16x3"


def test_a_reference_has_every_network():
    assert reference_of(score_set()).score == pytest.approx(1.0)
    with pytest.raises(RunError, match="no reference can be made of this: train/"):
        reference_of(_without(score_set(), FIRST))
    with pytest.raises(RunError, match="the reference is not whole"):
        score_of(score_set(), _without(score_set(), FIRST))


def test_a_digest_is_of_the_speeds():
    assert digest(score_set()) == digest(score_set().model_copy(update={"environ": {}}))
    assert digest(score_set()) != digest(score_set([101.0] * 3))


def test_a_score_reads_back(tmp_path):
    found = _scored(1.5)
    found.write(tmp_path / "score.json")

    assert read_current_score(tmp_path / "score.json") == found


def test_a_score_of_another_version_is_refused(tmp_path):
    path = tmp_path / "score.json"
    _scored(1.0).model_copy(update={"score_version": 7}).write(path)

    assert read_score(path).score_version == 7
    with pytest.raises(UsageError, match="a score of version 7, this program's is 2"):
        read_current_score(path)


def test_a_damaged_score_is_named(tmp_path):
    path = tmp_path / "score.json"
    path.write_text("{}")

    with pytest.raises(DataError, match="not a score: score_version: Field required"):
        read_score(path)
    with pytest.raises(DataError, match="No such file"):
        read_score(tmp_path / "no.json")


def test_the_spread_of_three_calls():
    files = [_scored(value) for value in (0.98, 1.00, 1.02)]

    found = spread_of("abc", files)

    # Deviations -0.02, 0, 0.02: variance (0.0004 + 0.0004) / 2.
    assert found.mean == pytest.approx(1.0)
    assert found.deviation_percent == pytest.approx(2.0)
    assert found.range_percent == pytest.approx(4.0)
    # t of two degrees of freedom 4.3027, times 0.02 / sqrt(3).
    half = 4.3027 * 0.02 / 3**0.5
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half), abs=1e-5)
    assert found.within_percent == pytest.approx(0.0)
    assert list(found.entries.values()) == pytest.approx([2.0] * 12)


def test_the_network_that_moves_most_comes_first():
    calls = [{FIRST: [speed] * 3} for speed in (80.0, 120.0)]

    found = spread_of("ab", [_scored(1.0, **call) for call in calls])

    # Ratios 0.8 and 1.2: deviation sqrt(2) * 0.2.
    first, *others = found.entries.items()
    assert first == (FIRST, pytest.approx(100 * 2**0.5 * 0.2))
    assert {value for _, value in others} == {0.0}


def test_the_interval_within_a_call_is_its_half_width():
    noisy = score_of(
        score_set([100.0] * 2, **{FIRST: [50.0, 150.0]}), score_set([100.0] * 2)
    )

    found = spread_of("ab", [noisy, _scored(1.0)])

    half = 100 * (1.5 ** (1 / 12) - 0.5 ** (1 / 12)) / 2 / noisy.score
    assert found.within_percent == pytest.approx(half)


def test_calls_without_repeats_have_no_interval_within():
    files = [score_of(score_set([speed]), score_set()) for speed in (99.0, 101.0)]

    assert spread_of("ab", files).within_percent is None


def test_what_has_no_common_unit_has_no_spread():
    other = score_of(score_set(), score_set([50.0] * 3))
    broken = score_of(_without(score_set(), FIRST), score_set())

    with pytest.raises(UsageError, match="two scores or more"):
        spread_of("a", [_scored(1.0)])
    with pytest.raises(UsageError, match="b: relative to another reference than a"):
        spread_of("ab", [_scored(1.0), other])
    with pytest.raises(UsageError, match="b: no score: train/resnet"):
        spread_of("ab", [_scored(1.0), broken])


def test_ceilings_are_kept_in_a_score():
    file = score_set().model_copy(update={"ceilings": (ceilings(),)})

    assert score_of(file, score_set()).measured.ceilings == (ceilings(),)


@pytest.mark.parametrize(
    "entry", [entry for entry in fixed_set.ENTRIES if entry.kind == "infer"]
)
def test_every_network_of_a_forward_pass_exists(entry):
    paper = find_paper(entry.paper)

    built = networks_of(paper)(paper.recipe("small", entry.variant))

    assert entry.network in built
