"""`cai import`: other people's results beside ours, in every form of the table."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from cai_keras.reporting.foreign import COLUMNS
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
DOCUMENT = Path(__file__).parents[2] / "docs" / "results.md"
GOOD = f"paper,claim,value,deviation,n,source\n{PAPER},one_shot,93.4,0.6,5,Somebody\n"


@pytest.fixture
def output(tmp_path, siamese_record):
    """A folder with two seeds of `conv`, whose mean is 81."""
    for seed, accuracy in enumerate((80.0, 82.0)):
        record = siamese_record(accuracy, seed=seed)
        place = (record.paper, record.scale, record.run_name, record.seed)
        write_record(RunFolder.of(tmp_path / "runs", *place).record_path, record)
    return tmp_path / "runs"


@pytest.fixture
def others(tmp_path):
    """The path of a good file."""
    path = tmp_path / "others.csv"
    path.write_text(GOOD)
    return path


def _rows(cai, output) -> list[dict]:
    return json.loads(cai("report", "--format", "json", "--output", output).output)


def test_an_imported_number_stands_beside_ours_and_is_not_averaged(cai, output, others):
    result = cai("import", others, "--output", output)

    assert (result.code, result.errors) == (0, "")
    kept = output / "foreign" / "others.csv"
    assert result.output == f"1 foreign result: {kept}\n"
    ours, theirs = [row for row in _rows(cai, output) if row["claim"] == "one_shot"]
    assert (ours["mean"], ours["count"], ours["kind"]) == (81.0, 2, "value")
    assert (theirs["mean"], theirs["count"], theirs["kind"]) == (93.4, 5, "foreign")
    assert (theirs["verdict"], theirs["source"]) == ("foreign", "Somebody")


@pytest.mark.parametrize("form", [None, "md", "csv", "html", "json", "latex"])
def test_every_form_of_the_table_shows_and_marks_it(cai, output, others, form):
    cai("import", others, "--output", output)

    shape = () if form is None else ("--format", form)
    result = cai("report", *shape, "--output", output)

    assert result.code == 0
    assert "93.4" in result.output
    assert "foreign" in result.output
    assert "Somebody" in result.output


def test_the_written_table_has_it_too(cai, output, others):
    cai("import", others, "--output", output)

    cai("report", "--write", "--output", output)

    lines = (output / "TABLE.md").read_text().splitlines()
    (line,) = [line for line in lines if "Somebody" in line]
    assert "| 93.4 ± 0.6 (foreign) | 5 | +1.4 |" in line
    rows = list(csv.DictReader(io.StringIO((output / "table.csv").read_text())))
    assert [row["mean"] for row in rows if row["kind"] == "foreign"] == ["93.4"]


def test_the_example_of_the_document_can_be_imported(cai, tmp_path):
    (text,) = re.findall(r"^```csv\n(.*?)^```", DOCUMENT.read_text(), re.S | re.M)
    (tmp_path / "others.csv").write_text(text)

    result = cai("import", tmp_path / "others.csv", "--output", tmp_path / "runs")

    assert (result.code, result.errors) == (0, "")
    assert result.output.startswith("2 foreign results: ")


def test_every_column_is_documented_and_in_the_help(cai):
    documented = DOCUMENT.read_text()
    text = " ".join(cai("import", "--help").output.split())

    assert [name for name in COLUMNS if f"`{name}`" not in documented] == []
    assert [name for name in COLUMNS if name not in text] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("siamese_oneshot,one_shot,1,,,x", "did you mean 'siamese_one_shot'?"),
        (f"{PAPER},one_shoot,1,,,x", "did you mean 'one_shot'?"),
        (f"{PAPER},one_shot,92 %,,,x", "expected a number such as 93.4, found '92 %'"),
    ],
)
def test_a_wrong_line_is_refused_with_file_and_line(cai, others, line, expected):
    others.write_text(f"paper,claim,value,deviation,n,source\n{line}\n")

    result = cai("import", others, "--output", others.parent / "runs")

    assert result.code == 2
    assert result.errors.startswith(f"cai: error: {others}:2: ")
    assert expected in result.errors
    assert result.errors.count("\n") == 1
    assert not (others.parent / "runs").exists()


def test_another_file_of_the_name_needs_overwrite(cai, output, others):
    cai("import", others, "--output", output)
    others.write_text(GOOD.replace("93.4", "94.0"))

    refused = cai("import", others, "--output", output)
    replaced = cai("import", others, "--output", output, "--overwrite")

    assert refused.code == 2
    assert "--overwrite" in refused.errors
    assert replaced.code == 0
    means = [row["mean"] for row in _rows(cai, output) if row["kind"] == "foreign"]
    assert means == [94.0]


def test_a_kept_file_that_was_damaged_is_named_and_hides_nothing(cai, output, others):
    cai("import", others, "--output", output)
    kept = output / "foreign" / "others.csv"
    kept.write_text(GOOD.replace(",one_shot,", ",gone,"))

    result = cai("report", "--format", "csv", "--output", output)

    assert result.code == 1
    assert f"left out: {kept}:2: claim: unknown 'gone'" in result.errors
    assert "81.00" in result.output


def test_foreign_numbers_alone_are_a_report(cai, tmp_path, others):
    cai("import", others, "--output", tmp_path / "new")

    result = cai("report", "--output", tmp_path / "new")

    assert result.code == 0
    assert "93.4 ± 0.6 (foreign)" in result.output
