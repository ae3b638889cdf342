"""`cai train --profile A:B`, and what the run says about waiting for data."""

import re

import pytest

from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
SMOKE = ("train", PAPER, "--scale", "smoke", "--variant", "conv")


@pytest.fixture(scope="module")
def profiled(cai, tmp_path_factory):
    """The folder of a smoke run of 4 steps whose last two were profiled."""
    output = tmp_path_factory.mktemp("profiled")
    # A call of the loop ends with step 3 and the run with step 4 in any case.
    longer_calls = ("--set", "train.steps_per_call=3", "--set", "train.log_every=4")
    result = cai(*SMOKE, "--profile", "2:4", *longer_calls, "--output", output)
    assert result.code == 0, result.errors
    return RunFolder.of(output, PAPER, "smoke", "conv", 0)


def test_a_profile_is_written_where_tensorboard_looks_for_it(profiled):
    (trace,) = profiled.tensorboard.glob("train/plugins/profile/*/*.xplane.pb")

    assert trace.stat().st_size > 1000
    # Names of the host's own threads of work stand in the trace.
    assert b"/host:CPU" in trace.read_bytes()


def test_the_record_and_the_log_state_the_same_share_of_waiting(profiled):
    share = profiled.record().input_wait_share

    (found,) = re.findall(
        r" waited for data (\S+) % of the training time\n",
        profiled.log_path.read_text(),
    )
    assert 0 <= share <= 1
    assert found == f"{100 * share:.1f}"


@pytest.mark.parametrize(
    "window", ["4:2", "2:2", "2", "2:", ":4", "a:b", "-1:4", "1:2:3"]
)
def test_a_window_that_is_none_is_refused_before_anything_starts(cai, tmp_path, window):
    result = cai(*SMOKE, f"--profile={window}", "--output", tmp_path / "runs")

    assert result.code == 2
    expected = f"--profile {window}: expected A:B, two steps with A below B"
    assert result.errors == f"cai: error: {expected}\n"
    assert not (tmp_path / "runs").exists()


def test_a_window_after_the_last_step_is_said_to_be_empty(cai, tmp_path):
    result = cai(*SMOKE, "--profile", "100:120", "--output", tmp_path / "runs")

    assert result.code == 0, result.errors
    assert "--profile: the run has no such steps; nothing was written" in result.output
