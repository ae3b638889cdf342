"""`cai verify` on runs of a few steps, trained again in processes of their own."""

import json
import shutil
import sys
from unittest import mock

import pytest

from cai_keras.cli import verify
from cai_keras.reporting.record import read_record, write_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
METRIC = "test/one_shot_accuracy_percent"


# In the place of training: copies the run of these names out of another folder.
_COPY = """
import pathlib, shutil, sys
source, run, output = map(pathlib.Path, sys.argv[1:])
names = run.parts[-4:]
shutil.copytree(source.joinpath(*names), output.joinpath(*names))
"""


@pytest.fixture(scope="module")
def trained(cai, tmp_path_factory):
    """A run of `conv` at the smoke scale, and two copies as if of other seeds."""
    output = tmp_path_factory.mktemp("verify")
    smoke = ("train", PAPER, "--scale", "smoke", "--output", output)
    result = cai(*smoke, "--variant", "conv")
    assert result.code == 0, result.errors
    for seed in (1, 2):
        shutil.copytree(_run(output).path, _run(output, seed).path)
        _change(_run(output, seed), seed=seed)
    return output


@pytest.fixture
def output(trained, tmp_path):
    """A copy of the runs, to change."""
    return shutil.copytree(trained, tmp_path / "runs")


@pytest.fixture
def copied(trained):
    """What is trained again comes out as in `trained`, at once."""
    command = (sys.executable, "-I", "-c", _COPY, str(trained))
    with mock.patch.object(verify, "_RERUN", command):
        yield


def _run(output, seed=0) -> RunFolder:
    return RunFolder.of(output, PAPER, "smoke", "conv", seed)


def _change(folder: RunFolder, accuracy=None, **changes) -> None:
    """Rewrites a record, as if the run had given another accuracy."""
    record = read_record(folder.record_path)
    if accuracy is not None:
        metric = record.metrics[METRIC].model_copy(update={"value": accuracy})
        changes["metrics"] = {**record.metrics, METRIC: metric}
    write_record(folder.record_path, record.model_copy(update=changes))


def test_a_run_trained_again_on_this_machine_is_identical(cai, trained, tmp_path):
    report = tmp_path / "verified.json"

    result = cai("verify", _run(trained).path, "--report", report)

    assert (result.code, result.errors) == (0, "")
    assert "training 1 of 1 records again: about" in result.output
    assert "1 record trained again: 1 identical" in result.output
    (run,) = json.loads(report.read_text())["runs"]
    assert run["outcome"] == "identical"
    assert run["curves"].startswith("identical in all")
    record = read_record(_run(trained).record_path)
    assert {m["metric"]: m["now"] for m in run["metrics"]} == {
        name: metric.value for name, metric in record.metrics.items()
    }


def test_the_new_run_has_the_records_threads_and_seed_and_is_kept(
    cai, output, tmp_path
):
    machine = read_record(_run(output, 1).record_path).machine
    single = machine.model_copy(update={"intra_op_threads": 1, "inter_op_threads": 3})
    _change(_run(output, 1), machine=single)
    kept = tmp_path / "kept"

    result = cai("verify", _run(output, 1).path, "--output", kept)

    again = read_record(_run(kept, 1).record_path)
    assert (again.machine.intra_op_threads, again.machine.inter_op_threads) == (1, 3)
    assert (again.seed, again.state) == (1, "done")
    # The record has seed 0's numbers, which seed 1 does not repeat.
    assert (result.code, "1 different" in result.output) == (3, True)
    assert "curves (metrics.csv)" in result.output
    assert "part at step 2" in result.output
    assert "threads" not in result.output  # as recorded


def test_a_run_that_cannot_be_trained_is_a_failure(cai, output):
    config = _run(output).config_path
    config.write_text(config.read_text().replace("recipe:", "recipes:"))

    result = cai("verify", _run(output).path)

    assert result.code == 1
    assert "1 of 1 failed: siamese_one_shot/smoke/conv seed 0" in result.errors
    assert "not the resolved config.yaml of a run" in result.output


@pytest.mark.usefixtures("copied")
class TestOutcomes:
    def test_a_changed_number_is_different_and_a_gate(self, cai, output, tmp_path):
        _change(_run(output), accuracy=99.0)
        for seed in (1, 2):
            shutil.rmtree(_run(output, seed).path)
        report = tmp_path / "verified.md"

        result = cai("verify", output, "--report", report)

        assert result.code == 3
        assert result.errors == (
            "cai: error: 1 of 1 are different: siamese_one_shot/smoke/conv seed 0\n"
        )
        text = report.read_text()
        assert f"| {METRIC} | 99 |" in text
        assert "1 record trained again: 1 different" in text
        assert str(tmp_path) not in text

    def test_a_number_near_the_other_seeds_is_within_the_interval(self, cai, output):
        for seed, accuracy in enumerate([0.0, 50.0, 100.0]):
            _change(_run(output, seed), accuracy=accuracy)

        # Of one run alone: its seeds are those beside it.
        result = cai("verify", _run(output, 1).path)

        assert result.code == 0, result.errors
        assert "1 within the interval" in result.output
        # mean 50, sd 50, t(0.975, 2) = 4.30265: half width
        # 4.30265 * 50 * sqrt(4/3) = 248.414.
        assert "[-198.414, 298.414]" in result.output

    def test_a_tolerance_is_in_the_metrics_unit(self, cai, output):
        value = read_record(_run(output).record_path).metrics[METRIC].value
        _change(_run(output), accuracy=value + 0.5)

        result = cai("verify", _run(output).path, "--tolerance", f"{METRIC}:0.5")

        assert result.code == 0, result.errors
        assert "1 within the tolerance" in result.output

    def test_a_failure_does_not_stop_the_others(self, cai, output, tmp_path):
        _change(_run(output, 2), seed=7)
        _run(output, 2).path.rename(_run(output, 7).path)  # the copy has no such run
        report = tmp_path / "verified.json"

        result = cai("verify", output, "--report", report)

        assert result.code == 1
        assert "1 of 3 failed: siamese_one_shot/smoke/conv seed 7" in result.errors
        assert "3 records trained again: 2 identical, 1 failed" in result.output
        runs = json.loads(report.read_text())["runs"]
        assert [run["outcome"] for run in runs] == ["identical", "identical", "failed"]
        assert "No such file" in runs[2]["failure"]

    def test_a_damaged_record_in_a_folder_is_named_and_left_out(
        self, cai, output, tmp_path
    ):
        _run(output, 1).record_path.write_text("{")
        report = tmp_path / "verified.md"

        result = cai("verify", output, "--report", report)

        named, error = result.errors.splitlines()
        assert result.code == 1
        assert named.startswith(f"left out: {_run(output, 1).record_path}: ")
        assert error == "cai: error: 1 damaged file left out; the others are verified"
        assert "2 records trained again: 2 identical" in result.output
        text = report.read_text()
        assert "- damaged: siamese_one_shot/smoke/conv/seed1/record.json: " in text
        assert str(tmp_path) not in text

    def test_a_difference_is_the_stronger_code(self, cai, output):
        _run(output, 1).record_path.write_text("{")
        _change(_run(output), accuracy=99.0)

        result = cai("verify", output)

        assert result.code == 3
        assert result.errors.startswith("left out: ")

    def test_a_damaged_record_beside_a_run_is_named(self, cai, output):
        _run(output, 1).record_path.write_text("{")

        result = cai("verify", _run(output).path)

        assert result.code == 1
        assert f"left out: {_run(output, 1).record_path}: " in result.errors
        assert "1 record trained again: 1 identical" in result.output

    def test_a_damaged_run_that_is_named_itself_is_wrong_usage(self, cai, output):
        _run(output).record_path.write_text("{")

        result = cai("verify", _run(output).path)

        assert result.code == 2
        assert result.errors.startswith(f"cai: error: {_run(output).record_path}: ")

    def test_what_differs_around_the_runs_is_listed(self, cai, output):
        machine = read_record(_run(output).record_path).machine
        other = machine.model_copy(update={"cpu": "Another CPU"})
        _change(_run(output), machine=other)

        result = cai("verify", _run(output).path)

        (line,) = [line for line in result.output.splitlines() if "│ cpu" in line]
        assert "Another CPU" in line
        assert machine.cpu in line

    def test_a_sample_is_of_that_many_records(self, cai, output):
        result = cai("verify", output, "--sample", 2, "--seed", 3)

        assert result.code == 0, result.errors
        assert "training 2 of 3 records again: about" in result.output
        assert "2 records trained again: 2 identical" in result.output


def _with_data(spec: str):
    def change(folder: RunFolder) -> None:
        data = read_record(folder.record_path).dataset
        _change(folder, dataset=data.model_copy(update={"spec": spec}))

    return change


@pytest.mark.usefixtures("copied")
class TestSkipped:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (_with_data("folder:nowhere"), "no folder nowhere"),
            (_with_data("tfds:omniglot"), "cai data prepare tfds:omniglot"),
            (lambda run: _change(run, state="failed", reason="nan"), "it is failed"),
            (lambda run: _change(run, metrics={}), "has no metric"),
            (lambda run: run.config_path.unlink(), "it has no config.yaml"),
            (lambda run: _change(run, strategy="multiworker"), "use cai launch"),
            (lambda run: _change(run, paper="lost"), "there is no paper 'lost' here"),
        ],
    )
    def test_what_cannot_be_trained_here_is_skipped_with_the_reason(
        self, cai, output, change, reason
    ):
        change(_run(output))

        result = cai("verify", output)

        assert result.code == 0, result.errors
        assert "skipped 1 of 3: " in result.output
        assert reason in result.output
        assert "2 records trained again: 2 identical" in result.output

    def test_many_of_one_reason_are_one_line(self, cai, output):
        for seed in (0, 2):
            _with_data("folder:nowhere")(_run(output, seed))

        lines = cai("verify", output).output.splitlines()

        (line,) = [line for line in lines if line.startswith("skipped")]
        assert "skipped 2 of 3: siamese_one_shot/smoke/conv seed 0 and 1 more" in line

    def test_nothing_to_train_is_wrong_usage(self, cai, output):
        _change(_run(output), state="interrupted")

        result = cai("verify", _run(output).path)

        assert result.code == 2
        assert "none of 1 records can be trained here" in result.errors


class TestWrongUsage:
    def test_a_record_is_never_replaced(self, cai, trained):
        before = _run(trained).record_path.read_bytes()

        result = cai("verify", _run(trained).path, "--output", trained)

        assert result.code == 2
        assert "choose another --output" in result.errors
        assert _run(trained).record_path.read_bytes() == before

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--tolerance", "much"], "expected X or METRIC:X"),
            (["--tolerance", "test/one_shot_acuracy_percent:1"], f"'{METRIC}'"),
            (["--report", "x.txt"], ".md or .json"),
            (["--sample", "0"], "--sample"),
        ],
    )
    def test_wrong_options_are_refused_before_anything_is_trained(
        self, cai, trained, options, message
    ):
        result = cai("verify", trained, *options)

        assert result.code == 2
        assert message in result.errors
        assert "training" not in result.output

    def test_a_missing_folder_is_named(self, cai, tmp_path):
        result = cai("verify", tmp_path / "nowhere")

        assert result.code == 2
        assert "no such run or folder" in result.errors
