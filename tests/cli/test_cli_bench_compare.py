"""`cai bench compare`, `score` and `spread`: files in, lines and exit codes out."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_rows import benchmark, done, failed, score_set

from benchmarks import score_view
from benchmarks.csv_table import to_csv
from benchmarks.score import reference_of, score_of
from benchmarks.score_set import BUDGET_SECONDS, configurations
from cai_keras.errors import RunError, UsageError


@pytest.fixture
def speeds(tmp_path):
    """Function from a name and rows to the path of the file with them."""

    def make(name, *rows, **changes):
        file, path = benchmark(*rows, **changes), tmp_path / name
        path.write_text(
            to_csv(file) if path.suffix == ".csv" else file.model_dump_json()
        )
        return path

    return make


@pytest.fixture
def unit(tmp_path):
    """A reference whose networks all do 100 examples a second."""
    path = tmp_path / "unit.json"
    reference_of(score_set()).write(path)
    return path


@pytest.fixture
def score_file(tmp_path):
    """Function from a value to the path of a score of that value."""

    def make(value):
        path = tmp_path / f"score_{value}.json"
        score_of(score_set([100 * value] * 3), score_set()).write(path)
        return path

    return make


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_a_comparison_is_a_table_and_a_mean(cai, speeds, ending):
    a = speeds(f"a.{ending}", done(batch_size=1), done(batch_size=2))
    b = speeds(f"b.{ending}", done([400.0] * 3, batch_size=1), done(batch_size=2))

    result = cai("bench", "compare", a, b)

    assert (result.code, result.errors) == (0, "")
    assert "4.000 [4.000, 4.000]" in result.output
    mean = "geometric mean of 2 configurations: 2.000 [2.000, 2.000]"
    assert mean in result.output.splitlines()


def test_a_gate_that_passes_says_so(cai, speeds):
    a, b = speeds("a.csv", done()), speeds("b.csv", done([96.0] * 3))

    result = cai("bench", "compare", a, b, "--gate", "0.95")

    assert result.code == 0
    assert result.output.splitlines()[-1] == "gate 0.95: passed"


def test_a_gate_that_fails_is_exit_code_3_and_names_each_row(cai, speeds):
    a = speeds("a.json", done(batch_size=1), done(batch_size=2), done(batch_size=3))
    b = speeds(
        "b.json", done([90.0] * 3, batch_size=1), failed("no kernel", batch_size=2),
        done([91.0] * 3, batch_size=3),
    )  # fmt: skip

    result = cai("bench", "compare", a, b, "--gate", 0.95)

    assert result.code == 3
    # sqrt(0.9 * 0.91)
    assert result.errors.splitlines() == [
        "cai: error: gate 0.95: resnet/cifar10_resnet20 b1: 0.900 [0.900, 0.900] "
        "times A's speed",
        "gate 0.95: resnet/cifar10_resnet20 b3: 0.910 [0.910, 0.910] times A's speed",
        "gate 0.95: resnet/cifar10_resnet20 b2: failed: no kernel; A measured it",
        "gate 0.95: geometric mean: 0.905 [0.905, 0.905]",
    ]


def test_what_one_file_alone_has_is_named_and_passes(cai, speeds):
    a = speeds("a.csv", done(batch_size=1), done(batch_size=2))
    b = speeds("b.csv", done(batch_size=1), done(batch_size=3), failed(batch_size=4))

    result = cai("bench", "compare", a, b, "--gate", "0.95")

    assert result.code == 0
    assert "only in A: resnet/cifar10_resnet20 b2" in result.output
    assert "only in B: resnet/cifar10_resnet20 b3" in result.output
    assert "only in B: resnet/cifar10_resnet20 b4" in result.output


def test_other_machines_are_named_and_compared(cai, speeds):
    a = speeds("a.json", done(), environ={"cpu": "old"})
    b = speeds("b.json", done(), environ={"cpu": "new"})

    result = cai("bench", "compare", a, b)

    assert result.code == 0
    assert "A and B are of different machines or software:" in result.output
    assert "  cpu: old in A, new in B" in result.output
    assert "geometric mean" in result.output


def test_noise_and_failures_are_shown(cai, speeds):
    noisy = {"noise": "noisy"}
    a = speeds("a.csv", done(batch_size=1, row=noisy), failed(batch_size=2))
    b = speeds("b.csv", done(batch_size=1), done(batch_size=2))

    result = cai("bench", "compare", a, b)

    assert "noisy in A" in result.output
    assert "failed in A: resnet/cifar10_resnet20 b2: failed: no such" in result.output


def test_a_comparison_across_backends_says_which_is_which(cai, speeds):
    a, b = speeds("a.csv", done()), speeds("b.csv", done(backend="jax"))

    result = cai("bench", "compare", a, b, "--across", "backend")

    assert "across backend: tensorflow in A, jax in B" in result.output


def test_a_comparison_as_json(cai, speeds, tmp_path):
    a, b = speeds("a.csv", done()), speeds("b.csv", done([90.0] * 3))
    path = tmp_path / "compared.json"

    result = cai("bench", "compare", a, b, "--gate", 0.95, "--json", path)

    assert result.code == 3
    found = json.loads(path.read_text())
    assert found["geometric_mean"]["value"] == pytest.approx(0.9)
    (row,) = found["rows"]
    assert row["verdict"] == "fails"
    assert row["a"]["configuration"]["paper"] == "resnet"
    assert row["b"]["speeds"] == pytest.approx([90.0] * 3)
    assert len(found["failures"]) == 2


@pytest.mark.parametrize("gate", ["0", "-1", "nan", "inf"])
def test_a_gate_is_a_positive_ratio(cai, speeds, gate):
    a = speeds("a.csv", done())

    result = cai("bench", "compare", a, a, "--gate", gate)

    assert result.code == 2
    assert "expected a positive ratio, such as 0.95" in result.errors


def test_files_that_are_none_are_one_line(cai, tmp_path):
    result = cai("bench", "compare", tmp_path / "a.csv", tmp_path / "b.csv")

    assert result.code == 1
    assert result.errors.count("\n") == 1
    assert "a.csv: No such file or directory" in result.errors


def test_odd_names_are_printed_as_they_are(cai, speeds):
    a = speeds("a.json", done(variant="[red]x", batch_size=1), done(batch_size=1))

    result = cai("bench", "compare", a, a)

    assert "resnet/[red]x" in result.output


def test_a_score_of_what_was_measured_before(cai, unit, score_file, tmp_path):
    path = tmp_path / "new.json"
    given = ("--reference", unit, "--measured", score_file(1.25), "--json", path)

    result = cai("bench", "score", *given)

    assert (result.code, result.errors) == (0, "")
    last = result.output.splitlines()[-1]
    assert last == "score: 1.250 [1.250, 1.250] (1 is the reference)"
    assert json.loads(path.read_text())["score"] == pytest.approx(1.25)


def test_a_plain_benchmark_can_be_scored(cai, unit, tmp_path):
    path = tmp_path / "measured.json"
    score_set([50.0] * 3).write(path)

    result = cai("bench", "score", "--reference", unit, "--measured", path)

    assert "score: 0.500 [0.500, 0.500]" in result.output


def test_a_new_reference_is_written_where_it_was_asked_for(cai, tmp_path):
    measured, path = tmp_path / "measured.json", tmp_path / "reference.json"
    score_set([50.0] * 3).write(measured)

    given = ("--reference", path, "--measured", measured, "--write-reference")
    result = cai("bench", "score", *given)

    assert result.code == 0, result.errors
    assert result.output.splitlines()[-1] == f"reference: {path}"
    # From now on 50 examples a second are 1.
    again = cai("bench", "score", "--reference", path, "--measured", measured)
    assert "score: 1.000 [1.000, 1.000]" in again.output


def test_a_score_of_another_version_is_refused_before_anything_is_measured(
    cai, unit, tmp_path
):
    content = json.loads(unit.read_text())
    unit.write_text(json.dumps({**content, "score_version": 7}))

    result = cai("bench", "score", "--reference", unit)

    assert result.code == 2
    assert "a score of version 7, this program's is 2" in result.errors


def test_a_missing_reference_is_one_line(cai, tmp_path):
    result = cai("bench", "score", "--reference", tmp_path / "no.json")

    assert result.code == 2
    assert "no.json: no such reference; --write-reference makes one" in result.errors


def test_an_unknown_device_is_named(cai, unit):
    result = cai("bench", "score", "--reference", unit, "--device", "gppu")

    assert result.code == 2
    assert "--device: unknown name 'gppu'; did you mean 'gpu'?" in result.errors


def test_a_score_asks_for_the_set_on_the_device_within_five_minutes(unit, tmp_path):
    asked = []

    def measure(wanted, budget_seconds):
        asked.append((wanted, budget_seconds))
        return score_set()

    score_view.run(measure, "gpu", unit, json_file=tmp_path / "score.json")

    assert asked == [(configurations("gpu"), 300.0)]
    assert BUDGET_SECONDS == 300.0
    assert {one.device for one in asked[0][0]} == {"gpu"}


def test_a_network_that_failed_is_an_error_after_the_file_is_written(unit, tmp_path):
    path = tmp_path / "score.json"
    rows = list(score_set().metrics)
    rows[0] = failed("no kernel", **rows[0].configuration.model_dump())

    with pytest.raises(RunError, match=r"no score: .*: failed: no kernel"):
        score_view.run(lambda *_: benchmark(*rows), "cpu", unit, json_file=path)

    content = json.loads(path.read_text())
    assert content["score"] is None
    assert "no kernel" in content["reason"]


def test_a_folder_that_is_missing_is_said_before_five_minutes_are_gone(unit, tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        score_view.run(None, "cpu", unit, json_file=tmp_path / "no" / "score.json")


def test_a_score_says_where_the_reference_was_measured(cai, unit, tmp_path):
    measured = tmp_path / "measured.json"
    other = {"cpu": "another", "versions": {"keras": "3.15.1"}}
    score_set().model_copy(update={"environ": other}).write(measured)

    result = cai("bench", "score", "--reference", unit, "--measured", measured)

    expected = "other than the reference: cpu: a CPU there, another here"
    assert expected in result.output.splitlines()


def test_a_spread_over_calls(cai, score_file, tmp_path):
    path = tmp_path / "spread.json"
    files = [score_file(value) for value in (0.98, 1.0, 1.02)]

    result = cai("bench", "spread", *files, "--json", path)

    assert (result.code, result.errors) == (0, "")
    lines = result.output.splitlines()
    # 4.3027 * 0.02 / sqrt(3) = 0.0497.
    assert "mean of 3 calls: 1.0000 [0.9503, 1.0497] (Student's t)" in lines
    assert "from call to call: standard deviation 2.00 %, range 4.00 %" in lines
    assert json.loads(path.read_text())["range_percent"] == pytest.approx(4.0)


def test_a_spread_of_one_call_is_wrong_usage(cai, score_file):
    result = cai("bench", "spread", score_file(1.0))

    assert result.code == 2
    assert "two scores or more" in result.errors


def test_the_commands_of_the_document_run(cai, speeds, tmp_path, monkeypatch):
    for name in ("before.csv", "after.csv", "before.json", "after.json"):
        speeds(name, done())
    for name in ("tensorflow", "jax"):
        speeds(f"{name}.csv", done(backend=name))
    for name in ("monday", "tuesday", "wednesday"):
        reference_of(score_set()).write(tmp_path / f"{name}.json")
    monkeypatch.chdir(tmp_path)
    document = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    lines = [x for x in document.splitlines() if x.startswith("cai bench ")]
    verbs = ("compare", "spread")
    shown = [line for line in lines if line.split()[2] in verbs]
    assert len(shown) == 4

    for line in shown:
        result = cai(*shlex.split(line)[1:])
        assert (result.code, result.errors) == (0, ""), line


def test_comparing_and_writing_need_no_framework():
    modules = ("compare_view", "score_view", "page_tables", "outputs", "plots")
    code = (
        f"import sys, {', '.join(f'benchmarks.{module}' for module in modules)}\n"
        "print(sorted({'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "[]\n"
