"""metrics.csv as curves, also when its writer was killed."""

import pytest

from cai_keras.errors import UsageError
from cai_keras.reporting.metrics_csv import read_metrics


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def test_values_stand_by_metric_and_step(path):
    path.write_text(
        "step,metric,value\n4,train/a,0.25\n2,train/a,0.5\n4,test/b,1e-30\n"
    )

    found = read_metrics(path)

    assert found == {"train/a": {2: 0.5, 4: 0.25}, "test/b": {4: 1e-30}}
    assert list(found["train/a"]) == [2, 4]


@pytest.mark.parametrize(
    "row", ["2,train/a,nan", "2,train/a,inf", "2,train/a,1e101", "2,train/a,x", "2,tr",
            "-1,train/a,1", "1.5,train/a,1", "²,train/a,1", "2,train/a,1,1", ""],
)  # fmt: skip
def test_a_row_without_a_step_and_a_finite_number_is_left_out(path, row):
    path.write_text(f"step,metric,value\n1,train/a,1.0\n{row}\n")

    assert read_metrics(path) == {"train/a": {1: 1.0}}


def test_the_last_of_two_values_of_a_step_counts(path):
    path.write_text("step,metric,value\n1,train/a,1.0\n1,train/a,2.0\n")

    assert read_metrics(path) == {"train/a": {1: 2.0}}


def test_a_missing_file_holds_no_metrics(path):
    assert read_metrics(path) == {}


def test_a_file_that_is_no_text_is_named(path):
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match=r"metrics\.csv: not a table of metrics"):
        read_metrics(path)


def test_a_file_that_cannot_be_read_is_named(path):
    path.mkdir()

    with pytest.raises(UsageError, match=r"metrics\.csv: cannot be read \(Is a dir"):
        read_metrics(path)
