"""`cai bench input`: what is asked of whom, and what the answers come to."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import pytest

from benchmarks import pipelines
from benchmarks.child_call import call, read_result
from benchmarks.pipelines import Asked
from cai_keras.errors import RunError, UsageError

ROOT = Path(__file__).parents[1]
PHASE = {
    "phase": 1,
    "phases": 1,
    "batch_size": 8,
    "steps_per_call": 4,
    "first_seconds": 2.0,
    # Paired ratios: 2, 3, 2.5.
    "samples_per_second": {
        "pipeline": [200.0, 300.0, 250.0],
        "training": [100.0, 100.0, 100.0],
        "together": [80.0, 90.0, 90.0],
    },
    "wait_share": 0.05,
}
FAST = {"environ": {"cpu": "x"}, "data": "embedded:digits", "phases": [PHASE]}


def slow(phase=PHASE):
    rates = {**phase["samples_per_second"], "pipeline": [50.0, 40.0, 60.0]}
    return {**FAST, "phases": [{**phase, "samples_per_second": rates}]}


def one(found):
    (row,) = pipelines.rows_of("paper", "variant", "small", found)
    return row


def test_the_ratio_is_the_median_of_paired_turns():
    row = one(FAST)

    assert row["ratio"] == pytest.approx(2.5)
    assert row["interval_95"] == pytest.approx([2.0, 3.0])
    assert row["together_over_training"] == pytest.approx(0.9)
    assert row["verdict"] == "the pipeline is fast enough"


def test_a_ratio_below_1_is_the_bottleneck():
    row = one(slow())

    # 0.5, 0.4, 0.6.
    assert row["ratio"] == pytest.approx(0.5)
    assert row["verdict"] == "the pipeline is the bottleneck"


def test_a_ratio_that_is_not_certain_says_so():
    # 0.9, 0.95 and 1.2: the median is below 1, one turn is not.
    assert pipelines.verdict(0.95, 0.9, 1.2) == (
        "the pipeline is the bottleneck; the interval contains 1"
    )
    assert pipelines.verdict(1.0, 1.0, 1.0) == "the pipeline is fast enough"


def test_an_absent_data_set_is_a_row_with_the_reason():
    row = one({"reason": "tfds:omniglot is not prepared"})

    assert row["reason"] == "tfds:omniglot is not prepared"
    assert row["ratio"] is None
    assert pipelines.cells(row)["verdict"] == "tfds:omniglot is not prepared"


def test_every_paper_has_a_variant_that_trains_or_none():
    found = pipelines.plan(Asked())

    slugs = [paper.slug for paper, _ in found]
    assert slugs == sorted(set(slugs))
    assert {"resnet", "siamese_one_shot", "unet", "taskonomy"} <= set(slugs)
    chosen = {paper.slug: variant for paper, variant in found}
    # The first ones of the leaderboard are judged as they were born: never trained.
    assert chosen["convnet_leaderboard"] != "alexnet"


def test_variants_are_those_of_the_papers_that_have_them():
    asked = Asked(slugs=("siamese_one_shot", "resnet"), variants=("conv",))

    assert [(p.slug, v) for p, v in pipelines.plan(asked)] == [
        ("siamese_one_shot", "conv")
    ]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(scale="smal"), "--scale 'smal': did you mean 'small'"),
        (Asked(slugs=("resnett",)), "unknown paper 'resnett'"),
        (
            Asked(slugs=("siamese_one_shot",), variants=("konv",)),
            "--variant 'konv': did you mean 'conv'",
        ),
    ],
)
def test_unknown_names_are_wrong_usage(asked, message):
    with pytest.raises(UsageError, match=message):
        pipelines.plan(asked)


def test_a_variant_that_learns_nothing_is_not_started():
    asked = Asked(slugs=("siamese_one_shot",), variants=("pixels",))
    ((paper, variant),) = pipelines.plan(asked)

    def never(module, request):
        raise AssertionError("nothing is to be started")

    found = pipelines.measure(paper, variant, asked, never)
    assert found == {"reason": "this variant is not trained"}


def test_all_papers_are_asked_for_and_a_crash_stops_no_other(tmp_path, capsys):
    asked = Asked(slugs=("siamese_one_shot", "resnet"), seconds=1.5, rounds=3)
    answers = {"siamese_one_shot": FAST, "resnet": {"reason": "signal 9 (SIGKILL)"}}
    requests = []

    def ask(module, request):
        requests.append(request)
        return answers[request["paper"]]

    path = tmp_path / "input.json"
    pipelines.run(asked, path, ask)

    assert [request["paper"] for request in requests] == ["siamese_one_shot", "resnet"]
    assert {(r["seconds"], r["rounds"]) for r in requests} == {(1.5, 3)}
    result = json.loads(path.read_text())
    assert (result["name"], result["environ"]) == ("input", {"cpu": "x"})
    assert [row["reason"] for row in result["metrics"]] == [None, "signal 9 (SIGKILL)"]
    output = capsys.readouterr().out
    assert "2.50 [2.00, 3.00]" in output
    assert "1 of 1 pipelines make more examples than training takes" in output


def test_the_bottlenecks_are_named_under_the_table(capsys):
    pipelines.run(Asked(slugs=("resnet",)), ask=lambda *_: slow())

    output = capsys.readouterr().out
    assert ": the pipeline is the bottleneck (0.50 of what training takes)" in output
    assert "0 of 1 pipelines make more" in output


def test_where_nothing_could_be_measured_the_run_has_failed(capsys):
    with pytest.raises(RunError, match="nothing could be measured"):
        pipelines.run(Asked(slugs=("resnet",)), ask=lambda *_: {"reason": "no data"})
    assert "no data" in capsys.readouterr().out


def test_phases_are_rows_of_their_own():
    second = {**PHASE, "phase": 2, "phases": 2}
    found = {**FAST, "phases": [{**PHASE, "phases": 2}, second]}
    rows = pipelines.rows_of("paper", "method", "small", found)

    assert [pipelines.cells(row)["variant"] for row in rows] == [
        "method, phase 1 of 2",
        "method, phase 2 of 2",
    ]


# The process.


def test_a_process_that_dies_is_a_reason(tmp_path):
    absent = tmp_path / "result.json"

    found = read_result(absent, -9, "half a line")
    assert found == {"reason": "the process ended with signal 9 (SIGKILL)"}
    found = read_result(absent, 1, "Traceback\n  ...\nValueError: bad\n\n")
    assert found == {"reason": "the process ended with exit code 1: ValueError: bad"}
    found = read_result(absent, 0, "")
    assert found == {"reason": "the process ended with exit code 0"}


CHILD = """
from benchmarks.child_call import answer
from cai_keras.errors import DataError

def measure(request):
    print("noise on standard output")
    if request["do"] == "fail":
        raise DataError("no such data set")
    if request["do"] == "crash":
        raise ValueError("broken")
    if request["do"] == "hang":
        import time
        time.sleep(60)
    return {"twice": 2 * request["number"]}

if __name__ == "__main__":
    answer(measure)
"""


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"do": "answer", "number": 4}, {"twice": 8}),
        ({"do": "fail"}, {"reason": "no such data set"}),
        (
            {"do": "crash"},
            {"reason": "the process ended with exit code 1: ValueError: broken"},
        ),
    ],
)
def test_a_child_answers_or_says_why_not(tmp_path, monkeypatch, request_, expected):
    (tmp_path / "child_of_the_test.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")

    assert call("child_of_the_test", request_) == expected


def test_a_child_that_hangs_is_killed(tmp_path, monkeypatch):
    (tmp_path / "child_of_the_test.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    found = call("child_of_the_test", {"do": "hang"}, timeout=2.0)

    assert found == {"reason": "no answer within 2 s"}


# The measurement itself, with the engine's own loop.


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="the engine does not train with it"
)
def test_a_phase_is_measured_in_all_three_ways(monkeypatch):
    from benchmarks import pipeline_worker
    from cai_keras.cli import papers
    from cai_keras.training.distribution import make_strategy
    from cai_keras.training.preparation import prepare, set_up_process

    paper = papers.find_paper("gan")
    recipe = paper.recipe("smoke", "ring")
    set_up_process(recipe, 0)
    experiment = papers.builder_of(paper)(recipe, 0)
    prepare(experiment, recipe.train, 1)
    strategy = make_strategy("one")
    request = {"seconds": 0.04, "rounds": 2}
    (phase,) = experiment.phases
    found = pipeline_worker.measure_phase(phase, recipe.train, strategy, request)

    assert found["batch_size"] == recipe.data.batch_size
    rates = found["samples_per_second"]
    assert set(rates) == {"pipeline", "training", "together"}
    assert all(len(values) == 2 and min(values) > 0 for values in rates.values())
    assert 0 <= found["wait_share"] <= 1
    # The recipe's own switch is untouched.
    assert replace(phase) == phase
    assert recipe.train.check_finite


def test_help_imports_no_tensorflow():
    code = (
        "import sys; sys.argv = ['cai', 'bench', sys.argv[1], '--help']\n"
        "from cai_keras.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    for verb in ("addons", "input", "scale"):
        subprocess.run(
            [sys.executable, "-c", code, verb], check=True, capture_output=True
        )
