"""`cai launch`: real runs of two workers, undisturbed, killed and stopped."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf

from cai_keras.reporting.record import read_record
from cai_keras.reporting.run_folder import RunFolder

PAPER = "siamese_one_shot"
STEPS = 60
# Adam would make whole steps of rounding noise.
SGD = "{name: sgd, learning_rate: 0.01, momentum: 0.9, nesterov: false, \
clip_norm: null, schedule: {name: constant}}"
# Each step is a call and every second one is saved: there is time for a signal.
TRAIN = (
    "train", PAPER, "--scale", "smoke", "--variant", "conv",
    "--set", f"train.steps={STEPS}",
    "--set", "train.steps_per_call=1",
    "--set", "train.checkpoint_every=2",
    "--set", "train.evaluate_every=0",
    "--set", f"train.optimizers.siamese={SGD}",
)  # fmt: skip
LIMIT_SECONDS = 300


class Launch:
    """A call of `cai launch --workers 2` in a process of its own.

    Args:
        output: of the run; what the call prints goes into a file beside it.
        options: of the launcher.
        more: arguments of `cai train`.
    """

    def __init__(self, output: Path, options=(), more=()):
        self.run = RunFolder.of(output, PAPER, "smoke", "conv", 0)
        self._log = output.parent / f"{output.name}.log"
        command = [sys.executable, "-m", "cai_keras", "launch", "--workers", "2"]
        train = [*TRAIN, "--output", output, *more]
        with open(self._log, "a") as file:
            self._process = subprocess.Popen(
                [*command, *options, "--", *train],
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        try:
            code = self._process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"too slow:\n{self._log.read_text()}") from None
        return code, self._log.read_text()

    def end(self) -> None:
        """Ends it and its workers, if it has not ended."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def wait_for_checkpoint_after(self, step: int) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not any(number > step for number in self.saved_steps()):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def saved_steps(self) -> list[int]:
        names = [path.stem for path in self.run.checkpoints.glob("ckpt-*.index")]
        return sorted(int(name.removeprefix("ckpt-")) for name in names)

    def send(self, number: signal.Signals) -> None:
        """A signal to the launcher."""
        self._process.send_signal(number)

    def kill_worker(self, number: int) -> None:
        for process in psutil.Process(self._process.pid).children():
            config = json.loads(process.environ()["TF_CONFIG"])
            if config["task"]["index"] == number:
                process.kill()
                return
        raise AssertionError(f"no worker {number}")


def weights(run: RunFolder) -> dict[str, np.ndarray]:
    """Everything in the newest checkpoint but the clock."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(run.checkpoints))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if not name.startswith(("seconds", "_CHECKPOINTABLE", "save_counter"))
    }


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture
def start():
    """Function like `Launch`; no launcher outlives its test."""
    started = []

    def make(*arguments, **options):
        started.append(Launch(*arguments, **options))
        return started[-1]

    yield make
    for launch in started:
        launch.end()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished run of two workers; not to be changed."""
    launch = Launch(tmp_path_factory.mktemp("launch") / "undisturbed")
    code, text = launch.wait()
    assert code == 0, text
    return launch.run, text


def test_two_workers_measure_what_one_device_measures(cai, undisturbed, tmp_path):
    result = cai(*TRAIN, "--output", tmp_path)
    assert result.code == 0, result.errors
    alone, (run, _) = RunFolder.of(tmp_path, PAPER, "smoke", "conv", 0), undisturbed

    one, two = alone.record(), run.record()
    assert (one.strategy, one.replicas) == ("one", 1)
    assert (two.strategy, two.replicas) == ("multiworker", 2)
    assert (two.state, two.steps_done) == ("done", STEPS)
    assert two.metrics.keys() == one.metrics.keys()
    for name, metric in one.metrics.items():
        # Rounding may turn one of the 40 pairs, or one of 40 trials at least.
        assert two.metrics[name].value == pytest.approx(metric.value, abs=2.5), name
        assert two.metrics[name].count == metric.count, name
    found, expected = weights(run), weights(alone)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # As in test_conformance.py, of weights that are about 1.
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


def test_the_chief_alone_writes_records_and_speaks(undisturbed):
    run, text = undisturbed

    output = run.path.parents[3]
    assert list(output.rglob("record.json")) == [run.record_path]
    assert {path.name for path in output.iterdir()} == {
        PAPER, "TABLE.md", "summary", "table.csv"
    }  # fmt: skip
    assert list(output.rglob("seed*")) == [run.path]
    events = list((run.tensorboard / "train").glob("events*"))
    assert len(events) == 1
    assert text.count("1 of 1 runs to do") == 1
    assert text.count(f"table: {output / 'TABLE.md'}") == 1


@pytest.mark.slow
def test_a_killed_worker_and_a_restart_leave_the_same_bits(
    undisturbed, start, tmp_path
):
    launch = start(tmp_path / "killed", options=["--restarts", "1"])
    launch.wait_for_checkpoint_after(2)
    launch.kill_worker(1)

    code, text = launch.wait()

    assert code == 0, text
    message = "worker 1 ended with signal 9; starting over from the newest checkpoint"
    assert text.count("starting over") == text.count(message) == 1, text
    record = read_record(launch.run.record_path)
    assert (record.state, record.steps_done) == ("done", STEPS)
    assert_same_bits(weights(launch.run), weights(undisturbed[0]))
    assert record.metrics == undisturbed[0].record().metrics


@pytest.mark.slow
def test_without_restarts_a_killed_worker_ends_the_call(start, tmp_path):
    launch = start(tmp_path / "killed")
    launch.wait_for_checkpoint_after(2)
    launch.kill_worker(1)

    code, text = launch.wait()

    assert code == 1, text
    lines = [line for line in text.splitlines() if line.startswith("cai: error")]
    assert lines == ["cai: error: cai launch: worker 1 ended with signal 9"]
    assert launch.saved_steps()[-1] < STEPS


@pytest.mark.slow
def test_sigterm_saves_and_the_call_can_be_repeated(undisturbed, start, tmp_path):
    launch = start(tmp_path / "stopped")
    launch.wait_for_checkpoint_after(2)
    launch.send(signal.SIGTERM)

    code, text = launch.wait()

    assert code == 1, text
    record = read_record(launch.run.record_path)
    assert record.state == "interrupted"
    assert 2 < record.steps_done < STEPS
    assert launch.saved_steps()[-1] == record.steps_done
    last = text.splitlines()[-1]
    assert last.startswith("cai: error: cai launch: worker ")
    assert last.endswith(f"after step {record.steps_done}; continue with --resume")

    code, text = start(tmp_path / "stopped", more=["--resume"]).wait()

    assert code == 0, text
    assert_same_bits(weights(launch.run), weights(undisturbed[0]))


def test_an_unknown_paper_is_wrong_usage_and_no_reason_to_restart(cai):
    result = cai("launch", "--restarts", "3", "--", "train", "siamese_oneshot")

    assert result.code == 2
    assert "unknown paper 'siamese_oneshot'" in result.errors
    assert "starting over" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["launch"], "expected -- train PAPER"),
        (["launch", "--", "evaluate", "run"], "expected -- train PAPER"),
        (["launch", "--", "train", PAPER, "--strategy", "one"], "leave it out"),
        (["launch", "--", "train", PAPER, "--strategy=one"], "leave it out"),
        (["launch", "--workers", "0", "--", "train", PAPER], "--workers"),
    ],
)
def test_what_cannot_be_launched_is_wrong_usage(cai, arguments, message):
    result = cai(*arguments)

    assert result.code == 2
    assert message in result.errors
