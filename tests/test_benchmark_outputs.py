"""Everything that a benchmark is written as."""

import builtins
import json
import logging
import re

import numpy as np
import pytest
from made_up_rows import benchmark, ceilings, counted, done, failed
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks import outputs, plots
from benchmarks.mlperf_log import to_mlperf
from benchmarks.outputs import write_all
from benchmarks.roofline import rooflines
from benchmarks.row_names import row_names, settings_text
from benchmarks.rows import read_benchmark
from benchmarks.scalars import write_scalars
from cai_keras.errors import UsageError

ROWS = (
    counted(120.0, batch_size=8),
    counted(40.0, batch_size=16, precision="mixed_bfloat16"),
    failed("4 GiB asked, 3 free", state="out_of_memory", batch_size=512),
)
WHOLE = benchmark(*ROWS, ceilings=[ceilings()])


@pytest.fixture
def notes(monkeypatch):
    """The lines that `write_all` says."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.Logger("notes")
    logger.addHandler(handler)
    monkeypatch.setattr(outputs, "NOTES", logger)
    return lines


@pytest.fixture
def without_mlperf(monkeypatch):
    """As if `mlperf-logging` were not installed."""
    load = builtins.__import__

    def refuse(name, *arguments):
        if name.startswith("mlperf_logging"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.fixture(scope="module")
def log_lines(tmp_path_factory):
    """The MLPerf log as the parser of MLPerf's own checker reads it."""
    pytest.importorskip("mlperf_logging", reason="pip install 'cai-keras[bench]'")
    from mlperf_logging.compliance_checker.mlp_parser import parse_file

    path = tmp_path_factory.mktemp("mlperf") / "train.mlperf.log"
    path.write_text(to_mlperf(WHOLE))
    lines, unreadable = parse_file(path, ruleset="5.0.0")
    assert unreadable == []
    assert len(lines) == len(path.read_text().splitlines())
    return [json.loads(x.full_string.removeprefix(":::MLLOG ")) for x in lines]


def _texts(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.decode())


def test_all_files_are_written_and_named(tmp_path, notes, without_mlperf):
    paths = write_all(WHOLE, tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "train.json", "train.csv", "train.roofline.png", "train.roofline.svg",
        "train.speed.png", "train.speed.svg",
        "tb/train/tensorflow_cpu_fp32_no_XLA", "tb/train/tensorflow_cpu_bf16_no_XLA",
    ]  # fmt: skip
    assert all(path.exists() for path in paths)
    assert read_benchmark(paths[0]) == WHOLE


def test_a_missing_package_is_said_in_one_line_with_its_extra(
    tmp_path, notes, without_mlperf
):
    older = tmp_path / "train.mlperf.log"
    older.write_text("of other numbers")

    write_all(WHOLE, tmp_path)

    assert notes == [
        f"not written: {older}: mlperf-logging is not installed: "
        "pip install 'cai-keras[bench]'"
    ]
    assert not older.exists()


def test_another_missing_package_is_not_taken_for_it(monkeypatch):
    pytest.importorskip("mlperf_logging")
    load = builtins.__import__

    def refuse(name, *arguments):
        if name.startswith("mlperf_logging"):
            raise ModuleNotFoundError("No module named 'other'", name="other")
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(ModuleNotFoundError, match="other"):
        to_mlperf(WHOLE)


def test_the_log_begins_with_what_was_run_and_on_what(log_lines):
    heads = [(line["key"], line["value"]) for line in log_lines[:4]]

    assert heads == [
        ("submission_benchmark", "cai_keras train"),
        ("submission_division", "open"),
        ("submission_status", "research"),
        ("submission_platform", "a CPU"),
    ]
    assert log_lines[3]["metadata"]["copy_bytes_per_second"] == 10e9


def test_a_row_of_the_log_has_a_line_for_each_repeat(log_lines):
    rows = log_lines[4:]
    first = rows[: [line["key"] for line in rows].index("status") + 1]

    assert [line["key"] for line in first] == [
        "global_batch_size", "configuration", *["tracked_stats"] * 3, "result", "status"
    ]  # fmt: skip
    assert first[0]["value"] == 8
    assert [line["metadata"]["step"] for line in first[2:5]] == [1, 2, 3]
    assert first[2]["value"] == {"throughput": pytest.approx(120.0)}
    assert first[5]["value"]["sample_flops"] == 2e9
    assert {line["namespace"] for line in first} == {"resnet/cifar10_resnet20"}
    assert first[-1]["value"] == "success"


def test_a_row_that_failed_is_aborted_with_its_reason(log_lines):
    last = log_lines[-1]

    assert (last["key"], last["value"]) == ("status", "aborted")
    assert last["metadata"]["reason"] == "4 GiB asked, 3 free"
    assert last["metadata"]["state"] == "out_of_memory"


def test_no_path_of_this_machine_stands_in_the_log(log_lines):
    files = {line["metadata"]["file"] for line in log_lines}

    assert files == {"benchmarks/mlperf_log.py"}


def test_a_log_is_not_printed(capsys):
    pytest.importorskip("mlperf_logging", reason="pip install 'cai-keras[bench]'")
    to_mlperf(WHOLE)

    assert capsys.readouterr() == ("", "")


def test_the_speeds_are_read_back_by_tensorboard_itself(tmp_path):
    rows = [
        done([100.0] * 3, batch_size=8, row={"share_of_peak": 0.25}),
        done([200.0] * 3, batch_size=32, row={"share_of_peak": 0.5}),
        done([50.0] * 3, batch_size=8, precision="mixed_bfloat16"),
        failed(batch_size=128),
    ]

    folders = write_scalars(tmp_path, rows)

    assert [folder.name for folder in folders] == [
        "tensorflow_cpu_fp32_no_XLA", "tensorflow_cpu_bf16_no_XLA"
    ]  # fmt: skip
    events = EventAccumulator(str(folders[0])).Reload()
    network = "small/resnet/cifar10_resnet20"
    assert events.Tags()["scalars"] == [
        f"train/samples_per_second/{network}", f"train/share_of_peak/{network}"
    ]  # fmt: skip
    speeds = events.Scalars(f"train/samples_per_second/{network}")
    # The batch size is the step.
    assert [(event.step, event.value) for event in speeds] == [(8, 100.0), (32, 200.0)]


def test_what_was_measured_before_disappears_from_tensorboard(tmp_path):
    write_scalars(tmp_path, [done(precision="mixed_bfloat16")])
    (old,) = tmp_path.iterdir()

    (new,) = write_scalars(tmp_path, [done()])

    assert not old.exists()
    assert list(tmp_path.iterdir()) == [new]


def test_images_of_two_sizes_are_two_curves(tmp_path):
    rows = [done(image_shape=(32, 32, 3)), done(image_shape=(64, 64, 3))]

    (folder,) = write_scalars(tmp_path, rows)

    tags = EventAccumulator(str(folder)).Reload().Tags()["scalars"]
    assert [tag.rpartition("/")[2] for tag in tags] == ["32x32x3", "64x64x3"]


def test_a_name_with_a_slash_makes_no_folder(tmp_path):
    (folder,) = write_scalars(tmp_path, [done(device="gpu/0 ..")])

    assert folder.parent == tmp_path


def test_the_figures_name_every_row(tmp_path, notes, without_mlperf):
    write_all(WHOLE, tmp_path)

    roofline = _texts((tmp_path / "train.roofline.svg").read_bytes())
    assert {"resnet/cifar10_resnet20 b8", "resnet/cifar10_resnet20 b16"} <= {*roofline}
    assert "fp32 matrix product: 100.0 GFLOP/s" in roofline
    speed = _texts((tmp_path / "train.speed.svg").read_bytes())
    assert "resnet/cifar10_resnet20 b512" in speed
    assert {"120.0", "40.00", "out of memory"} <= {*speed}


def test_many_points_are_numbered_and_listed():
    rows = [counted(10.0 + n, batch_size=n) for n in range(1, 41)]
    found, _ = rooflines([ceilings()], rows)

    figure = plots.draw_rooflines(found)

    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert {str(number) for number in range(1, 41)} <= {*texts}
    listed = "\n".join(texts).splitlines()
    assert " 40  resnet/cifar10_resnet20 b40" in listed
    plots.plt.close(figure)


def test_a_picture_is_not_empty(tmp_path, notes, without_mlperf):
    write_all(WHOLE, tmp_path)

    for name in ("roofline", "speed"):
        with Image.open(tmp_path / f"train.{name}.png") as picture:
            pixels = np.asarray(picture.convert("L"))
        assert pixels.shape[1] > 600
        assert pixels.std() > 5


@pytest.mark.parametrize(
    ("precision", "speed"), [("float32", 1e-3), ("mixed_float16", 1e9)]
)
def test_one_row_of_any_speed_is_drawn(
    tmp_path, notes, without_mlperf, precision, speed
):
    file = benchmark(counted(speed, precision=precision), ceilings=[ceilings()])

    assert len(write_all(file, tmp_path)) == 7
    assert len(notes) == 1


def test_a_roofline_that_cannot_be_drawn_is_said(tmp_path, notes, without_mlperf):
    older = tmp_path / "train.roofline.png"
    older.write_bytes(b"of other numbers")

    paths = write_all(benchmark(done(), failed()), tmp_path)

    assert not older.exists()
    assert not [path for path in paths if "roofline" in path.name]
    assert sum("no row with operations, bytes, speed" in line for line in notes) == 2


def test_rows_without_a_place_in_the_roofline_are_counted(
    tmp_path, notes, without_mlperf
):
    write_all(benchmark(*ROWS, done(), ceilings=[ceilings()]), tmp_path)

    assert (
        sum("no place in the roofline for 1 of 4 rows" in line for line in notes) == 1
    )


def test_a_file_without_rows_is_json_and_csv(tmp_path, notes, without_mlperf):
    paths = write_all(benchmark(), tmp_path)

    assert [path.name for path in paths] == ["train.json", "train.csv"]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a/"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="expected a file name"):
        write_all(benchmark(name=name), tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_names_say_only_what_is_not_the_same_for_all():
    rows = [done(batch_size=8), done(batch_size=8, backend="jax", xla=True)]
    configurations = [row.configuration for row in rows]

    assert row_names(configurations) == [
        "resnet/cifar10_resnet20 tensorflow no XLA", "resnet/cifar10_resnet20 jax XLA"
    ]  # fmt: skip
    assert row_names(configurations, without=("backend", "xla")) == [
        "resnet/cifar10_resnet20", "resnet/cifar10_resnet20"
    ]  # fmt: skip
    assert row_names([]) == []


def test_settings_leave_out_what_is_usual():
    usual = done().configuration
    unusual = done(strategy="mirrored", replicas=2, data="real").configuration

    assert settings_text(usual) == "tensorflow cpu fp32 no XLA"
    assert settings_text(unusual) == "tensorflow cpu fp32 no XLA mirrored x2 real"
