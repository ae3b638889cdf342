"""`cai train`, `cai evaluate` and `cai figure` on runs of a few steps."""

import csv
import json
import shutil

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from cai_keras.reporting.record import read_record, write_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
SMOKE = ("train", PAPER, "--scale", "smoke")
ACCURACY = "one_shot_accuracy_percent"


@pytest.fixture(scope="module")
def trained(cai, tmp_path_factory):
    """(output folder, result) of a smoke run of `pixels` and `conv`."""
    output = tmp_path_factory.mktemp("trained")
    result = cai(*SMOKE, "--variant", "pixels,conv", "--output", output)
    assert result.code == 0, result.errors
    return output, result


@pytest.fixture
def output(trained, tmp_path):
    """A copy of the trained folder, for tests that change it."""
    return shutil.copytree(trained[0], tmp_path / "runs")


def _run(output, variant: str) -> RunFolder:
    return RunFolder.of(output, PAPER, "smoke", variant, 0)


def _events(folder) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def _scalars(events: EventAccumulator, tag: str) -> dict[int, float]:
    return {
        event.step: float(tensor_util.make_ndarray(event.tensor_proto))
        for event in events.Tensors(tag)
    }


def _csv_values(folder: RunFolder, metric: str) -> dict[int, float]:
    with open(folder.metrics_path, newline="") as file:
        return {
            int(row["step"]): float(row["value"])
            for row in csv.DictReader(file)
            if row["metric"] == metric
        }


class TestTrain:
    @pytest.mark.parametrize(
        "name",
        [
            "config.yaml", "record.json", "metrics.csv", "log.txt", "checkpoints",
            "tb/train", "tb/validation", "figures/trials.png", "figures/filters.png",
            "checkpoints/siamese.keras", "tb/embeddings/projector_config.pbtxt",
        ],
    )  # fmt: skip
    def test_a_run_leaves_every_file_of_the_contract(self, trained, name):
        assert (_run(trained[0], "conv").path / name).exists()

    def test_the_record_says_what_was_done(self, trained):
        record = read_record(_run(trained[0], "conv").record_path)

        assert (record.state, record.reason) == ("done", None)
        assert (record.steps_planned, record.steps_done) == (4, 4)
        assert (record.paper, record.scale, record.seed) == (PAPER, "smoke", 0)
        assert (record.dataset.name, record.dataset.stand_in) == ("glyphs", True)
        assert (record.global_batch, record.overrides) == (4, [])
        # 20 runs of 20 items, and the 40 pairs of the smoke scale.
        assert record.metrics[f"test/{ACCURACY}"].count == 400
        assert record.metrics["test/verification_accuracy_percent"].count == 40

    def test_a_method_that_learns_nothing_has_a_null_with_a_reason(self, trained):
        record = read_record(_run(trained[0], "pixels").record_path)

        verification = record.metrics["test/verification_accuracy_percent"]
        assert verification.value is None
        assert verification.reason
        assert record.steps_done == 0

    def test_the_config_is_the_resolved_recipe(self, trained):
        config = yaml.safe_load(_run(trained[0], "conv").config_path.read_text())

        assert (config["paper"], config["variant"]) == (PAPER, "conv")
        assert config["recipe"]["train"]["steps"] == 4
        assert config["recipe"]["data"]["spec"] == "embedded:glyphs"

    def test_the_log_ends_with_the_run_being_done(self, trained):
        lines = _run(trained[0], "conv").log_path.read_text().splitlines()

        assert lines[-1].split(" ", 1)[1].strip() == "done at step 4"

    def test_the_tables_are_written_without_smoke_runs(self, trained):
        output, _ = trained

        with open(output / "table.csv", newline="") as file:
            verdicts = {row["verdict"] for row in csv.DictReader(file)}
        assert verdicts == {"not run"}
        assert "No finished run." in (output / "TABLE.md").read_text()

    def test_the_terminal_shows_progress_results_and_where_the_table_is(self, trained):
        output, result = trained

        assert "2 of 2 runs to do" in result.output
        assert "conv seed 0: step 4 of 4" in result.output
        assert "siamese/verification" in result.output
        assert f"table: {output / 'TABLE.md'}" in result.output
        # The note stands there where this session had no glyphs yet.
        assert result.errors in ("", "preparing glyphs, once\n")

    def test_a_finished_run_is_not_done_again(self, cai, output):
        before = _run(output, "conv").record_path.read_bytes()

        result = cai(*SMOKE, "--variant", "pixels,conv", "--output", output)

        assert result.code == 0
        assert result.output.count("done already") == 2
        assert "0 of 2 runs to do" in result.output
        assert _run(output, "conv").record_path.read_bytes() == before

    def test_a_run_with_another_config_is_not_replaced(self, cai, output):
        before = _run(output, "pixels").record_path.read_bytes()
        change = ("--set", "evaluate.validation_runs=3")

        result = cai(*SMOKE, "--variant", "pixels", *change, "--output", output)

        assert result.code == 2
        assert "holds a run with another config" in result.errors
        assert str(_run(output, "pixels").path) in result.errors
        assert _run(output, "pixels").record_path.read_bytes() == before

    def test_overwrite_replaces_the_run_and_all_its_files(self, cai, output):
        folder = _run(output, "pixels")
        (folder.path / "evaluations").mkdir()
        change = ("--set", "evaluate.validation_runs=3", "--overwrite")

        result = cai(*SMOKE, "--variant", "pixels", *change, "--output", output)

        assert result.code == 0
        record = read_record(folder.record_path)
        assert record.overrides == ["evaluate.validation_runs=3"]
        assert record.metrics[f"validation/{ACCURACY}"].count == 60  # 3 runs of 20
        assert not (folder.path / "evaluations").exists()

    def test_an_unfinished_run_is_not_touched_without_resume(self, cai, output):
        folder = _run(output, "conv")
        record = read_record(folder.record_path)
        interrupted = record.model_copy(update={"state": "interrupted"})
        write_record(folder.record_path, interrupted)

        result = cai(*SMOKE, "--variant", "conv", "--output", output)

        assert result.code == 2
        assert "is interrupted; continue with --resume" in result.errors

    def test_resume_finishes_an_unfinished_run(self, cai, output):
        folder = _run(output, "conv")
        record = read_record(folder.record_path)
        changes = {"state": "interrupted", "metrics": {}, "steps_done": 2}
        write_record(folder.record_path, record.model_copy(update=changes))

        result = cai(*SMOKE, "--variant", "conv", "--resume", "--output", output)

        assert result.code == 0
        again = read_record(folder.record_path)
        assert (again.state, again.steps_done) == ("done", 4)
        assert again.metrics == record.metrics

    def test_a_loss_that_is_not_finite_fails_the_run_and_the_call(self, cai, tmp_path):
        # The first step multiplies the weights out of float32's range.
        change = ("--set", "train.optimizers.siamese.learning_rate=1.0e+38")

        result = cai(*SMOKE, "--variant", "conv", *change, "--output", tmp_path)

        assert result.code == 1
        assert "1 of 1 runs failed" in result.errors
        record = read_record(_run(tmp_path, "conv").record_path)
        assert record.state == "failed"
        assert "update 'siamese': the loss" in record.reason


class TestEvaluate:
    def test_a_checkpoint_gives_the_records_numbers_again(self, cai, output):
        folder = _run(output, "conv")
        record = read_record(folder.record_path)

        result = cai("evaluate", folder.path)

        assert result.code == 0, result.errors
        (path,) = (folder.path / "evaluations").glob("*.json")
        again = read_record(path)
        assert again.metrics == record.metrics
        assert again.dataset == record.dataset
        assert read_record(folder.record_path) == record
        assert ACCURACY in result.output

    def test_the_record_itself_names_the_run_too(self, cai, output):
        folder = _run(output, "pixels")

        result = cai("evaluate", folder.record_path)

        assert result.code == 0, result.errors
        assert len(list((folder.path / "evaluations").glob("*.json"))) == 1

    def test_an_evaluation_is_not_counted_as_a_run(self, cai, output):
        cai("evaluate", _run(output, "pixels").path)

        (paper,) = [
            paper
            for paper in json.loads(cai("list", "--json", "--output", output).output)
            if paper["slug"] == PAPER
        ]
        assert paper["runs"] == 2

    def test_a_run_that_is_not_done_is_refused(self, cai, output):
        folder = _run(output, "conv")
        record = read_record(folder.record_path)
        failed = record.model_copy(update={"state": "failed", "reason": "nan"})
        write_record(folder.record_path, failed)

        result = cai("evaluate", folder.path)

        assert result.code == 2
        assert "the run is failed, not done" in result.errors

    def test_a_run_without_its_checkpoint_says_so(self, cai, output):
        folder = _run(output, "conv")
        shutil.rmtree(folder.checkpoints)

        result = cai("evaluate", folder.path)

        assert result.code == 1
        assert "no checkpoint" in result.errors
        assert str(folder.checkpoints) in result.errors


class TestFigure:
    def test_a_runs_own_figure_is_drawn_again(self, cai, output):
        picture = _run(output, "conv").figures / "filters.png"
        picture.write_bytes(b"old")

        result = cai("figure", f"{PAPER}:filters", "--output", output)

        assert result.code == 0, result.errors
        assert result.output.splitlines() == [str(picture)]
        assert picture.read_bytes().startswith(b"\x89PNG")

    def test_unfinished_runs_are_not_drawn(self, cai, output):
        for variant in ("conv", "pixels"):
            path = _run(output, variant).record_path
            write_record(path, read_record(path).model_copy(update={"state": "failed"}))

        result = cai("figure", PAPER, "--output", output)

        assert result.code == 2
        assert f"no finished run of {PAPER}" in result.errors

    def test_an_unknown_figure_gives_the_nearest_name(self, cai, output):
        result = cai("figure", f"{PAPER}:filter", "--output", output)

        assert result.code == 2
        assert "unknown figure 'filter'; did you mean 'filters'?" in result.errors

    def test_smoke_runs_are_never_drawn_together(self, cai, output):
        result = cai("figure", f"{PAPER}:accuracies", "--output", output)

        assert result.code == 2
        assert "no run above the scale smoke" in result.errors
        assert not (output / PAPER / "smoke" / "figures").exists()


class TestTensorBoard:
    def test_training_losses_are_those_of_the_csv(self, trained):
        folder = _run(trained[0], "conv")

        found = _scalars(_events(folder.tensorboard / "train"), "siamese/total")

        expected = _csv_values(folder, "train/siamese/total")
        assert sorted(found) == [2, 4]  # log_every: 2
        assert found == pytest.approx(expected)

    def test_validation_and_test_metrics_are_those_of_the_record(self, trained):
        folder = _run(trained[0], "conv")
        metrics = read_record(folder.record_path).metrics

        for split, steps in (("validation", [2, 4]), ("test", [4])):
            found = _scalars(_events(folder.tensorboard / split), ACCURACY)
            assert sorted(found) == steps
            assert found[4] == pytest.approx(metrics[f"{split}/{ACCURACY}"].value)

    def test_the_runs_figures_are_images(self, trained):
        events = _events(_run(trained[0], "conv").tensorboard / "figures")

        assert sorted(events.Tags()["tensors"]) == ["figures/filters", "figures/trials"]
        (event,) = events.Tensors("figures/trials")
        width, height, png = event.tensor_proto.string_val
        assert png.startswith(b"\x89PNG")
        assert int.from_bytes(png[16:20], "big") == int(width)
        assert int.from_bytes(png[20:24], "big") == int(height)

    def test_hyperparameters_are_the_recipe_without_any_none(self, trained):
        events = _events(_run(trained[0], "conv").tensorboard)
        contents = events.PluginTagToContent("hparams")

        (content,) = contents.values()
        parsed = plugin_data_pb2.HParamsPluginData.FromString(content)
        values = parsed.session_start_info.hparams
        kinds = {name: value.WhichOneof("kind") for name, value in values.items()}
        assert set(kinds.values()) <= {"number_value", "string_value", "bool_value"}
        assert values["train.steps"].number_value == 4
        assert values["Seed"].number_value == 0
        assert values["Variant"].string_value == "conv"
        assert values["data.spec"].string_value == "embedded:glyphs"
        assert values["train.deterministic"].bool_value is True
        # The recipe has `weight_decay: null`, which TensorBoard would not show.
        name = "train.optimizers.siamese.weight_decay"
        assert values[name].string_value == "none"
