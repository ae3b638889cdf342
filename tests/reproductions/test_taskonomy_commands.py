"""`cai taskonomy`: answers, files and mistakes at the command line."""

import json

import pytest

from cai_keras.cli import main as command_line
from reproductions.taskonomy import run_figures

AFFINITIES = {
    "self__a": 0.5, "b__a": 0.3, "c__a": 0.2,
    "self__b": 0.6, "a__b": 0.1, "c__b": 0.3,
    "self__c": 0.4, "a__c": 0.2, "b__c": 0.1, "a__b__c": 0.3,
}  # fmt: skip
# Targets a, b and c are sound.
DAMAGED = {**AFFINITIES, "self__d": 0.001, "a__d": 0.001, "a__b__d": 0.998}


@pytest.fixture
def cai(monkeypatch, capsys):
    """Function from arguments to exit code, standard output and standard error."""

    def run(*arguments):
        words = ["cai", "taskonomy", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", words)
        try:
            command_line.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def files(tmp_path):
    """Function from a name and transfers to a file."""

    def write(name, values):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(values))
        return path

    return write


def test_the_best_policy_is_printed_with_its_sources(cai, files):
    code, out, _ = cai(
        "solve", "--affinities", files("a", AFFINITIES), "--budget", 2, "--order", 2
    )

    assert code == 0
    assert "a + b" in out
    # 0.5 + 0.6 + 0.3
    assert "1.40000" in out
    assert "2: a, b" in out


def test_json_has_every_budget(cai, files):
    path = files("a", AFFINITIES)
    code, out, _ = cai(
        "solve", "--affinities", path, "--budget", "1-2,3", "--json",
        "--quality", path, "--gain", path,
    )  # fmt: skip

    answers = json.loads(out)
    assert code == 0
    assert [answer["budget"] for answer in answers] == [1, 2, 3]
    assert answers[2]["objective"] == pytest.approx(1.5)
    assert answers[2]["quality"] == answers[2]["gain"] == pytest.approx(0.5)
    assert answers[2]["trained"] == ["a", "b", "c"]
    assert answers[2]["transfers"][0] == {
        "target": "a", "sources": ["self"], "value": 0.5,
    }  # fmt: skip


def test_importance_cost_and_target_only_tasks_are_options(cai, files):
    path = files("a", AFFINITIES)
    arguments = ("solve", "--affinities", path, "--json", "--budget", 1)

    _, weighed, _ = cai(*arguments, "--importance", "b=0", "--importance", "c=10")
    _, priced, _ = cai(*arguments, "--cost", "b=2", "--cost", "c=3")
    _, without, _ = cai(*arguments, "--target-only", "b,c")
    _, equal, _ = cai(*arguments[:-1], 3, "--importance", "inverse-self")

    assert json.loads(weighed)[0]["trained"] == ["c"]
    assert json.loads(priced)[0]["trained"] == ["a"]
    assert json.loads(without)[0]["objective"] == pytest.approx(0.5 + 0.1 + 0.2)
    assert json.loads(equal)[0]["objective"] == pytest.approx(3)


def test_damaged_targets_are_refused_and_can_be_left_out(cai, files):
    path = files("a", DAMAGED)
    arguments = ("solve", "--affinities", path, "--budget", 2)

    code, out, err = cai(*arguments)

    assert (code, out) == (2, "")
    assert "targets that are sound: a,b,c" in err
    assert "d: 1 transfers of several sources hold 99.8 % of its affinity" in err
    assert cai(*arguments, "--targets", "a,b,c")[0] == 0
    assert cai(*arguments, "--keep-damaged")[0] == 0


def test_the_doctor_says_what_a_file_holds(cai, files):
    code, out, _ = cai("doctor", "--affinities", files("a", DAMAGED))
    _, as_json, _ = cai("doctor", "--affinities", files("a", AFFINITIES), "--json")

    assert code == 0
    assert "13 transfers to 4 targets from 4 sources, up to 2 at a time" in out
    assert "sum to 1: affinities" in out
    assert "damaged: d: 1 transfers" in out
    assert json.loads(as_json)["damaged"] == {}


def test_win_rates_are_told_from_affinities(cai, files):
    _, out, _ = cai("doctor", "--affinities", files("a", {"a__t": 0.5, "b__t": 0.7}))

    assert "do not sum to 1" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--budget", "x"), "--budget: expected a number or a range as 1-22"),
        (("--budget", 0.5), "a budget of 0.5 is too small"),
        (("--budget", 2, "--targets", "aa"), "unknown 'aa'"),
        (("--budget", 2, "--cost", "a"), "--cost: expected TASK=NUMBER, found 'a'"),
        (("--budget", 2, "--importance", "a=x"), "--importance: expected TASK=NUMBER"),
        (("--budget", 2, "--importance", "z=1"), "importances: unknown 'z'"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(cai, files, options, message):
    code, out, err = cai("solve", "--affinities", files("a", AFFINITIES), *options)

    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_damaged_file_ends_with_code_1(cai, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[")

    code, _, err = cai("solve", "--affinities", path, "--budget", 1)

    assert code == 1
    assert str(path) in err


def test_figures_are_drawn_into_a_folder(cai, files, tmp_path, monkeypatch):
    monkeypatch.setattr(run_figures, "RANDOM_POLICIES", 5)
    own = {f"{task}__{task}": 0.1 for task in "abc"}
    path = files("a", AFFINITIES | own)
    code, out, _ = cai(
        "draw", "--affinities", path, "--quality", path, "--gain", path,
        "--budgets", "1,2", "--groups", 2, "--order", 2, "--output", tmp_path / "f",
    )  # fmt: skip

    names = ["affinities", "task_tree", "taxonomies", "budgets"]
    assert code == 0
    assert out.split() == [str(tmp_path / "f" / f"{name}.png") for name in names]
    for line in out.split():
        with open(line, "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_a_tree_of_a_file_with_gaps_is_a_mistake_in_one_line(cai, files, tmp_path):
    code, _, err = cai(
        "draw", "--affinities", files("a", AFFINITIES), "--output", tmp_path,
        "--budgets", 1,
    )  # fmt: skip

    assert code == 2
    assert err == "cai: error: tree: no transfer from 'a' to 'a'\n"


def test_help_lists_the_papers_verbs(cai, monkeypatch, capsys):
    assert "solve" in cai("--help")[1]
    monkeypatch.setattr("sys.argv", ["cai", "--help"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert "taskonomy" in capsys.readouterr().out
