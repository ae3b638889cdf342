"""B over A, and what a gate says of it."""

import pytest
from made_up_rows import benchmark, ceilings, configuration, done, failed, score_set

from benchmarks.compare import compare, gate_failures, judge
from benchmarks.csv_table import to_csv
from benchmarks.measurements import facts_of, read_measurements
from benchmarks.ratios import Estimate
from benchmarks.score import reference_of
from cai_keras.errors import DataError, UsageError

WIDE = (50.0, 150.0)  # resampled medians reach from 50 to 150


@pytest.fixture
def read(tmp_path):
    """Function from rows to the Measurements of a file that holds them."""

    def make(*rows, ending="json", **changes):
        file = benchmark(*rows, **changes)
        path = tmp_path / f"speed.{ending}"
        path.write_text(file.model_dump_json() if ending == "json" else to_csv(file))
        return read_measurements(path)

    return make


def _names(found, group):
    return [row.configuration.batch_size for row in getattr(found, group)]


@pytest.mark.parametrize(
    ("ratio", "low", "high", "verdict"),
    [
        (0.96, 0.90, 1.02, "passes"),
        (0.95, 0.90, 1.00, "passes"),
        (0.94, 0.90, 0.96, "undecided"),
        (0.94, 0.93, 0.949, "fails"),
        (0.94, None, None, "fails"),
        (0.96, None, None, "passes"),
        # 95 / 100 in binary is a little less than 0.95 in other sums.
        (0.95 - 1e-12, None, None, "passes"),
    ],
)
def test_a_gate_of_95_percent(ratio, low, high, verdict):
    assert judge(Estimate(ratio, low, high), 0.95) == verdict


def test_equal_configurations_pair_whatever_their_order(read):
    a = read(done([100.0] * 3, batch_size=1), done([50.0] * 3, batch_size=2))
    b = read(done([50.0] * 3, batch_size=2), done([200.0] * 3, batch_size=1))

    found = compare(a, b)

    assert [row.a.configuration.batch_size for row in found.rows] == [1, 2]
    assert [row.ratio.value for row in found.rows] == pytest.approx([2.0, 1.0])
    # sqrt(2 * 1)
    assert found.mean.value == pytest.approx(2**0.5)


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_json_and_csv_carry_the_same_intervals(read, ending):
    a, b = read(done([100.0] * 2), ending=ending), read(done(WIDE), ending=ending)

    (row,) = compare(a, b).rows

    assert (row.ratio.low, row.ratio.high) == pytest.approx((0.5, 1.5))


def test_every_field_of_a_configuration_keeps_rows_apart(read):
    a = read(done(batch_size=1), done(batch_size=2))
    b = read(done(batch_size=1), done(batch_size=2, precision="mixed_bfloat16"))

    found = compare(a, b)

    assert [row.a.configuration.batch_size for row in found.rows] == [1]
    assert [c.precision for c in found.only_a] == ["float32"]
    assert [c.precision for c in found.only_b] == ["mixed_bfloat16"]


def test_across_a_field_rows_may_differ_in_it(read):
    a, b = read(done(backend="tensorflow")), read(done([50.0] * 3, backend="jax"))

    (row,) = compare(a, b, across=["backend"]).rows

    assert row.ratio.value == pytest.approx(0.5)


def test_across_a_field_that_one_file_varies_is_ambiguous(read):
    a = read(done(backend="tensorflow"), done(backend="jax"))

    with pytest.raises(UsageError, match="differ in backend: which of them"):
        compare(a, a, across=["backend"])


def test_an_unknown_field_is_named(read):
    a = read(done())

    with pytest.raises(UsageError, match="--across: unknown name 'backen'; did you"):
        compare(a, a, across=["backen"])


def test_what_failed_is_told_from_what_is_missing(read):
    a = read(done(batch_size=1), failed(batch_size=2), done(batch_size=3),
             failed(batch_size=4), done(batch_size=5))  # fmt: skip
    b = read(failed(batch_size=1), done(batch_size=2), done(batch_size=3),
             failed(batch_size=4), done(batch_size=6))  # fmt: skip

    found = compare(a, b)

    assert [row.a.configuration.batch_size for row in found.rows] == [3]
    groups = ("broken", "mended", "unmeasured")
    assert [_names(found, group) for group in groups] == [[1], [2], [4]]
    assert [[c.batch_size for c in only] for only in (found.only_a, found.only_b)] == [
        [5], [6]
    ]  # fmt: skip


def test_only_what_broke_fails_a_gate_that_all_speeds_pass(read):
    a = read(done(batch_size=1), failed(batch_size=2), done(batch_size=3),
             failed(batch_size=4), done(batch_size=5))  # fmt: skip
    b = read(failed("no kernel", batch_size=1), done(batch_size=2), done(batch_size=3),
             failed(batch_size=4))  # fmt: skip

    assert gate_failures(compare(a, b), 1.0) == [
        "resnet/cifar10_resnet20 b1: failed: no kernel; A measured it"
    ]


def test_a_row_that_is_slower_for_certain_fails(read):
    a = read(done(batch_size=1), done(batch_size=2))
    b = read(done([90.0] * 3, batch_size=1), done([112.0] * 3, batch_size=2))

    # sqrt(0.9 * 1.12) is above 1.
    assert gate_failures(compare(a, b), 0.95) == [
        "resnet/cifar10_resnet20 b1: 0.900 [0.900, 0.900] times A's speed"
    ]


def test_a_noisy_row_does_not_fail_but_all_of_them_together_do(read):
    batches = range(1, 31)
    # 0.9 each; a resample's median is 0.78 or 1.02 in a quarter of the cases each.
    a = read(*(done([100.0] * 2, batch_size=n) for n in batches))
    b = read(*(done([78.0, 102.0], batch_size=n) for n in batches))

    found = compare(a, b)

    assert {judge(row.ratio, 0.95) for row in found.rows} == {"undecided"}
    (line,) = gate_failures(found, 0.95)
    assert line.startswith("geometric mean: 0.9")
    # Thirty logarithms of deviation 0.095: the mean's is 0.017, the end 1.96 above it.
    assert found.mean.high == pytest.approx(0.9 * 1.034, abs=0.01)


def test_nothing_in_common_names_what_differs(read):
    a, b = read(done(xla=False, batch_size=1)), read(done(xla=True, batch_size=2))

    with pytest.raises(UsageError, match="first rows differ in xla, batch_size"):
        compare(a, b)


def test_a_file_without_rows_is_named(read):
    with pytest.raises(UsageError, match="B has no rows"):
        compare(read(done()), read())


def test_rows_that_failed_on_both_sides_leave_no_mean(read):
    found = compare(read(failed()), read(failed()))

    assert (found.rows, found.mean) == ((), None)
    assert gate_failures(found, 0.95) == []


def test_other_machines_and_versions_are_named(read):
    a = read(done(), environ={"cpu": "old", "versions": {"keras": "3.13"}, "gpus": []})
    b = read(done(), environ={"cpu": "new", "versions": {"keras": "3.15"}, "gpus": []})

    assert compare(a, b).around == (
        ("cpu", "old", "new"), ("versions.keras", "3.13", "3.15")
    )  # fmt: skip


def test_tables_name_other_machines_and_versions_too(read):
    old = {"environ": {"versions": {"keras": "3.13"}}, "ceilings": [ceilings()]}
    new = {
        "environ": {"versions": {"keras": "3.15"}},
        "ceilings": [ceilings(device_name="another CPU")],
    }

    a, b = read(done(), ending="csv", **old), read(done(), ending="csv", **new)

    assert compare(a, b).around == (
        ("devices", "a CPU", "another CPU"), ("versions.keras", "3.13", "3.15")
    )  # fmt: skip


def test_what_changes_from_call_to_call_is_no_other_machine():
    file = benchmark(
        environ={
            "cpu": "a CPU", "logical_cpus": 2, "started": "today", "frequency": 3.2,
            "memory": {"total_bytes": 8, "available_bytes": 3}, "driver": None,
            "gpus": [{"name": "a GPU", "temperature_c": 61}], "flags": ["a", "b"],
        },
        ceilings=[ceilings()],
    )  # fmt: skip

    assert facts_of(file) == {
        "device of tensorflow cpu": "a CPU",
        "cpu": "a CPU",
        "logical_cpus": "2",
        "memory.total_bytes": "8",
        "gpus.0.name": "a GPU",
        "flags": "a, b",
    }


def test_scores_can_be_compared_network_for_network(tmp_path):
    path = tmp_path / "score.json"
    reference_of(score_set()).write(path)

    found = compare(read_measurements(path), read_measurements(path))

    assert len(found.rows) == 12
    assert found.mean.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("speed.json", "{", "not JSON"),
        ("speed.json", "[]", "not a benchmark"),
        ("speed.json", '{"name": "x"}', "not a benchmark: environ: Field required"),
        ("speed.json", '{"score_version": 1}', "not a score: score: Field required"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(DataError, match=expected):
        read_measurements(path)


def test_a_missing_file_and_another_ending_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.json: No such file"):
        read_measurements(tmp_path / "no.json")
    with pytest.raises(UsageError, match=r"expected a name in \.json or \.csv"):
        read_measurements(tmp_path / "speed.txt")


def test_names_show_what_differs_between_all_rows(read):
    a = read(done(batch_size=1), done(batch_size=2, precision="mixed_bfloat16"))

    names = compare(a, a).names()

    assert names[configuration(batch_size=1)] == "resnet/cifar10_resnet20 fp32 b1"
