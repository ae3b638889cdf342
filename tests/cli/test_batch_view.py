"""What a person sees while many runs go on."""

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from cai_keras.cli import batch_view, papers, run_status
from cai_keras.cli.batch_view import LineView, TableView, make_view, states_table
from cai_keras.cli.plan import plan_runs
from cai_keras.cli.run_status import DONE, FAILED, INTERRUPTED, RunStatus


@pytest.fixture
def statuses(tmp_path):
    """Eight waiting runs of `conv`, seeds 0 to 7."""
    paper = papers.find_paper("siamese_one_shot")
    runs = plan_runs([paper], "small", ["conv"], None, [], range(8), tmp_path)
    return [RunStatus(run, resume=False) for run in runs]


@pytest.fixture
def clock(monkeypatch):
    """A list whose only number is the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def _text(table, width=120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()


def _row(lines, title) -> str:
    (line,) = [line for line in lines if title in line]
    return line


def _start(status, total=100):
    status.begin()
    status.hear({"event": "start", "total": total, "done": 0, "batch_size": 32})


def _advance(status, done, loss=0.5):
    status.hear({"event": "advance", "done": done, "losses": {"net/loss": loss}})


def test_a_running_run_shows_steps_rate_and_time_left(statuses, clock):
    run = statuses[0]
    _start(run)
    clock[0] += 30
    _advance(run, 20)  # compilation: no rate yet
    clock[0] += 10
    _advance(run, 40)

    row = _row(_text(states_table(statuses, room=20)), "conv seed 0")

    # 20 steps of 32 examples in 10 seconds; 60 steps at 2 a second are left.
    assert run.rate == pytest.approx(64.0)
    assert run.seconds_left == pytest.approx(30.0)
    for cell in ("running", "40/100", " 64 ", "0:40", "0:30", "net/loss 0.5"):
        assert cell in row


def test_a_run_of_hours_shows_hours(statuses, clock):
    statuses[0].begin()
    clock[0] += 3 * 3600 + 5 * 60 + 7

    assert "3:05:07" in _row(_text(states_table(statuses, 20)), "conv seed 0")


def test_the_time_of_a_run_stands_still_when_it_has_ended(statuses, clock):
    statuses[0].begin()
    clock[0] += 61
    statuses[0].end(DONE, "accuracy 97")
    clock[0] += 1000

    row = _row(_text(states_table(statuses, 20)), "conv seed 0")
    assert "1:01" in row
    assert "accuracy 97" in row


def test_below_the_table_all_runs_are_counted(statuses):
    for status, state in zip(statuses, (DONE, DONE, FAILED, INTERRUPTED), strict=False):
        status.begin()
        status.end(state)
    statuses[4].begin()

    lines = _text(states_table(statuses, 20))

    counts = "3 waiting, 1 starting, 2 done, 1 failed, 1 interrupted"
    assert lines[-1].strip() == counts


def test_a_low_terminal_shows_what_runs_and_what_went_wrong_first(statuses):
    for status in statuses[:5]:
        status.begin()
        status.end(DONE)
    statuses[1].end(FAILED, "the loss is nan")
    statuses[5].begin()

    lines = _text(states_table(statuses, room=3))

    shown = [n for n in range(8) if any(f"conv seed {n}" in line for line in lines)]
    assert shown == [1, 5, 6]  # failed, running, and the next of the queue
    assert lines[-1].strip().endswith("(5 not shown)")


def test_details_with_brackets_are_not_taken_for_markup(statuses):
    statuses[0].begin()
    statuses[0].end(FAILED, "no key [bold] in [0]")

    row = _row(_text(states_table(statuses, 20), width=140), "conv seed 0")
    assert "no key [bold] in [0]" in row


def test_runs_of_several_papers_are_told_apart(statuses):
    before = _text(states_table(statuses, 9))
    run = statuses[0].run
    statuses[0].run = replace(run, recipe=replace(run.recipe, slug="other_paper"))

    after = _text(states_table(statuses, 9))

    assert not any("siamese_one_shot" in line for line in before)
    assert _row(after, "other_paper conv seed 0")
    assert _row(after, "siamese_one_shot conv seed 1")


def test_without_a_terminal_every_change_of_a_state_is_one_line(statuses):
    console = Console(file=io.StringIO(), width=60)
    view = make_view(console)
    assert isinstance(view, LineView)
    with view:
        view.update(statuses[:2])
        _start(statuses[0])
        view.update(statuses[:2])
        _advance(statuses[0], 10)
        view.update(statuses[:2])
        statuses[0].end(DONE, "accuracy " + "9" * 80)
        view.update(statuses[:2])

    assert console.file.getvalue().splitlines() == [
        "[1/2] conv seed 0 running",
        "[1/2] conv seed 0 done: accuracy " + "9" * 80,
    ]


def test_without_a_terminal_the_rest_is_said_now_and_then(statuses, clock):
    console = Console(file=io.StringIO(), width=60)
    view = LineView(console)
    _start(statuses[0])
    view.update(statuses[:2])
    clock[0] += 5
    _advance(statuses[0], 10)
    view.update(statuses[:2])
    clock[0] += batch_view._SECONDS_BETWEEN_LINES
    view.update(statuses[:2])

    assert console.file.getvalue().splitlines() == [
        "[1/2] conv seed 0 running",
        "1 waiting, 1 running",
        "  conv seed 0: step 10 of 100, net/loss 0.5",
    ]


def test_a_terminal_gets_the_table(statuses):
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=30)
    view = make_view(console)
    assert isinstance(view, TableView)

    with view:
        view.update(statuses)
        statuses[3].begin()
        view.update(statuses)

    assert "starting" in console.file.getvalue()


def test_states_are_counted_in_the_order_of_a_runs_life(statuses):
    statuses[0].begin()

    assert list(run_status.count_states(statuses).items()) == [
        ("waiting", 7),
        ("starting", 1),
    ]
