"""Benchmarks as CSV: timm's names and units, and back again."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_rows import benchmark, ceilings, configuration, done, failed

from benchmarks.csv_table import columns_of, read_csv, timm_columns, to_csv
from benchmarks.measured_rows import four_digits, measured, repeat_speeds
from benchmarks.rows import Repeat
from cai_keras.errors import DataError

# From the heads of the tables that timm publishes.
INFER = (
    "infer_samples_per_sec", "infer_step_time", "infer_batch_size", "infer_img_size",
    "infer_gmacs", "infer_macts",
)  # fmt: skip
TRAIN = (
    "train_samples_per_sec", "train_step_time", "train_batch_size", "train_img_size",
)  # fmt: skip


def _parsed(*rows, **changes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(benchmark(*rows, **changes)))))


def _written(tmp_path, *rows, **changes) -> Path:
    path = tmp_path / "speed.csv"
    path.write_text(to_csv(benchmark(*rows, **changes)), encoding="utf-8")
    return path


def test_the_columns_of_each_kind_are_timms():
    assert tuple(timm_columns("infer")) == INFER
    assert tuple(timm_columns("train")) == TRAIN


@pytest.mark.parametrize(("kind", "timm"), [("infer", INFER), ("train", TRAIN)])
def test_a_file_of_one_kind_begins_as_timms_does(kind, timm):
    (line,) = _parsed(done(kind=kind, network="classifier"))

    assert tuple(line)[: len(timm) + 2] == ("model", *timm, "param_count")


def test_timms_units():
    row = done(
        kind="infer", network="classifier", batch_size=3, image_shape=(192, 224, 3),
        row={
            "repeats": [Repeat(step_seconds=s) for s in ((0.01, 0.02), (0.03,))],
            "samples_per_second": 150.0,
            "parameters": 25_557_032,
            "sample_flops": 8.2e9,
            "sample_activations": 11.1e6,
        },
    )  # fmt: skip

    (line,) = _parsed(row)

    assert line["model"] == "resnet/cifar10_resnet20/classifier"
    assert float(line["infer_samples_per_sec"]) == 150.0
    # The mean of 10, 20 and 30 ms.
    assert float(line["infer_step_time"]) == pytest.approx(20.0)
    assert line["infer_batch_size"] == "3"
    assert line["infer_img_size"] == "224"  # the width
    # 8.2 GFLOP are 4.1 billion multiplications with their additions.
    assert float(line["infer_gmacs"]) == pytest.approx(4.1)
    assert float(line["infer_macts"]) == pytest.approx(11.1)
    assert float(line["param_count"]) == pytest.approx(25.557032)


def test_a_file_of_both_kinds_leaves_the_other_kinds_columns_empty():
    train, infer = _parsed(done(), done(kind="infer", network="classifier"))

    assert train["train_samples_per_sec"] == infer["infer_samples_per_sec"] == "100.0"
    assert train["infer_samples_per_sec"] == infer["train_samples_per_sec"] == ""


def test_what_is_not_known_is_empty_and_a_failure_has_its_reason():
    (line,) = _parsed(failed("first line\nsecond line", state="out_of_memory"))

    assert (line["state"], line["reason"]) == (
        "out_of_memory", "first line second line"
    )  # fmt: skip
    assert line["train_samples_per_sec"] == line["samples_per_second"] == ""
    assert line["param_count"] == line["repeat_samples_per_second"] == ""


def test_a_row_without_an_image_has_no_size():
    (line,) = _parsed(done(image_shape=()))

    assert (line["train_img_size"], line["image_shape"]) == ("", "")


def test_each_row_names_its_device_and_the_versions():
    places = [ceilings(), ceilings(device="gpu", device_name="a GPU")]

    cpu, gpu, other = _parsed(
        done(), done(device="gpu"), done(device="tpu"), ceilings=places
    )

    assert [cpu["device_name"], gpu["device_name"]] == ["a CPU", "a GPU"]
    assert other["device_name"] == ""  # it has no ceilings
    assert cpu["versions"] == "keras=3.15.1 tensorflow=2.21.0"


def test_speeds_of_repeats_are_batch_times_steps_over_seconds():
    row = done(
        batch_size=6,
        row={"repeats": [Repeat(step_seconds=(1.0, 2.0)), Repeat(step_seconds=(0.5,))]},
    )

    # 12 examples in 3 seconds, 6 in half a second.
    assert repeat_speeds(row) == (4.0, 12.0)


def test_a_row_that_kept_its_median_alone_counts_as_one_repeat():
    row = done(row={"repeats": (), "samples_per_second": 7.0})

    assert repeat_speeds(row) == (7.0,)


def test_a_table_reads_back_as_it_was_written(tmp_path):
    rows = [
        done([100.1, 1 / 3, 99.9], kind="infer", network="classifier", xla=True),
        done([5.0], image_shape=(), batch_size=7, row={"noise": "noisy"}),
        failed("no memory", state="out_of_memory", precision="mixed_float16"),
    ]

    found, around = read_csv(_written(tmp_path, *rows, ceilings=[ceilings()]))

    assert found == [measured(row) for row in rows]
    assert around[0]["device_name"] == "a CPU"


# Control characters, line ends among them, have no place in a name.
_NAME = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1
)


@settings(max_examples=50, deadline=None)  # files are slow on some disks
@given(
    name=_NAME,
    speeds=st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=5),
    shape=st.lists(st.integers(1, 4096), max_size=4),
    reason=_NAME,
)
def test_no_name_and_no_number_breaks_a_table(
    tmp_path_factory, name, speeds, shape, reason
):
    row = done(speeds, paper=name, variant=name, image_shape=tuple(shape))
    broken = failed(reason, network=name)

    found, _ = read_csv(_written(tmp_path_factory.getbasetemp(), row, broken))

    assert [one.configuration for one in found] == [
        row.configuration, broken.configuration
    ]  # fmt: skip
    assert found[0].speeds == repeat_speeds(row)
    assert found[1].reason == reason


def test_a_table_without_rows_is_a_header_alone(tmp_path):
    assert read_csv(_written(tmp_path)) == ([], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "model,speed\na,1\n",
            "not a table of cai bench: no column kind, paper, scale",
        ),
        ("\udcff", "not a table"),
    ],
)
def test_another_programs_table_is_refused(tmp_path, text, expected):
    path = tmp_path / "other.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(DataError, match=expected):
        read_csv(path)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (",small,", ",small", "row 1: too few cells"),
        (",small,", ",small,,", "row 1: too many cells"),
        (",false,", ",perhaps,", "row 1: xla: "),
        (",32x32x3,", ",32xbig,", "row 1: .*'big'"),
        (",100.0 ", ",-100.0 ", "row 1: .*positive numbers"),
        (",done,", ",undone,", "row 1: state: unknown 'undone'"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, old, new, expected):
    path = _written(tmp_path, done())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(DataError, match=expected):
        read_csv(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.csv: No such file"):
        read_csv(tmp_path / "no.csv")


def test_every_column_is_described():
    text = (Path(__file__).parents[1] / "docs" / "benchmarks.md").read_text()

    assert [c for c in columns_of(["infer", "train"]) if f"`{c}`" not in text] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,350"), (1234.4, "1,234"), (182.0, "182.0"), (9.2891, "9.289"),
     (0.012345, "0.01235"), (0.0, "0"), (999.96, "1,000.0")],
)  # fmt: skip
def test_four_digits(value, text):
    assert four_digits(value) == text


def test_configurations_in_a_table_are_the_fields_of_a_configuration():
    (line,) = _parsed(done())

    assert set(type(configuration()).model_fields) <= set(line)
