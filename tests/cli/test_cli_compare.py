"""`cai compare`: what a person and a program see, and the exit codes of gates."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from PIL import Image

from cai_keras.cli import papers
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.config import resolved_yaml

METRIC = "test/one_shot_accuracy_percent"
_IMPORTS = """
import json, sys
from cai_keras.cli.main import main
main()
heavy = {"tensorflow", "keras", "tensorflow_datasets", "jax", "torch"}
print(json.dumps(sorted(heavy & set(sys.modules))), file=sys.stderr)
"""


@pytest.fixture
def write(tmp_path, siamese_record):
    """Function from a folder's name and an accuracy to a whole run in it."""

    def make(output, accuracy, steps=800, **changes):
        record = siamese_record(accuracy, **changes)
        place = (record.paper, record.scale, record.run_name, record.seed)
        folder = RunFolder.of(tmp_path / output, *place)
        write_record(folder.record_path, record)
        paper = papers.find_paper(record.paper)
        recipe = paper.recipe("small", "conv", sets=[f"train.steps={steps}"])
        folder.config_path.write_text(resolved_yaml(recipe, record.seed))
        name = "validation/one_shot_accuracy_percent"
        rows = [f"{step},{name},{accuracy - 10 / step}" for step in (1, 2, 4)]
        folder.metrics_path.write_text("\n".join(["step,metric,value", *rows, ""]))
        return folder.path

    return make


@pytest.fixture
def sides(write, tmp_path):
    """Two folders of `conv`; B is better by 1 and 3 points, and has more steps."""
    for seed, (a, b) in enumerate([(80.0, 81.0), (82.0, 85.0)]):
        write("a", a, seed=seed)
        write("b", b, seed=seed, steps=900)
    return tmp_path / "a", tmp_path / "b"


def _words(text: str) -> str:
    """Without the lines of tables and the white space between cells."""
    return " ".join(text.replace("│", " ").split())


def test_config_and_metric_differences_are_shown(cai, sides):
    result = cai("compare", *sides)

    text = _words(result.output)
    assert (result.code, result.errors) == (0, "")
    assert "pairs: seed 0, seed 1" in text
    assert "train.steps 800 900" in text
    # Differences 1 and 3: mean 2; t(0.975, 1) sqrt(2) / sqrt(2) = 12.71.
    assert f"{METRIC} 81.00 83.00 +2.00 [-10.71, +14.71] 2" in text
    assert "train seconds 1.0 1.0 1.000" in text
    assert "Student's t" in text


def test_the_same_runs_are_identical(cai, sides):
    result = cai("compare", sides[0], sides[0])

    text = _words(result.output)
    assert "config: equal" in text
    assert f"{METRIC} 81.00 81.00 identical" in text


def test_a_key_that_an_older_run_does_not_name_has_the_engines_default(cai, write):
    a, b = write("a", 80.0), write("b", 80.0)
    config = yaml.safe_load((a / "config.yaml").read_text())
    del config["recipe"]["train"]["accumulate"]
    (a / "config.yaml").write_text(yaml.safe_dump(config))

    assert "config: equal" in cai("compare", a, b).output


def test_a_key_that_this_version_no_longer_has_is_shown(cai, write):
    a, b = write("a", 80.0), write("b", 80.0)
    config = yaml.safe_load((b / "config.yaml").read_text())
    config["recipe"]["train"]["forgotten"] = 7
    (b / "config.yaml").write_text(yaml.safe_dump(config))

    result = cai("compare", a, b)

    assert result.code == 0
    assert "train.forgotten absent 7" in _words(result.output)


def test_a_damaged_config_is_named(cai, write):
    a, b = write("a", 80.0), write("b", 80.0)
    (b / "config.yaml").write_text("recipe: [")

    result = cai("compare", a, b)

    assert result.code == 2
    assert str(b / "config.yaml") in result.errors
    assert len(result.errors.splitlines()) <= 2


def test_folders_of_several_variants_pair_by_name(cai, sides, write):
    pixels = {"variant": "pixels", "run_name": "pixels"}
    write("a", 20.0, **pixels)
    write("b", 20.0, **pixels)
    write("a", 60.0, variant="hausdorff", run_name="hausdorff")

    result = cai("compare", *sides)

    text = _words(result.output)
    assert f"siamese_one_shot/small/conv {METRIC} 81.00 83.00" in text
    assert "identical in every metric and pair: siamese_one_shot/small/pixels" in text
    assert "only in A: siamese_one_shot/small/hausdorff, seed 0" in text


def test_unlike_metrics_are_not_compared_and_the_reason_is_said(cai, write):
    result = cai("compare", write("a", 80.0), write("b", 80.0, data="digits"))

    assert result.code == 0
    assert f"not compared: {METRIC}: data set glyphs against digits" in result.output


def test_json_is_all_that_is_printed(cai, sides):
    result = cai("compare", *sides, "--json", "--gate", f"{METRIC}:+1.5")

    found = json.loads(result.output)
    (comparison,) = found["comparisons"]
    (metric,) = comparison["metrics"]
    assert (metric["metric"], metric["difference"], metric["count"]) == (METRIC, 2.0, 2)
    assert metric["interval"]["method"] == "t"
    assert comparison["seeds"] == [[0, 0], [1, 1]]
    assert {"key": "train.steps", "a": "800", "b": "900"} in comparison["config"]
    assert {ratio["name"] for ratio in comparison["ratios"]} == {
        "examples_per_second", "train_seconds", "peak_memory_bytes",
    }  # fmt: skip
    assert found["gates"] == [
        {"gate": f"{METRIC}:+1.5", "passed": True, "failures": []}
    ]


class TestDamage:
    def test_a_damaged_record_in_a_folder_is_named_and_left_out(self, cai, sides):
        path = sides[1] / "siamese_one_shot/small/conv/seed1/record.json"
        path.write_text("{")

        result = cai("compare", *sides)

        named, error = result.errors.splitlines()
        assert result.code == 1
        assert named.startswith(f"left out: {path}: ")
        assert error == ("cai: error: 1 damaged file left out; the others are compared")
        # The pair that is left: 81 - 80.
        assert f"{METRIC} 80.00 81.00 +1.00" in _words(result.output)

    def test_json_names_it_too_and_a_file_of_both_sides_once(self, cai, sides):
        path = sides[0] / "siamese_one_shot/small/conv/seed1/record.json"
        path.write_text("{")

        result = cai("compare", sides[0], sides[0], "--json")

        (problem,) = json.loads(result.output)["damaged"]
        assert (result.code, problem.startswith(f"{path}: ")) == (1, True)

    def test_a_gate_that_says_no_is_the_stronger_code(self, cai, sides):
        (sides[1] / "siamese_one_shot/small/conv/seed1/record.json").write_text("{")

        result = cai("compare", *sides, "--gate", f"{METRIC}:+2")

        assert result.code == 3
        assert result.errors.startswith("left out: ")

    def test_a_damaged_run_that_is_named_itself_is_wrong_usage(self, cai, sides):
        runs = [side / "siamese_one_shot/small/conv/seed1" for side in sides]
        (runs[1] / "record.json").write_text("{")

        result = cai("compare", *runs)

        assert result.code == 2
        assert result.errors.startswith(f"cai: error: {runs[1] / 'record.json'}: ")


class TestGates:
    def test_a_gate_that_passes_says_so(self, cai, sides):
        result = cai("compare", *sides, "--gate", f"{METRIC}:+2")

        assert (result.code, result.errors) == (0, "")
        assert f"gate {METRIC}:+2: passed" in result.output

    def test_gates_that_fail_are_exit_code_3_with_a_line_each(self, cai, sides):
        gates = [f"{METRIC}:+2.5", f"{METRIC}:<=1", f"{METRIC}:-5"]
        options = [word for gate in gates for word in ("--gate", gate)]

        result = cai("compare", *sides, *options)

        first, second = result.errors.splitlines()
        assert result.code == 3
        assert first.startswith(f"cai: error: gate {METRIC}:+2.5: ")
        assert second.startswith(f"gate {METRIC}:<=1: ")
        assert "B - A is +2 (n = 2), at least +2.5 was asked" in first
        assert f"gate {METRIC}:-5: passed" in result.output
        assert "+2.00" in result.output  # the tables come first

    def test_every_variant_must_pass(self, cai, sides, write):
        pixels = {"variant": "pixels", "run_name": "pixels"}
        write("a", 20.0, **pixels)
        write("b", 19.0, **pixels)

        result = cai("compare", *sides, "--gate", f"{METRIC}:-0.5")

        assert result.code == 3
        (line,) = result.errors.splitlines()
        assert "siamese_one_shot/small/pixels: B - A is -1" in line

    def test_a_run_that_fails_in_b_fails_the_gate(self, cai, sides, write):
        write("a", 80.0, seed=2)
        write("b", 80.0, seed=2, state="failed", reason="the loss is nan")

        result = cai("compare", *sides, "--gate", f"{METRIC}:-50")

        assert result.code == 3
        assert "seed 2: failed in B (the loss is nan)" in result.errors

    def test_an_unknown_metric_is_wrong_usage_with_the_nearest_name(self, cai, sides):
        result = cai("compare", *sides, "--gate", "test/one_shot_acuracy_percent:0")

        assert result.code == 2
        assert f"did you mean '{METRIC}'?" in result.errors

    def test_a_gate_of_another_form_is_wrong_usage_before_anything_is_read(self, cai):
        result = cai("compare", "nowhere", "nowhere", "--gate", "accuracy=1")

        assert result.code == 2
        assert "expected METRIC:+X" in result.errors


class TestPicture:
    @pytest.mark.parametrize("name", ["curves.png", "below/curves.svg"])
    def test_the_curves_are_drawn_in_the_format_of_the_name(
        self, cai, sides, tmp_path, name
    ):
        path = tmp_path / name

        result = cai("compare", *sides, "--picture", path)

        assert result.code == 0, result.errors
        assert f"picture: {path}" in result.output
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 200
        else:
            assert "<svg" in path.read_text()

    def test_no_path_of_this_machine_stands_in_the_picture(self, cai, sides, tmp_path):
        path = tmp_path / "curves.svg"

        cai("compare", *sides, "--picture", path)

        assert str(tmp_path) not in path.read_text()

    def test_another_ending_is_wrong_usage(self, cai, sides, tmp_path):
        path = tmp_path / "curves.gif"

        result = cai("compare", *sides, "--picture", path)

        assert (result.code, path.exists()) == (2, False)
        assert ".png or .svg" in result.errors


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("a", "c", "no such run or folder"),
        ("a", ".", "hold the same run"),
        ("a", "empty", "no run below it"),
    ],
)
def test_wrong_paths_are_wrong_usage(cai, sides, tmp_path, a, b, message):
    (tmp_path / "empty").mkdir()

    result = cai("compare", tmp_path / a, tmp_path / b)

    assert result.code == 2
    assert message in result.errors
    assert len(result.errors.splitlines()) == 1


def test_runs_without_a_seed_in_common_are_wrong_usage(cai, write, tmp_path):
    for seed in (0, 1):
        write("a", 80.0, seed=seed)
    write("b", 80.0, seed=2)

    result = cai("compare", tmp_path / "a", tmp_path / "b")

    assert result.code == 2
    assert "no seed is finished in both" in result.errors


def test_folders_without_a_variant_in_common_are_wrong_usage(cai, sides, write):
    write("a", 20.0, variant="pixels", run_name="pixels")
    other = write("c", 20.0, variant="hausdorff", run_name="hausdorff")

    result = cai("compare", sides[0], other)

    assert result.code == 2
    assert "have no variant in common" in result.errors


def test_comparing_imports_neither_tensorflow_nor_keras(sides, tmp_path):
    arguments = ["compare", *map(str, sides), "--picture", str(tmp_path / "x.png")]

    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *arguments],
        capture_output=True, text=True, check=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )  # fmt: skip

    assert json.loads(done.stderr.splitlines()[-1]) == []
