"""kill -9: a resumed run ends in the bits of an undisturbed one.

    pytest -m slow -k twenty_kills tests/training/test_kills.py

kills 24 times at random moments. The tests that always run kill at chosen moments.
"""

import random
import signal
import time

import kill_run
import numpy as np
import pytest

from cai_keras.reporting.record import read_record

STEPS = 12
LONG = 160


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of 12 steps from start to end; not to be changed."""
    return _undisturbed(tmp_path_factory.mktemp("undisturbed"), STEPS)


def _undisturbed(folder, steps):
    run = kill_run.KillableRun(folder, steps)
    run.state = run.finish()
    return run


def assert_same_run(run, state, expected):
    """State, metrics and files, bit for bit and row by row."""
    assert state.keys() == expected.state.keys()
    for name, value in expected.state.items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)
    found, wanted = (read_record(r.folder.record_path) for r in (run, expected))
    assert (found.state, found.steps_done) == ("done", wanted.steps_done)
    assert found.metrics == wanted.metrics
    assert run.rows() == expected.rows()
    assert checkpoints(run) == checkpoints(expected)


def checkpoints(run):
    """Files and folders; of half a checkpoint only a list that was begun may stay."""
    folder = run.folder.checkpoints
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.name.startswith("checkpoint.tmp")
    )


def test_the_killed_run_has_every_kind_of_state(undisturbed):
    kinds = {name.split("/")[1] for name in undisturbed.state}
    assert kinds == {"networks", "optimizers", "averages", "learner"}
    seeds = [name for name in undisturbed.state if name.endswith("generator_state")]
    assert len(seeds) == 2  # of dropout, and of the critic's noise
    # The critic is due at every other step.
    counts = [v for n, v in undisturbed.state.items() if n.endswith("iteration")]
    assert sorted(counts) == [STEPS // 2, STEPS]


def test_a_kill_between_two_players_changes_no_bit(undisturbed, tmp_path):
    run = kill_run.KillableRun(tmp_path, STEPS)

    process = run.start(kill_run.BETWEEN_PLAYERS, step=7)
    process.join()

    assert process.exitcode == -signal.SIGKILL
    # In the eighth step, after the regressor's eighth update; the critic has had its
    # updates of steps 2, 4 and 6.
    assert (tmp_path / "players.txt").read_text() == "8 3"
    assert read_record(run.folder.record_path).steps_done == 6
    assert_same_run(run, run.finish(), undisturbed)


@pytest.mark.parametrize("moment", kill_run.MOMENTS)
def test_a_kill_while_a_checkpoint_is_written_changes_no_bit(
    undisturbed, tmp_path, moment
):
    run = kill_run.KillableRun(tmp_path, STEPS)

    process = run.start(moment, step=8)
    process.join()

    assert process.exitcode == -signal.SIGKILL
    assert read_record(run.folder.record_path).steps_done == 6
    assert_same_run(run, run.finish(), undisturbed)


def test_a_kill_in_the_first_checkpoint_starts_over(undisturbed, tmp_path):
    run = kill_run.KillableRun(tmp_path, STEPS)

    process = run.start("half an index", step=2)
    process.join()

    assert process.exitcode == -signal.SIGKILL
    assert_same_run(run, run.finish(), undisturbed)


@pytest.mark.slow
@pytest.mark.usefixtures("undisturbed")  # so that the server of processes runs
def test_twenty_kills_at_random_moments_end_in_the_same_weights(tmp_path):
    begin = time.time()
    expected = _undisturbed(tmp_path / "undisturbed", LONG)
    life = expected.folder.record_path.stat().st_mtime - begin
    moments = random.Random(0)

    for number in range(12):
        run = kill_run.KillableRun(tmp_path / str(number), LONG)
        # The second kill hits the process that resumed after the first one.
        for _ in range(2):
            kill_within(run, life, moments)
        assert_same_run(run, run.finish(), expected)


def kill_within(run, life, moments):
    """Kills a process of the run at a moment of its life, all equally likely."""
    while True:
        process = run.start()
        process.join(moments.uniform(0, life))
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            return
