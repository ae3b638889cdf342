"""Which runs are done again: those whose config or code is not what it was."""

import pytest

from cai_keras.cli import papers, plan
from cai_keras.cli.plan import InTheWay, needed_runs, plan_runs
from cai_keras.errors import UsageError
from cai_keras.reporting.record import read_record, write_record
from cai_keras.training.config import resolved_yaml

PAPER = "siamese_one_shot"


@pytest.fixture
def run(tmp_path):
    """A planned run; nothing lies in its folder."""
    paper = papers.find_paper(PAPER)
    (planned,) = plan_runs([paper], "small", ["conv"], None, [], [0], tmp_path)
    return planned


@pytest.fixture
def leave(run, siamese_record):
    """Function that puts a record and its config into the run's folder."""

    def put(state="done", code=run.code):
        record = siamese_record(97.0, state=state, code=code)
        write_record(run.folder.record_path, record)
        run.folder.config_path.write_text(resolved_yaml(run.recipe, run.seed))

    return put


def _how(run, **in_the_way):
    """`new`, `continued` or `kept`."""
    todo = needed_runs([run], InTheWay(**in_the_way))
    if not todo:
        return "kept"
    ((same, resume),) = todo
    assert same is run
    return "continued" if resume else "new"


@pytest.mark.parametrize(
    ("state", "options", "expected"),
    [
        ("done", {}, "kept"),
        ("done", {"resume": True}, "kept"),
        ("done", {"stale": "rerun"}, "kept"),
        ("done", {"overwrite": True}, "new"),
        ("interrupted", {"resume": True}, "continued"),
        ("failed", {"resume": True}, "continued"),
        ("running", {"overwrite": True}, "new"),
    ],
)
def test_a_run_of_the_same_config_and_code(run, leave, state, options, expected):
    leave(state)

    assert _how(run, **options) == expected


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"stale": "keep"}])
def test_a_run_that_is_not_there_is_new(run, options):
    assert _how(run, **options) == "new"


@pytest.mark.parametrize(
    ("state", "options", "expected"),
    [
        ("done", {"stale": "keep"}, "kept"),
        ("done", {"stale": "rerun"}, "new"),
        ("interrupted", {"resume": True, "stale": "keep"}, "continued"),
        ("interrupted", {"resume": True, "stale": "rerun"}, "new"),
        ("done", {"overwrite": True}, "new"),
    ],
)
def test_a_run_that_other_code_made(run, leave, state, options, expected):
    leave(state, code="0123456789abcdef")

    assert _how(run, **options) == expected


@pytest.mark.parametrize(
    ("state", "code", "options", "message"),
    [
        ("done", "0123456789abcdef", {}, "made by other code; --stale rerun trains"),
        ("done", None, {}, "made by code that is not recorded; --stale rerun"),
        ("interrupted", "0123456789abcdef", {"resume": True}, "keep continues it"),
        ("interrupted", "same", {}, "is interrupted; continue with --resume"),
    ],
)
def test_what_may_neither_be_kept_nor_replaced_is_refused(
    run, leave, state, code, options, message
):
    leave(state, code=run.code if code == "same" else code)
    before = read_record(run.folder.record_path)

    with pytest.raises(UsageError, match=message) as caught:
        needed_runs([run], InTheWay(**options))

    assert str(caught.value).startswith(f"{run.folder.path}: holds a run that")
    assert read_record(run.folder.record_path) == before


def test_another_config_is_refused_whatever_the_code(run, leave, tmp_path):
    leave()
    (other,) = plan_runs(
        [run.paper], "small", ["conv"], None, ["train.steps=7"], [0], tmp_path
    )

    for options in ({}, {"resume": True}, {"stale": "rerun"}):
        with pytest.raises(UsageError, match="holds a run with another config"):
            needed_runs([other], InTheWay(**options))


def test_the_error_names_the_first_run_and_counts_the_others(run, leave):
    leave("failed")

    with pytest.raises(UsageError, match=r"is failed; .* \(2 more runs like it\)$"):
        needed_runs([run] * 3, InTheWay())


def test_a_changed_file_of_the_paper_makes_its_runs_stale(run, leave, monkeypatch):
    leave()
    monkeypatch.setattr(plan, "code_digest", lambda folder: "fedcba9876543210")

    with pytest.raises(UsageError, match="made by other code"):
        needed_runs([run], InTheWay())
