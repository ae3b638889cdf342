"""`summary/`: curves over seeds, claims and figures, read by TensorBoard's reader."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from run_files import write_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata

from cai_keras.reporting.claims import PaperClaims, ValueClaim
from cai_keras.reporting.damage import read_folder
from cai_keras.reporting.record import write_record
from cai_keras.reporting.table import build_rows
from cai_keras.reporting.tensorboard_summary import (
    update_summary,
    write_summary_figures,
)

VARIANT = "some_paper/small/method"
# Of the two seeds below, by hand: at step 2 (1 + 2) / 2, at step 4 (0.5 + 2.5) / 2.
LOSSES = {"mean": [(2, 1.5), (4, 1.5)], "min": [(2, 1.0), (4, 0.5)],
          "max": [(2, 2.0), (4, 2.5)]}  # fmt: skip
SEED_0 = {"train/loss": {2: 1.0, 4: 0.5}, "test/accuracy": {4: 70.0}}
SEED_1 = {"train/loss": {2: 2.0, 4: 2.5}, "test/accuracy": {4: 75.0}}


@pytest.fixture
def add_run(tmp_path, make_record):
    """Function adding a run with these curves; its record has the test metric."""

    def add(seed, curves, recipe=None, values=None, **changes):
        record = make_record(values or {"test/accuracy": 70.0}, seed=seed, **changes)
        return write_run(tmp_path, record, recipe, curves)

    return add


def _update(output: Path, claims=()):
    found = read_folder(output, claims)
    return update_summary(output, found.runs, build_rows(claims, found.records))


def _runs(output: Path) -> set[str]:
    """The TensorBoard runs below `summary`."""
    summary = output / "summary"
    files = summary.rglob("*tfevents*")
    return {path.parent.relative_to(summary).as_posix() for path in files}


def _read(output: Path, run: str) -> EventAccumulator:
    return EventAccumulator(str(output / "summary" / run)).Reload()


def _points(output: Path, run: str, tag: str) -> list[tuple[int, float]]:
    return [(e.step, e.value) for e in _read(output, run).Scalars(tag)]


def _picture(path: Path, width: int = 4) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((2, width), np.uint8)).save(buffer, "png")
    path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["mean", "min", "max"])
def test_each_metric_over_two_seeds_is_a_run_of_its_own(tmp_path, add_run, name):
    add_run(0, SEED_0)
    add_run(1, SEED_1)

    _update(tmp_path)

    assert _points(tmp_path, f"{VARIANT}/{name}", "train/loss") == LOSSES[name]
    accuracy = {"mean": 72.5, "min": 70.0, "max": 75.0}[name]
    assert _points(tmp_path, f"{VARIANT}/{name}", "test/accuracy") == [(4, accuracy)]


@given(
    st.lists(
        st.dictionaries(st.integers(0, 9), st.integers(-99, 99), min_size=1),
        min_size=2,
        max_size=4,
    )
)
def test_curves_over_seeds_agree_with_numpy(tmp_path_factory, make_record, seeds):
    output = tmp_path_factory.mktemp("runs")
    for seed, points in enumerate(seeds):
        record = make_record({"test/accuracy": 1.0}, seed=seed)
        write_run(output, record, None, {"train/a": points})

    _update(output)

    steps = [step for step in range(10) if all(step in points for points in seeds)]
    table = np.array([[points[step] for step in steps] for points in seeds])
    for name in ("mean", "min", "max") if steps else ():
        expected = getattr(np, name)(table, axis=0)
        found = _points(output, f"{VARIANT}/{name}", "train/a")
        assert [step for step, _ in found] == steps
        np.testing.assert_allclose([value for _, value in found], expected, rtol=1e-6)
    assert (f"{VARIANT}/mean" in _runs(output)) == bool(steps)


def test_a_metric_that_one_seed_lacks_is_left_out(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, {"train/loss": {4: 2.5}})

    _update(tmp_path)

    tags = _read(tmp_path, f"{VARIANT}/mean").Tags()["scalars"]
    assert tags == ["train/loss"]
    assert _points(tmp_path, f"{VARIANT}/mean", "train/loss") == [(4, 1.5)]


def test_one_seed_has_no_mean(tmp_path, add_run):
    add_run(0, SEED_0)

    assert not _update(tmp_path).problems

    assert _runs(tmp_path) == {f"{VARIANT}/seed0"}


@pytest.mark.parametrize("state", ["failed", "interrupted", "running"])
def test_only_finished_runs_count(tmp_path, add_run, state):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    add_run(2, SEED_1, state=state)

    _update(tmp_path)

    assert _points(tmp_path, f"{VARIANT}/mean", "train/loss") == LOSSES["mean"]
    assert f"{VARIANT}/seed2" not in _runs(tmp_path)


def test_unlike_seeds_have_no_mean_and_a_line_says_why(tmp_path, add_run):
    add_run(0, SEED_0, {"train": {"rate": 0.1}})
    add_run(1, SEED_1, {"train": {"rate": 0.2}})

    (problem,) = _update(tmp_path).problems

    assert problem == (
        f"{VARIANT}: no mean over seeds: train.rate is 0.1 for seed 0, 0.2 for seed 1"
    )
    assert _runs(tmp_path) == {f"{VARIANT}/seed0", f"{VARIANT}/seed1"}


def test_a_seed_without_curves_is_named(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    add_run(2, None)

    (problem,) = _update(tmp_path).problems

    assert problem == (f"{VARIANT}: no mean over seeds: seed 2: nothing in metrics.csv")
    assert f"{VARIANT}/mean" not in _runs(tmp_path)


def test_records_alone_are_no_problem(tmp_path, add_run):
    add_run(0, None)
    add_run(1, None)

    assert not _update(tmp_path).problems


def test_a_copy_with_another_result_is_no_copy(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    (tmp_path / VARIANT / "seed1").rename(tmp_path / VARIANT / "other_seed1")
    add_run(1, SEED_1, values={"test/accuracy": 1.0})

    (problem,) = _update(tmp_path).problems

    assert "no mean over seeds: method seed 1 has two results: 70 and 1" in problem


def test_a_copy_of_a_run_counts_once(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    copy = tmp_path / VARIANT / "copy_of_seed1"
    (tmp_path / VARIANT / "seed1").rename(copy)
    add_run(1, SEED_1)

    _update(tmp_path)

    assert _points(tmp_path, f"{VARIANT}/mean", "train/loss") == LOSSES["mean"]


def test_a_run_and_its_copy_are_no_two_seeds(tmp_path, add_run):
    run = add_run(0, SEED_0)
    run.folder.path.rename(run.folder.path.with_name("copy_of_seed0"))
    add_run(0, SEED_0)

    _update(tmp_path)

    assert f"{VARIANT}/mean" not in _runs(tmp_path)


def test_a_run_with_event_files_of_its_own_is_not_repeated(tmp_path, add_run):
    for seed, curves in enumerate((SEED_0, SEED_1)):
        add_run(seed, curves).folder.tensorboard.mkdir()

    _update(tmp_path)

    assert _runs(tmp_path) == {f"{VARIANT}/{name}" for name in ("mean", "min", "max")}


def test_a_run_without_has_its_curves_hyperparameters_and_figures(tmp_path, add_run):
    run = add_run(3, SEED_0, {"train": {"rate": 0.5, "ema": None}})
    png = _picture(run.folder.figures / "filters.png")

    _update(tmp_path)

    events = _read(tmp_path, f"{VARIANT}/seed3")
    assert _points(tmp_path, f"{VARIANT}/seed3", "train/loss") == [(2, 1.0), (4, 0.5)]
    (image,) = events.Tensors("figures/filters")
    assert image.tensor_proto.string_val[2] == png
    content = events.summary_metadata["_hparams_/session_start_info"]
    found = hparams_metadata.parse_session_start_info_plugin_data(
        content.plugin_data.content
    ).hparams
    assert found["Seed"].number_value == 3
    assert found["Variant"].string_value == "method"
    assert found["train.rate"].number_value == 0.5
    assert found["train.ema"].string_value == "none"


def test_the_claims_are_a_table_for_each_paper_that_ran(tmp_path, add_run):
    claim = ValueClaim(
        id="accurate", kind="value", variant="method", metric="test/accuracy",
        better="higher", source="Table 1", value=71.0, tolerance=2.0,
    )  # fmt: skip
    papers = [
        PaperClaims(slug, [claim], {"method": 10}, {"method": (0,)})
        for slug in ("some_paper", "never_run")
    ]
    add_run(0, SEED_0)

    _update(tmp_path, papers)

    events = _read(tmp_path, "claims")
    assert events.Tags()["tensors"] == ["some_paper"]
    (event,) = events.Tensors("some_paper")
    head, _, row, *_ = event.tensor_proto.string_val[0].decode().splitlines()
    assert head.startswith("| Claim | Published | Measured | n | Difference |")
    assert row.startswith("| accurate | 71 | 70.00 | 1 | -1.00 | glyphs (stand-in) |")


def test_figures_over_runs_are_images(tmp_path, add_run):
    add_run(0, SEED_0)
    png = _picture(tmp_path / "some_paper/small/figures/glyphs/progress.png")

    _update(tmp_path)

    (image,) = _read(tmp_path, "some_paper/small/figures/glyphs").Tensors(
        "figures/progress"
    )
    assert image.tensor_proto.string_val[2] == png


def test_figures_drawn_anew_replace_those_of_their_folder_only(tmp_path, add_run):
    add_run(0, SEED_0)
    folder = tmp_path / "some_paper/small/figures/glyphs"
    _picture(folder / "progress.png")
    _update(tmp_path)
    before = _runs(tmp_path)
    png = _picture(folder / "progress.png", width=9)

    assert write_summary_figures(tmp_path, folder) == []

    events = _read(tmp_path, "some_paper/small/figures/glyphs")
    (image,) = events.Tensors("figures/progress")
    assert image.tensor_proto.string_val[2] == png
    assert _runs(tmp_path) == before
    changes = _update(tmp_path)
    assert changes.written == 0


def test_nothing_is_written_where_nothing_changed(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    first = _update(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*tfevents*")}

    again = _update(tmp_path)

    assert (first.runs, first.written) == (5, 5)
    assert (again.runs, again.written, again.removed) == (5, 0, 0)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*tfevents*")} == before


def test_a_changed_seed_changes_the_curves_that_it_is_part_of(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    _update(tmp_path)
    add_run(1, {"train/loss": {2: 3.0, 4: 3.5}, "test/accuracy": {4: 75.0}})

    changes = _update(tmp_path)

    # Seed 1, the mean and the maximum; seed 0 and the minimum stay.
    assert changes.written == 3
    # (1 + 3) / 2 and (0.5 + 3.5) / 2.
    assert _points(tmp_path, f"{VARIANT}/mean", "train/loss") == [(2, 2.0), (4, 2.0)]


def test_what_was_deleted_from_the_output_vanishes(tmp_path, add_run):
    add_run(0, SEED_0)
    add_run(1, SEED_1)
    run = add_run(0, SEED_0, variant="other", run_name="other")
    _update(tmp_path)
    assert "some_paper/small/other/seed0" in _runs(tmp_path)
    for path in run.folder.path.iterdir():
        path.unlink()

    changes = _update(tmp_path)

    assert changes.removed == 1
    assert not (tmp_path / "summary/some_paper/small/other").exists()
    assert f"{VARIANT}/mean" in _runs(tmp_path)


def test_files_that_somebody_else_put_there_stay(tmp_path, add_run):
    add_run(0, SEED_0)
    notes = tmp_path / "summary" / "mine" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.touch()

    _update(tmp_path)

    assert notes.exists()


@pytest.mark.parametrize("name", ["metrics.csv", "config.yaml"])
def test_a_damaged_file_is_named_and_its_run_left_out(tmp_path, add_run, name):
    for seed, curves in enumerate((SEED_0, SEED_1, SEED_1)):
        run = add_run(seed, curves, {"a": 1})
    (run.folder.path / name).write_bytes(b"\xff\x00")

    (problem,) = _update(tmp_path).problems

    assert f"{VARIANT}/seed2/{name}" in problem
    assert _points(tmp_path, f"{VARIANT}/mean", "train/loss") == LOSSES["mean"]


def test_a_damaged_figure_is_named_and_left_out(tmp_path, add_run):
    run = add_run(0, SEED_0)
    _picture(run.folder.figures / "good.png")
    (run.folder.figures / "bad.png").write_bytes(b"no picture")

    (problem,) = _update(tmp_path).problems

    assert "bad.png: not a readable PNG" in problem
    tags = _read(tmp_path, f"{VARIANT}/seed0").Tags()["tensors"]
    assert [tag for tag in tags if tag.startswith("figures/")] == ["figures/good"]


def test_a_record_that_names_another_place_writes_only_below_summary(
    tmp_path, make_record
):
    output = tmp_path / "runs"
    record = make_record({"test/a": 1.0}, paper="../../elsewhere", run_name="/etc")
    folder = output / "p" / "small" / "v" / "seed0"
    folder.mkdir(parents=True)
    write_record(folder / "record.json", record)

    _update(output)

    assert _runs(output) == {"p/small/v/seed0"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_folder_that_cannot_be_written_raises_an_oserror(tmp_path, add_run):
    add_run(0, SEED_0)
    (tmp_path / "summary").touch()

    with pytest.raises(OSError, match="summary"):
        _update(tmp_path)


def test_an_unchanged_summary_of_200_runs_takes_less_than_a_second(tmp_path, add_run):
    curves = {"train/a": {step: 1 / (step + 1) for step in range(100)}}
    for number in range(200):
        name = f"v{number % 40}"
        run = add_run(number // 40, curves, variant=name, run_name=name)
        run.folder.tensorboard.mkdir()
    _update(tmp_path)
    started = time.process_time()

    changes = _update(tmp_path)

    assert (changes.runs, changes.written) == (3 * 40, 0)
    # 0.1 s, mostly; 5,000 runs take two seconds.
    assert time.process_time() - started < 1.0
