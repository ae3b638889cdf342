"""record.json: what is written is what is read, and nothing else is accepted."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cai_keras.errors import UsageError
from cai_keras.reporting.record import (
    LARGEST_VALUE,
    DatasetInfo,
    Machine,
    Metric,
    Parameters,
    Record,
    read_record,
    write_record,
)

_TEXT = st.text(max_size=12)
_COUNT = st.integers(0, 1 << 62)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_VALUE = st.floats(-LARGEST_VALUE, LARGEST_VALUE)
_SECONDS = st.floats(0, 1e12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _FINITE | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
_PASSPORTS = st.none() | st.dictionaries(_TEXT, _JSON, max_size=3)
_METRICS = st.builds(
    Metric,
    value=_VALUE,
    count=st.none() | _COUNT,
    reason=st.none() | _TEXT,
    passport=_PASSPORTS,
) | st.builds(Metric.of, st.floats(), _COUNT)
_DATASETS = st.builds(
    DatasetInfo,
    spec=_TEXT,
    name=_TEXT,
    version=_TEXT,
    stand_in=st.booleans(),
    examples=st.dictionaries(_TEXT, _COUNT, max_size=3),
    digest=st.none() | _TEXT,
)
_MACHINES = st.builds(
    Machine,
    devices=st.lists(_TEXT, max_size=2),
    cpu=_TEXT,
    logical_cpus=_COUNT,
    memory_bytes=_COUNT,
    gpus=st.lists(_TEXT, max_size=2),
    intra_op_threads=_COUNT,
    inter_op_threads=_COUNT,
    versions=st.dictionaries(_TEXT, _TEXT, max_size=3),
    commit=st.none() | _TEXT,
    commit_is_dirty=st.none() | st.booleans(),
)
_RECORDS = st.builds(
    Record,
    paper=_TEXT,
    scale=_TEXT,
    variant=_TEXT,
    run_name=_TEXT,
    seed=_COUNT,
    overrides=st.lists(_TEXT, max_size=3),
    state=st.sampled_from(["running", "done", "failed", "interrupted"]),
    reason=st.none() | _TEXT,
    dataset=_DATASETS,
    steps_planned=_COUNT,
    steps_done=_COUNT,
    global_batch=_COUNT,
    replicas=_COUNT,
    strategy=_TEXT,
    backend=_TEXT,
    precision=_TEXT,
    machine=_MACHINES,
    started=_TEXT,
    wall_seconds=_SECONDS,
    train_seconds=_SECONDS,
    examples_per_second=st.none() | _FINITE,
    peak_memory_bytes=_COUNT,
    parameters=st.dictionaries(
        _TEXT, st.builds(Parameters, trainable=_COUNT, total=_COUNT), max_size=2
    ),
    metrics=st.dictionaries(_TEXT, _METRICS, max_size=4),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(record=_RECORDS)
def test_any_record_survives_writing_and_reading(tmp_path, record):
    path = tmp_path / "record.json"

    write_record(path, record)

    assert read_record(path) == record


def test_the_file_is_plain_json_with_the_schema_version(tmp_path, make_record):
    path = tmp_path / "record.json"

    write_record(path, make_record({"test/error_percent": 8.75}))

    content = json.loads(path.read_text())
    assert content["schema_version"] == 1
    assert content["metrics"]["test/error_percent"]["value"] == 8.75


def test_a_null_metric_needs_a_reason(make_record):
    with pytest.raises(ValueError, match="test/x is null without a reason"):
        make_record(metrics={"test/x": Metric(value=None)})


def test_a_null_metric_with_a_reason_is_kept(tmp_path, make_record):
    path = tmp_path / "record.json"
    null = Metric(value=None, reason="no such split")

    write_record(path, make_record(metrics={"test/x": null}))

    assert read_record(path).metrics["test/x"] == null


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e200, -1e200])
def test_a_number_that_no_mean_can_take_becomes_null_with_the_reason(value):
    metric = Metric.of(value, 20)

    assert metric.value is None
    assert metric.count == 20
    assert metric.reason == f"the value is {value}"


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e200])
def test_a_number_that_is_not_finite_cannot_be_smuggled_into_a_record(
    make_record, value
):
    with pytest.raises(ValueError, match="test/x is not finite"):
        make_record(metrics={"test/x": Metric(value=value)})


def test_an_unknown_key_is_refused_with_the_path_and_the_key(tmp_path, make_record):
    path = tmp_path / "record.json"
    write_record(path, make_record())
    content = json.loads(path.read_text())
    content["machine"]["colour"] = "green"
    path.write_text(json.dumps(content))

    with pytest.raises(UsageError, match=r"machine\.colour") as caught:
        read_record(path)

    assert str(caught.value).startswith(f"{path}: not a record")


def test_a_record_of_another_schema_version_is_refused(tmp_path, make_record):
    path = tmp_path / "record.json"
    write_record(path, make_record())
    content = json.loads(path.read_text())
    content["schema_version"] = 2
    path.write_text(json.dumps(content))

    with pytest.raises(UsageError, match="schema_version"):
        read_record(path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"paper": "x"}', b"[]", b"\xff\xfe"])
def test_a_damaged_file_is_refused_with_its_path_on_one_line(tmp_path, content):
    path = tmp_path / "record.json"
    path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        read_record(path)

    assert str(caught.value).startswith(f"{path}: not a record")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path_to", "value", "named"),
    [
        (["seed"], "0", "seed"),
        (["seed"], -1, "seed"),
        (["seed"], 1.5, "seed"),
        (["seed"], 1 << 70, "seed"),
        (["steps_done"], True, "steps_done"),
        (["wall_seconds"], -1.0, "wall_seconds"),
        (["wall_seconds"], math.nan, "wall_seconds"),
        (["dataset", "stand_in"], "no", "dataset.stand_in"),
        (["dataset", "examples", "test"], "20", "dataset.examples.test"),
        (["metrics", "test/x", "value"], "8.75", "metrics.test/x.value"),
        (["metrics", "test/x", "value"], True, "metrics.test/x.value"),
        (["metrics", "test/x", "value"], math.inf, "test/x is not finite"),
    ],
)
def test_a_value_of_another_type_or_range_is_damage_and_is_named(
    tmp_path, make_record, path_to, value, named
):
    path = tmp_path / "record.json"
    write_record(path, make_record({"test/x": 8.75}))
    content = json.loads(path.read_text())
    place = content
    for key in path_to[:-1]:
        place = place[key]
    place[path_to[-1]] = value
    path.write_text(json.dumps(content))

    with pytest.raises(UsageError) as caught:
        read_record(path)

    assert "not a record" in str(caught.value)
    assert named in str(caught.value)


def test_a_message_is_one_line_whatever_the_file_holds(tmp_path, make_record):
    path = tmp_path / "record.json"
    write_record(path, make_record())
    content = json.loads(path.read_text())
    content["metrics"] = {"a\nb\x1b[2J" + "c" * 1_000: {"value": None}}
    path.write_text(json.dumps(content))

    with pytest.raises(UsageError) as caught:
        read_record(path)

    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < len(str(path)) + 250


def test_half_of_a_record_is_refused(tmp_path, make_record):
    path = tmp_path / "record.json"
    write_record(path, make_record())
    path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(UsageError, match="not a record"):
        read_record(path)


def test_a_missing_file_is_refused_with_its_path(tmp_path):
    path = tmp_path / "record.json"

    with pytest.raises(UsageError, match="cannot be read") as caught:
        read_record(path)

    assert str(path) in str(caught.value)


def test_a_series_is_kept_and_must_be_of_numbers(make_record, tmp_path):
    record = make_record({}, series={"of_layers": [1.0, -2.5]})

    write_record(tmp_path / "record.json", record)

    assert read_record(tmp_path / "record.json").series == {"of_layers": [1.0, -2.5]}
    with pytest.raises(ValueError, match="of_layers has a number that is not finite"):
        make_record({}, series={"of_layers": [1.0, float("nan")]})
