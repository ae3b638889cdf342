"""The engine on a tiny two-player experiment: records, resuming, failures."""

import csv
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from cai_keras.errors import RunError, UsageError
from cai_keras.reporting.record import Metric, read_record
from cai_keras.training import engine, evaluation

SCRIPT = Path(__file__).with_name("tiny_experiment.py")


class Session:
    """Runs the tiny paper and keeps the last experiment that was built.

    Args:
        change: experiment -> experiment, applied to what `build` gives.
    """

    def __init__(self, tiny, paper, output, change=lambda experiment: experiment):
        self.tiny, self.paper, self.output, self.change = tiny, paper, output, change
        self.experiment = None
        self.reporter = None

    def build(self, recipe, seed):
        self.experiment = self.change(self.tiny.build(recipe, seed))
        return self.experiment

    def request(self, *sets, **options):
        return self.tiny.request(self.paper, self.output, sets=sets, **options)

    def run(self, *sets, on_advance=None, **options):
        self.reporter = self.tiny.QuietReporter(on_advance)
        return engine.run(self.request(*sets, **options), self.build, self.reporter)

    @property
    def state(self):
        return self.tiny.state_of(self.experiment)

    @property
    def folder(self):
        return self.request().folder

    def folder_of(self, scale):
        return self.request(scale=scale).folder

    def rows(self, scale="paper"):
        path = self.folder_of(scale).metrics_path
        with open(path, newline="") as file:
            return [tuple(row) for row in csv.reader(file)][1:]


@pytest.fixture
def session(tiny, paper, tmp_path):
    """Makes sessions; each output folder has a name of its own."""

    def make(output="runs", **options):
        return Session(tiny, paper, tmp_path / output, **options)

    return make


@pytest.fixture(scope="module")
def undisturbed(tiny, tmp_path_factory):
    """A finished run of 16 steps, for comparison; not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    session = Session(tiny, tiny.write_paper(folder / "tiny"), folder / "runs")
    session.record = session.run()
    session.final_state = session.state
    return session


def stop_at(step):
    """Sends SIGTERM to this process once `step` steps are done."""

    def signal_once(done):
        if done == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return signal_once


def assert_same_state(found, expected):
    # Names hold Keras's running numbers of layers: compare in order.
    for value, (name, want) in zip(found.values(), expected.items(), strict=True):
        np.testing.assert_array_equal(value, want, err_msg=name)


def with_batches(tiny, **options):
    """Replaces the batches, for example by some with a NaN at `bad_step`."""

    def change(experiment):
        (phase,) = experiment.phases
        phase = dataclasses.replace(phase, batches=tiny.batches(4, **options))
        return dataclasses.replace(experiment, phases=(phase,))

    return change


def with_evaluators(**evaluators):
    def change(experiment):
        return dataclasses.replace(experiment, evaluators=evaluators)

    return change


def zeroed(path):
    """Same size, other content."""
    path.write_bytes(bytes(path.stat().st_size))


# What a finished run leaves


def test_a_run_writes_a_record_that_says_done(undisturbed):
    record = read_record(undisturbed.folder.record_path)
    assert record == undisturbed.record
    assert (record.state, record.reason) == ("done", None)
    assert (record.steps_planned, record.steps_done) == (16, 16)
    assert (record.paper, record.scale, record.variant) == ("tiny", "paper", "narrow")
    assert (record.run_name, record.seed) == ("narrow", 0)
    assert (record.global_batch, record.replicas, record.strategy) == (4, 1, "one")
    assert (record.backend, record.precision) == ("tensorflow", "float32")
    assert 0 < record.train_seconds <= record.wall_seconds
    assert record.examples_per_second > 0
    assert record.peak_memory_bytes > 10**7


def test_the_record_counts_parameters(undisturbed):
    # Regressor: 4 * 8 + 8, 8 * 1 + 1 = 49; critic: 1 * 1 + 1 = 2. Seeds are no weights.
    found = undisturbed.record.parameters
    assert (found["regressor"].trainable, found["regressor"].total) == (49, 49)
    assert (found["critic"].trainable, found["critic"].total) == (2, 2)


def test_the_record_names_the_data_set_versions_and_threads(undisturbed):
    record = undisturbed.record
    assert (record.dataset.name, record.dataset.version) == ("points", "1.0.0")
    assert record.dataset.spec == "embedded:points"
    assert record.dataset.stand_in is False
    assert record.dataset.examples == {"train": 1000}
    assert record.machine.versions["tensorflow"] == tf.__version__
    assert record.machine.intra_op_threads >= 1
    assert record.machine.devices


def test_the_metrics_are_those_of_every_evaluator(undisturbed):
    metrics = undisturbed.record.metrics
    assert sorted(metrics) == ["test/error", "validation/error"]
    assert metrics["test/error"].count == 10


def test_a_run_folder_holds_every_file(undisturbed):
    path = undisturbed.folder.path
    assert (path / "log.txt").read_text().count("\n") > 3
    assert list((path / "tb" / "train").glob("events*"))
    assert list((path / "tb" / "validation").glob("events*"))
    assert (path / "figures" / "line.png").read_bytes().startswith(b"\x89PNG")
    checkpoints = {p.name for p in (path / "checkpoints").iterdir()}
    assert {"regressor.keras", "critic.keras", "ckpt-16.index"} <= checkpoints
    assert len([name for name in checkpoints if name.endswith(".index")]) == 3
    document = yaml.safe_load((path / "config.yaml").read_text())
    assert document["recipe"] == undisturbed.request().recipe.values
    # Temporary files of atomic writes are gone.
    assert not list(path.rglob("*.tmp"))


def test_losses_are_logged_every_two_steps_and_validation_every_four(undisturbed):
    rows = undisturbed.rows()
    train = [int(step) for step, name, _ in rows if name == "train/regress/error"]
    assert train == [2, 4, 6, 8, 10, 12, 14, 16]
    validated = [int(step) for step, name, _ in rows if name == "validation/error"]
    # At 16 once, by the evaluation after training.
    assert validated == [4, 8, 12, 16]


def test_the_test_split_is_measured_only_at_the_end(session):
    calls = {"validation": 0, "test": 0}

    def counting(split):
        def measure():
            calls[split] += 1
            return {"calls": Metric.of(calls[split], 1)}

        return measure

    change = with_evaluators(validation=counting("validation"), test=counting("test"))
    record = session(change=change).run()
    assert calls == {"validation": 4, "test": 1}
    assert record.metrics["test/calls"].value == 1


def test_a_metric_without_a_value_keeps_its_reason(session):
    nothing = Metric(value=None, reason="no threshold")
    made = session(change=with_evaluators(test=lambda: {"p": nothing}))
    record = made.run(scale="smoke")
    assert record.metrics["test/p"].reason == "no threshold"
    assert not [row for row in made.rows("smoke") if row[1] == "test/p"]


def test_training_lowers_the_error(session):
    made = session()
    before = made.run("train.steps_factor=0.0").metrics["test/error"].value
    after = session("longer").run("train.steps=100").metrics["test/error"].value
    assert after < before


def test_no_steps_evaluate_the_initial_weights(session):
    made = session()
    record = made.run("train.steps_factor=0.0")
    assert (record.state, record.steps_planned, record.steps_done) == ("done", 0, 0)
    assert record.examples_per_second is None
    assert {row[0] for row in made.rows()} == {"0"}


def test_another_data_set_is_a_stand_in(session):
    def change(experiment):
        loaded = dataclasses.replace(experiment.dataset, name="glyphs")
        return dataclasses.replace(experiment, dataset=loaded)

    assert session(change=change).run(scale="smoke").dataset.stand_in is True


def test_the_same_seed_gives_the_same_bits_and_another_does_not(session, undisturbed):
    made = session()
    made.run()
    assert_same_state(made.state, undisturbed.final_state)
    request = dataclasses.replace(session("other").request(), seed=1)
    engine.run(request, made.build, undisturbed.tiny.QuietReporter())
    kernel = next(iter(made.state.values()))
    assert (kernel != next(iter(undisturbed.final_state.values()))).any()


def test_steps_per_call_do_not_change_the_result(session, undisturbed):
    made = session()
    made.run("train.steps_per_call=1")
    assert_same_state(made.state, undisturbed.final_state)


def test_validation_does_not_change_the_result(session, undisturbed):
    made = session()
    made.run("train.evaluate_every=0", "train.log_every=16")
    assert_same_state(made.state, undisturbed.final_state)


# Stopping and resuming


@pytest.mark.parametrize("step", [4, 6, 14])
def test_an_interrupted_run_resumes_bit_for_bit(session, undisturbed, step):
    made = session()
    with pytest.raises(engine.InterruptedRunError, match=f"after step {step}; "):
        made.run(on_advance=stop_at(step))
    record = read_record(made.folder.record_path)
    assert (record.state, record.steps_done) == ("interrupted", step)
    assert "SIGTERM" in record.reason
    assert record.metrics == {}

    record = made.run(resume=True)
    assert made.reporter.steps[0] > step
    assert (record.state, record.steps_done) == ("done", 16)
    assert_same_state(made.state, undisturbed.final_state)
    assert record.metrics == undisturbed.record.metrics


def test_metrics_csv_of_a_resumed_run_has_no_duplicates(session, undisturbed):
    made = session()
    with pytest.raises(engine.InterruptedRunError):
        made.run(on_advance=stop_at(6))
    made.run(resume=True)
    assert sorted(made.rows()) == sorted(undisturbed.rows())


def test_resuming_a_finished_run_only_evaluates_it_again(session, undisturbed):
    made = session()
    made.run()
    record = made.run(resume=True)
    assert made.reporter.steps == []
    assert record.metrics == undisturbed.record.metrics
    assert sorted(made.rows()) == sorted(undisturbed.rows())
    assert_same_state(made.state, undisturbed.final_state)


def test_resuming_without_a_checkpoint_starts_at_the_beginning(session, undisturbed):
    made = session()
    made.run(resume=True)
    assert_same_state(made.state, undisturbed.final_state)


def test_a_run_that_starts_anew_forgets_the_checkpoints_of_the_old_one(session):
    made = session()
    made.run()
    made.change = with_batches(made.tiny, bad_step=1)
    with pytest.raises(RunError, match="last good checkpoint: none was written"):
        made.run()
    made.change = lambda experiment: experiment
    made.run(resume=True)
    assert made.reporter.steps[0] < 4


def test_wall_time_is_summed_over_sessions(session):
    made = session()
    with pytest.raises(engine.InterruptedRunError):
        made.run(on_advance=stop_at(6))
    first = read_record(made.folder.record_path)
    second = made.run(resume=True)
    assert second.wall_seconds > first.wall_seconds
    assert second.train_seconds > first.train_seconds


def test_signal_handlers_are_given_back(session):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    session().run(scale="smoke")
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_resumes_and_is_in_the_record(session, precision):
    sets = [f"train.precision={precision}"]
    whole = session("whole")
    assert whole.run(*sets).precision == precision
    made = session()
    with pytest.raises(engine.InterruptedRunError):
        made.run(*sets, on_advance=stop_at(6))
    made.run(*sets, resume=True)
    assert_same_state(made.state, whole.state)


# Failures


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_loss_stops_the_run_and_names_update_and_step(session, tiny, bad):
    change = with_batches(tiny, bad_step=9, bad_value=bad)
    made = session(change=change)
    with pytest.raises(RunError) as caught:
        made.run()
    # Batch 9 is that of the tenth step.
    message = str(caught.value)
    assert f"update 'regress': the loss 'error' is {bad} at step 10" in message
    assert message.endswith("ckpt-8")
    record = read_record(made.folder.record_path)
    assert (record.state, record.steps_done, record.metrics) == ("failed", 10, {})
    assert record.reason == message


def test_the_last_good_checkpoint_of_a_failed_run_can_be_used(
    session, tiny, undisturbed
):
    made = session(change=with_batches(tiny, bad_step=9))
    with pytest.raises(RunError):
        made.run()
    made.change = lambda experiment: experiment
    made.run(resume=True)
    assert made.reporter.steps[0] in (9, 10)
    assert_same_state(made.state, undisturbed.final_state)


def test_weights_that_are_not_finite_are_never_saved(session, tiny):
    # sqrt(sum(w - w)) is 0 with the slope 0 * infinity: a finite loss, a NaN weight.
    def poison(experiment):
        learner = experiment.phases[0].learner
        kernel = learner.networks["critic"].trainable_variables[0]
        plain = learner.critic_losses
        learner.critic_losses = lambda batch: {
            "guess": plain(batch)["guess"]
            + keras.ops.sqrt(keras.ops.sum(kernel - kernel))
        }
        return experiment

    made = session(change=poison)
    expected = "network 'critic': .* not finite after step 1; .*: none was written"
    with pytest.raises(RunError, match=expected):
        made.run("train.steps=1")
    assert read_record(made.folder.record_path).state == "failed"
    assert not list(made.folder.path.rglob("ckpt-*"))


def test_an_evaluator_that_raises_leaves_a_failed_record(session):
    def broken():
        raise ZeroDivisionError("no example\nwas seen")

    made = session(change=with_evaluators(test=broken))
    with pytest.raises(RunError, match="ZeroDivisionError: no example"):
        made.run(scale="smoke")
    record = read_record(made.folder_of("smoke").record_path)
    assert (record.state, record.steps_done) == ("failed", 4)
    assert "no example" in record.reason


def test_an_error_without_a_message_still_leaves_a_reason(session):
    def broken():
        raise AssertionError

    made = session(change=with_evaluators(test=broken))
    with pytest.raises(RunError, match="AssertionError"):
        made.run(scale="smoke")
    record = read_record(made.folder_of("smoke").record_path)
    assert record.state == "failed"
    assert "AssertionError" in record.reason


def test_a_damaged_checkpoint_falls_back_and_says_so(session, undisturbed):
    made = session()
    with pytest.raises(engine.InterruptedRunError):
        made.run(on_advance=stop_at(14))
    # Checkpoints 8, 12 and 14 are left.
    zeroed(next(made.folder.checkpoints.glob("ckpt-14.data*")))
    made.run(resume=True)
    assert made.reporter.steps[0] in (13, 14)
    (message,) = made.reporter.messages
    assert "ckpt-14 cannot be read" in message
    assert message in made.folder.log_path.read_text()
    assert_same_state(made.state, undisturbed.final_state)
    assert sorted(made.rows()) == sorted(undisturbed.rows())


def test_a_run_with_only_damaged_checkpoints_does_not_start_over(session):
    made = session()
    made.run()
    before = made.folder.record_path.read_bytes()
    for path in made.folder.checkpoints.glob("ckpt-*.data*"):
        zeroed(path)
    with pytest.raises(RunError, match="no other checkpoint is left"):
        made.run(resume=True)
    assert made.folder.record_path.read_bytes() == before


def test_a_second_process_in_one_folder_is_refused(session):
    made = session()
    made.folder.path.mkdir(parents=True)
    code = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(made.folder.path / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another process is writing this run"):
            made.run(scale="paper")
        assert not made.folder.record_path.exists()
    finally:
        other.communicate("")
    assert made.run().state == "done"


def test_an_unknown_strategy_is_refused(session):
    with pytest.raises(UsageError, match="--strategy: unknown name 'on'"):
        session().run(strategy="on")


# After the run


def test_restore_gives_back_the_same_outputs(session, undisturbed):
    made = session()
    request = undisturbed.request()
    restored = evaluation.restore(request.recipe, 0, request.folder, made.build)
    assert_same_state(made.state, undisturbed.final_state)
    assert evaluation.evaluate(restored, request.recipe) == undisturbed.record.metrics


def test_restore_without_a_checkpoint_is_refused(session):
    request = session().request()
    with pytest.raises(RunError, match="no checkpoint; train the run first"):
        evaluation.restore(request.recipe, 0, request.folder, session().build)


def test_exported_networks_load_with_keras_alone(undisturbed):
    path = undisturbed.folder.checkpoints / "regressor.keras"
    loaded = keras.saving.load_model(path, safe_mode=True)
    trained = undisturbed.experiment.networks()["regressor"]
    x = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(loaded(x), trained(x))


def test_the_record_on_disk_is_plain_json(undisturbed):
    found = json.loads(undisturbed.folder.record_path.read_text())
    assert found["schema_version"] == 1
    assert found["metrics"]["test/error"]["reason"] is None


# kill -9


def start_script(paper_folder, output, weights, seconds_per_call):
    arguments = [str(a) for a in (paper_folder, output, weights, seconds_per_call)]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]


def size_of(path):
    return path.stat().st_size if path.exists() else 0


@pytest.mark.slow
def test_runs_killed_at_random_moments_resume_bit_for_bit(tiny, tmp_path):
    tiny.write_paper(tmp_path / "tiny")
    finish(start_script(tmp_path / "tiny", tmp_path / "a", tmp_path / "a.npz", 0))

    moments = random.Random(0)
    run = tmp_path / "b" / "tiny" / "paper" / "narrow" / "seed0"
    for _ in range(3):
        before = size_of(run / "log.txt")
        process = start_script(
            tmp_path / "tiny", tmp_path / "b", tmp_path / "b.npz", 0.1
        )
        while size_of(run / "log.txt") == before and process.poll() is None:
            time.sleep(0.05)
        time.sleep(moments.uniform(0.3, 2.5))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert read_record(run / "record.json").state == "running"
    finish(start_script(tmp_path / "tiny", tmp_path / "b", tmp_path / "b.npz", 0))

    whole, killed = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert whole.files == killed.files
    for name in whole.files:
        np.testing.assert_array_equal(killed[name], whole[name], err_msg=name)
    assert read_record(run / "record.json").steps_done == 200
