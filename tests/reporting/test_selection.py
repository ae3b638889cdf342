"""Which runs a path means, and which of them pair."""

import shutil

import pytest
from run_files import write_run

from cai_keras.errors import UsageError
from cai_keras.reporting.selection import match_runs, select_runs

NAME = "some_paper/small/method"


@pytest.fixture
def write(tmp_path, make_record):
    """Function from a folder's name and changed fields to a run in it."""

    def make(folder="a", run_name="method", **changes):
        record = make_record({"test/accuracy": 50.0}, run_name=run_name, **changes)
        return write_run(tmp_path / folder, record)

    return make


def _seeds(match):
    return [(pair.a.record.seed, pair.b.record.seed) for pair in match.pairs]


@pytest.mark.parametrize("name", ["", "record.json"])
def test_a_run_is_named_by_its_folder_or_its_record(write, name):
    run = write()

    (found,) = select_runs(run.folder.path / name).runs

    assert found.record == run.record


def test_a_folder_means_every_run_below_it(write, tmp_path):
    runs = [write(), write(seed=1), write(run_name="other")]

    found = select_runs(tmp_path / "a").runs

    assert {run.folder.path for run in found} == {run.folder.path for run in runs}


def test_a_path_that_is_not_there_is_named_with_the_nearest(write, tmp_path):
    write(folder="before")

    with pytest.raises(UsageError, match="no such run or folder; did you") as caught:
        select_runs(tmp_path / "befor")

    assert "'before'" in str(caught.value)


def test_a_damaged_record_in_a_folder_is_named_and_left_out(write, tmp_path):
    sound, damaged = write(), write(seed=1)
    damaged.folder.record_path.write_text("{")

    found = select_runs(tmp_path)

    assert [run.folder.path for run in found.runs] == [sound.folder.path]
    (problem,) = found.problems
    assert problem.startswith(f"{damaged.folder.record_path}: ")


def test_a_damaged_record_that_is_named_itself_is_refused(write):
    path = write().folder.record_path
    path.write_text("{")

    with pytest.raises(UsageError, match=r"record\.json: "):
        select_runs(path)


def test_a_folder_of_damaged_records_alone_is_refused(write, tmp_path):
    path = write().folder.record_path
    path.write_text("{")

    with pytest.raises(UsageError, match="no run that can be read") as caught:
        select_runs(tmp_path)

    assert str(path) in str(caught.value)


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no run below it"):
        select_runs(tmp_path)


def test_a_folder_that_holds_one_run_twice_is_refused(write, tmp_path):
    write(folder="a")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")

    with pytest.raises(UsageError, match="hold the same run") as caught:
        select_runs(tmp_path)

    assert f"{NAME} seed 0" in str(caught.value)


def test_runs_pair_by_name_and_seed(write):
    a = [write(seed=0), write(seed=1), write(run_name="only_in_a")]
    b = [
        write("b", seed=1),
        write("b", seed=2),
        write("b", run_name="only_in_b", seed=5),
        write("b", run_name="only_in_b", seed=3),
    ]

    found = match_runs(a, b)

    (match,) = found.matches
    assert (match.a, match.b, match.name) == (NAME, NAME, NAME)
    assert _seeds(match) == [(1, 1)]
    assert match.left_out == ("seed 0: not in B", "seed 2: not in A")
    assert found.only_a == ("some_paper/small/only_in_a, seed 0",)
    assert found.only_b == ("some_paper/small/only_in_b, seed 3, 5",)


def test_a_scale_or_a_paper_of_another_name_is_another_run(write):
    a = [write(), write(scale="paper"), write(paper="other")]
    b = [write("b"), write("b", scale="smoke")]

    found = match_runs(a, b)

    assert [match.name for match in found.matches] == [NAME]
    assert found.only_a == (
        "some_paper/paper/method, seed 0",
        "other/small/method, seed 0",
    )
    assert found.only_b == ("some_paper/smoke/method, seed 0",)


def test_two_single_variants_are_compared_whatever_their_names(write):
    a = [write(seed=seed) for seed in (0, 1)]
    b = [write(run_name="baseline", seed=seed) for seed in (1, 0)]

    (match,) = match_runs(a, b).matches

    assert match.name == "some_paper/small/baseline against some_paper/small/method"
    assert _seeds(match) == [(0, 0), (1, 1)]


def test_two_single_runs_are_compared_whatever_their_seeds(write):
    (match,) = match_runs([write(seed=3)], [write(seed=7)]).matches

    assert _seeds(match) == [(3, 7)]


def test_one_run_of_a_method_without_weights_stands_for_every_seed(write):
    still = {"run_name": "pixels", "steps_planned": 0, "parameters": {}}
    learned = [write(seed=seed) for seed in (0, 1, 2)]

    (match,) = match_runs([write(**still)], learned).matches

    assert _seeds(match) == [(0, 0), (0, 1), (0, 2)]


def test_one_run_of_an_untrained_network_does_not_stand_for_other_seeds(write):
    untrained = write(run_name="untrained", steps_planned=0)
    learned = [write(seed=seed) for seed in (0, 1)]

    (match,) = match_runs([untrained], learned).matches

    assert _seeds(match) == [(0, 0)]


def test_a_run_that_is_not_done_is_left_out_with_its_reason(write):
    a = [write(seed=0), write(seed=1, state="failed", reason="the loss is nan")]
    b = [write("b", seed=0, state="interrupted"), write("b", seed=1)]

    (match,) = match_runs(a, b).matches

    assert match.pairs == ()
    assert match.left_out == (
        "seed 0: interrupted in B",
        "seed 1: failed in A (the loss is nan)",
    )


def test_lost_is_what_a_finished_and_b_tried(write):
    a = [write(seed=0), write(seed=1), write(seed=2, state="failed", reason="nan")]
    b = [write("b", seed=0, state="failed", reason="nan"), write("b", seed=2)]

    (match,) = match_runs(a, b).matches

    # Seed 1 was never started in B, and seed 2 is what A lost.
    ((run, text),) = match.lost
    assert (run.record.seed, text) == (0, "seed 0: failed in B (nan)")
