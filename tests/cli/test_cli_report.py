"""`cai report` on narrow terminals, on damaged folders, and with odd texts."""

import csv
import gc
import io
import json

import pytest
from rich.console import Console

from cai_keras.cli import report_view
from cai_keras.reporting.record import Metric, write_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
METRIC = "test/one_shot_accuracy_percent"


@pytest.fixture
def write(tmp_path):
    """Function from a record to the path it was written to."""

    def make(record):
        place = (record.paper, record.scale, record.run_name, record.seed)
        path = RunFolder.of(tmp_path / "runs", *place).record_path
        write_record(path, record)
        return path

    return make


@pytest.fixture
def output(write, siamese_record, tmp_path):
    """A folder with two seeds of `conv`."""
    for seed, accuracy in enumerate((80.0, 82.0)):
        write(siamese_record(accuracy, seed=seed))
    return tmp_path / "runs"


def _damage(write, siamese_record, content: bytes):
    path = write(siamese_record(99.0, seed=2))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\xff", b"[]", b'{"seed": 1}'])
def test_a_damaged_record_is_named_and_the_others_are_reported(
    cai, write, siamese_record, output, content
):
    path = _damage(write, siamese_record, content)

    result = cai("report", "--format", "csv", "--output", output)

    rows = {row["claim"]: row for row in csv.DictReader(io.StringIO(result.output))}
    assert (rows["one_shot"]["mean"], rows["one_shot"]["count"]) == ("81.0", "2")
    problem, error = result.errors.splitlines()
    assert problem.startswith(f"left out: {path}: not a record: ")
    assert error == "cai: error: 1 damaged file left out; the others are in the table"
    assert result.code == 1


@pytest.mark.parametrize("content", [None, b"{"], ids=["done", "after an error"])
def test_a_report_leaves_the_garbage_collector_on(
    cai, write, siamese_record, output, content
):
    if content is not None:
        _damage(write, siamese_record, content)

    cai("report", "--output", output)

    assert gc.isenabled()


def test_the_written_table_says_that_something_is_missing(
    cai, write, siamese_record, output
):
    _damage(write, siamese_record, b"{")

    cai("report", "--write", "--output", output)

    for name, claim in (("TABLE.md", "| one_shot |"), ("report.html", "one_shot")):
        written = (output / name).read_text().replace("<wbr>", "")
        assert "1 damaged file left out." in written
        assert str(output) not in written
        assert claim in written


def test_a_folder_of_damaged_records_alone_is_a_report_of_nothing(
    cai, write, siamese_record, tmp_path
):
    _damage(write, siamese_record, b"")

    result = cai("report", "--format", "json", "--output", tmp_path / "runs")

    assert {row["verdict"] for row in json.loads(result.output)} == {"not run"}
    assert result.code == 1


@pytest.mark.parametrize("form", [None, "md", "csv", "html", "json", "latex"])
@pytest.mark.parametrize(
    "name",
    [r"\[/bold]", "[red]x", "a|b", "<script>", "a\nb", "\x1b[2J", "中 é", "%&_#"],
)
def test_no_name_breaks_a_form(cai, write, siamese_record, tmp_path, form, name):
    write(siamese_record(80.0, data=name, overrides=[f"model.x={name}"]))

    shape = () if form is None else ("--format", form)
    result = cai("report", *shape, "--output", tmp_path / "runs")

    assert (result.code, result.errors) == (0, "")
    assert "\x1b" not in result.output


def test_unlike_passports_are_named_in_the_table(cai, write, siamese_record, output):
    metric = Metric(value=20.0, count=20, passport={"trials": "lake"})
    pixels = {"variant": "pixels", "run_name": "pixels", "metrics": {METRIC: metric}}
    write(siamese_record(0.0).model_copy(update=pixels))

    result = cai("report", "--format", "json", "--output", output)

    rows = {row["claim"]: row for row in json.loads(result.output)}
    row = rows["learning_beats_pixels"]
    assert (row["verdict"], row["mean"]) == ("not comparable", None)
    assert row["note"] == "trials is absent for conv seed 0, lake for pixels seed 0"


@pytest.fixture
def terminal(monkeypatch):
    """Function from a width to a terminal that `cai report` prints to."""

    def make(width: int) -> io.StringIO:
        text = io.StringIO()
        console = Console(file=text, force_terminal=True, width=width, no_color=True)
        monkeypatch.setattr(report_view, "console", console)
        return text

    return make


def test_a_narrow_terminal_gets_a_list_that_fits(cai, output, terminal):
    text = terminal(80)

    cai("report", "--output", output)

    plain = text.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "one_shot: reduced protocol" in plain.splitlines()
    # Mean 81, deviation sqrt(2), error 1, t 12.706.
    assert "  81.00 ± 1.41 [68.29, 93.71], n = 2; published 92" in plain.splitlines()
    assert max(map(len, plain.splitlines())) <= 80


def test_a_wide_terminal_gets_one_line_for_each_row(cai, output, terminal):
    text = terminal(240)

    cai("report", "--output", output)

    (line,) = [x for x in text.getvalue().splitlines() if x.startswith("one_shot ")]
    assert "81.00 ± 1.41 [68.29, 93.71]" in line
    assert line.endswith("reduced protocol")


def test_an_inconclusive_effect_says_how_many_seeds_it_needs(
    cai, write, siamese_record, output, terminal
):
    # Differences from 70 and 60, claimed > 10: 10 and 22, mean 16, deviation 8.49.
    # Half widths: 2.262 * 8.49 / sqrt(10) = 6.07, 2.228 * 8.49 / sqrt(11) = 5.70, which
    # is the first below the distance 6.
    random = {"variant": "conv_random_weights", "run_name": "conv_random_weights"}
    write(siamese_record(70.0, **random))
    write(siamese_record(60.0, seed=1, **random))
    text = terminal(80)

    cai("report", "--output", output)

    assert "  about 11 seeds would decide it" in text.getvalue()
