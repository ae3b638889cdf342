"""Verbs that need no TensorFlow, and errors of one or two lines."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from cai_keras.cli import inspect
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
_IMPORTS = """
import json, sys
from cai_keras.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
heavy = {"tensorflow", "keras", "tensorflow_datasets", "jax", "torch"}
print(json.dumps([code, sorted(heavy & set(sys.modules))]), file=sys.stderr)
"""


@pytest.fixture
def output(tmp_path, siamese_record):
    """A folder with two seeds of `conv` and one run of `pixels`."""
    pixels = {"variant": "pixels", "run_name": "pixels", "steps_planned": 0}
    records = [
        siamese_record(80.0),
        siamese_record(82.0, seed=1),
        siamese_record(20.0, parameters={}, **pixels),
    ]
    for record in records:
        place = (record.paper, record.scale, record.run_name, record.seed)
        write_record(RunFolder.of(tmp_path, *place).record_path, record)
    return tmp_path


def _error(result) -> str:
    """The error's text, after checking what holds for every wrong usage."""
    assert result.code == 2
    assert 1 <= len(result.errors.splitlines()) <= 2
    assert result.errors.startswith("cai: error: ")
    return result.errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["launch", "--help"],
        ["import", "--help"],
        ["compare", "--help"],
        ["verify", "--help"],
        ["list"],
        ["list", "--json"],
        ["show", PAPER],
        ["show", PAPER, "--scale", "paper", "--variant", "pixels", "--json"],
        ["report"],
        ["report", "--format", "csv"],
        ["report", "--write"],
        ["figure", "--list"],
        ["figure", "--list", PAPER],
        ["figure", f"{PAPER}:trials", "--json"],
        ["figure", f"{PAPER}:accuracies"],
        ["figure", f"{PAPER}:accuracies", "--format", "png,svg"],
    ],
    ids=" ".join,
)
def test_light_verbs_import_neither_tensorflow_nor_keras(arguments, output):
    runs = output.parent / "runs"
    output.rename(runs)  # `--output` has this default: the verbs are called bare

    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *arguments],
        cwd=output.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    runs.rename(output)

    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]
    assert done.stdout


def test_python_m_is_the_same_command():
    command = [sys.executable, "-m", "cai_keras", "--help"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "Usage: cai [OPTIONS] COMMAND" in done.stdout
    assert done.stderr == ""


def test_help_names_every_verb_and_the_exit_codes(cai):
    text = cai("--help").output

    verbs = "list show params train launch evaluate figure report import compare"
    verbs += " verify data bench tensorboard new"
    assert [verb for verb in verbs.split() if f" {verb} " not in text] == []
    assert "2 wrong usage" in text


def test_cai_alone_prints_the_help_and_is_wrong_usage(cai):
    result = cai()

    assert result.code == 2
    assert "Usage: cai" in result.output
    assert result.errors == ""


def test_list_shows_every_paper(cai):
    result = cai("list")

    assert (result.code, result.errors) == (0, "")
    assert PAPER in result.output


def test_list_as_json_parses(cai, output):
    result = cai("list", "--json", "--output", output)

    papers = {paper["slug"]: paper for paper in json.loads(result.output)}
    assert papers[PAPER]["title"].startswith("Siamese Neural Networks")
    assert papers[PAPER]["year"] == 2015
    assert papers[PAPER]["datasets"] == ["omniglot"]
    assert set(papers[PAPER]["scales"]) == {"smoke", "small", "paper"}
    assert papers[PAPER]["runs"] == 3


def test_list_counts_finished_runs_only(cai, output, siamese_record):
    failed = siamese_record(0.0, seed=7, state="failed", reason="the loss is nan")
    folder = RunFolder.of(output, PAPER, "small", "conv", 7)
    write_record(folder.record_path, failed)

    (paper,) = [
        paper
        for paper in json.loads(cai("list", "--json", "--output", output).output)
        if paper["slug"] == PAPER
    ]

    assert paper["runs"] == 3


def test_show_prints_recipe_claims_and_deviations(cai):
    text = cai("show", PAPER, "--scale", "paper", "--variant", "conv").output

    assert "spec: tfds:omniglot" in text
    assert "steps: 2000000" in text
    assert "Table 2, Convolutional Siamese Net" in text
    assert "Bayesian optimisation" in text


def test_show_as_json_applies_set(cai):
    change = ("--set", "train.steps=7", "--set", "model.padding=same")

    result = cai("show", PAPER, "--scale", "smoke", *change, "--json")

    recipe = json.loads(result.output)["recipe"]
    assert recipe["train"]["steps"] == 7
    assert recipe["model"]["padding"] == "same"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "siamese_oneshot"], "did you mean 'siamese_one_shot'?"),
        (["train", "siamese_oneshot"], "did you mean 'siamese_one_shot'?"),
        (["figure", "siamese_oneshot"], "did you mean 'siamese_one_shot'?"),
        (["params", "siamese_oneshot"], "did you mean 'siamese_one_shot'?"),
        (["data", "doctor", "siamese_oneshot"], "did you mean 'siamese_one_shot'?"),
        (["show", PAPER, "--scale", "smal"], "did you mean 'small'?"),
        (["train", PAPER, "--scale", "smal"], "did you mean 'small'?"),
        (["show", PAPER, "--variant", "pixel"], "did you mean 'pixels'?"),
        (["train", PAPER, "--variant", "conv,pixel"], "did you mean 'pixels'?"),
        (["show", PAPER, "--set", "train.stepz=1"], "did you mean 'steps'?"),
        (["show", PAPER, "--set", "trian.steps=1"], "did you mean 'train'?"),
        (["show", PAPER, "--set", "train.steps"], "expected KEY.PATH=VALUE"),
        (["show", PAPER, "--set", "train.steps=many"], "'many'"),
        (["train", PAPER, "--precision", "mixed_float15"], "'mixed_float15'"),
        (["train", PAPER, "--data", "tfd:omniglot"], "did you mean 'tfds'?"),
        (["train", PAPER, "--data", "omniglot"], "tfds:NAME[/CONFIG], folder:PATH"),
        (["train", PAPER, "--data", "folder:no/such"], "no folder no/such"),
        (["trian", PAPER], "Did you mean 'train'?"),
        (["data", "prepar", PAPER], "Did you mean 'prepare'?"),
        (["train", PAPER, "--sead", "1"], "--seeds"),
        (["show"], "Missing argument 'paper'"),
        (["tensorboard", "--port", "x"], "'--port'"),
        (["figure"], "cai figure --list shows all figures"),
        (["figure", f"{PAPER}:filter"], "did you mean 'filters'?"),
        (["figure", f"{PAPER}:"], "unknown figure ''"),
        (["figure", f"{PAPER}:filter", "--list"], "did you mean 'filters'?"),
        (["figure", PAPER, "--format", "pgn"], "did you mean 'png'?"),
        (["figure", PAPER, "--scale", "smal"], "did you mean 'small'?"),
        (["figure", PAPER, "--variant", "conv,pixel"], "did you mean 'pixels'?"),
        (["figure", PAPER, "--output", "no/such"], "no/such: no such folder"),
        (["evaluate", "no/such/run"], "no/such/run: no run here"),
        (["report", "--output", "no/such"], "no/such: no such folder"),
        (["tensorboard", "--output", "no/such"], "no/such: no such folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_names_what_is_wrong_and_the_nearest_name(
    cai, tmp_path, monkeypatch, arguments, expected
):
    monkeypatch.chdir(tmp_path)

    error = _error(cai(*arguments))

    assert expected in error
    assert list(tmp_path.iterdir()) == []  # nothing was started


@pytest.mark.parametrize("seeds", ["", "a", "0,", "0;1", "1.5", "-1", "0-2"])
def test_seeds_that_are_no_numbers_are_refused(cai, tmp_path, seeds):
    error = _error(cai("train", PAPER, "--seeds", seeds, "--output", tmp_path))

    assert f"--seeds {seeds}: expected numbers such as 0,1,2" in error


def test_resume_and_overwrite_exclude_each_other(cai, tmp_path):
    options = ("--resume", "--overwrite", "--output", tmp_path)

    assert "exclude each other" in _error(cai("train", PAPER, *options))


def test_an_unknown_format_names_those_that_exist(cai, output):
    error = _error(cai("report", "--format", "jsn", "--output", output))

    assert "--format: unknown name 'jsn'; did you mean 'json'?" in error


def test_debug_shows_a_traceback_before_the_message(cai):
    result = cai("--debug", "show", "siamese_oneshot")

    assert result.code == 2
    assert "Traceback (most recent call last)" in result.errors
    assert result.errors.splitlines()[-1].startswith("cai: error: unknown paper")


def test_without_debug_there_is_no_traceback(cai):
    assert "Traceback" not in cai("show", "siamese_oneshot").errors


def test_an_unexpected_error_is_one_line_with_its_kind(cai, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(inspect.papers, "paper_slugs", broken)
    result = cai("list")

    assert result.code == 1
    assert result.errors.count("\n") == 1
    assert "unexpected ZeroDivisionError: first line" in result.errors
    assert "--debug" in result.errors


def test_ctrl_c_is_one_line_and_a_failure(cai, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect.papers, "paper_slugs", interrupted)
    result = cai("list")

    assert (result.code, result.errors) == (1, "cai: error: interrupted\n")


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "cai_keras", "show", PAPER]
    reading, writing = os.pipe()
    os.close(reading)  # the reader is gone before the first line

    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.stderr == ""


def test_report_as_json_judges_the_claims(cai, output):
    rows = json.loads(cai("report", "--format", "json", "--output", output).output)

    verdicts = {row["claim"]: row for row in rows}
    # 80 - 20 and 82 - 20: mean 61; deviation sqrt(2), error 1, t 12.706.
    effect = verdicts["learning_beats_pixels"]
    assert effect["ours"] == "+61.00 ± 1.41 [+48.29, +73.71]"
    assert (effect["count"], effect["verdict"]) == (2, "holds")
    number = verdicts["one_shot"]
    # 81 of 80 and 82: the same deviation, error and t.
    assert number["ours"] == "81.00 ± 1.41 [68.29, 93.71]"
    assert number["difference"] == "-11.00"
    assert (number["verdict"], number["note"]) == ("reduced protocol", "small scale")
    assert verdicts["one_shot_hausdorff"]["verdict"] == "not run"


def test_report_as_csv_parses(cai, output):
    text = cai("report", "--format", "csv", "--output", output).output

    rows = {row["claim"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["one_shot_pixels"]["ours"] == "20.00"
    assert rows["one_shot_pixels"]["data"] == "glyphs (stand-in)"


def test_report_as_markdown_is_a_table(cai, output):
    lines = cai("report", "--format", "md", "--output", output).output.splitlines()

    assert lines[0].startswith("| Paper | Claim |")
    assert any(line.startswith("| siamese_one_shot | one_shot |") for line in lines)


def test_report_on_the_terminal_shows_claims_and_what_was_measured(cai, output):
    text = cai("report", "--output", output).output

    assert "learning_beats_pixels" in text
    assert "test/one_shot_accuracy_percent" in text


def test_report_writes_the_tables(cai, output):
    cai("report", "--write", "--output", output)

    table = (output / "TABLE.md").read_text()
    assert "| learning_beats_pixels |" in table
    assert "## What was measured" in table
    rows = list(csv.DictReader(io.StringIO((output / "table.csv").read_text())))
    assert {"learning_beats_pixels", "one_shot"} <= {row["claim"] for row in rows}


def test_report_without_write_writes_nothing(cai, output):
    before = sorted(output.rglob("*"))

    cai("report", "--output", output)

    assert sorted(output.rglob("*")) == before
