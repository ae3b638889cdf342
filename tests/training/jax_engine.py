"""The engine on the JAX backend, with the tiny paper; test_jax.py runs it.

KERAS_BACKEND=jax python -m pytest tests/training/jax_engine.py
"""

import os
import signal

import backend_run
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_experiment as tiny

from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import RunError
from cai_keras.reporting.record import read_record
from cai_keras.training import engine, evaluation

# Averages, micro-batches and an update that is not always due, beside the dropout,
# the learner's own noise, momentum and Adam of the tiny paper.
EVERYTHING = (
    "train.ema={networks: [regressor], momentum: 0.9, start_step: 2, "
    "use_for_evaluation: true}",
    "train.optimizers.critic.every=3",
    "train.accumulate=2",
)


@pytest.fixture
def session(paper, tmp_path):
    """Makes sessions; each output folder has a name of its own."""

    def make(output="runs", **options):
        return tiny.Session(paper, tmp_path / output, **options)

    return make


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished run of 16 steps, for comparison; not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = tiny.Session(tiny.write_paper(folder / "tiny"), folder / "runs")
    made.result = made.run(*EVERYTHING)
    made.final_state = made.state
    return made


def stop_at(step):
    def signal_once(done):
        if done == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return signal_once


def test_the_tests_run_on_jax():
    assert keras.backend.backend() == "jax"


def test_the_record_says_jax(undisturbed):
    record = undisturbed.result
    assert (record.backend, record.strategy, record.replicas) == ("jax", "jax", 1)
    assert (record.state, record.steps_done) == ("done", 16)
    assert record.machine.versions["jax"]
    assert sorted(record.metrics) == ["test/error", "validation/error"]


def test_losses_have_the_names_that_tensorflow_gives_them(undisturbed):
    path = undisturbed.request(*EVERYTHING).folder.metrics_path
    names = [line.split(",")[1] for line in path.read_text().splitlines()[1:]]
    trained = [name for name in names if name.startswith("train/")]
    # At step 2 the critic has not been due.
    assert list(dict.fromkeys(trained)) == [
        "train/regress/error", "train/regress/total",
        "train/critic/guess", "train/critic/total",
    ]  # fmt: skip


def test_an_interrupted_run_resumes_bit_for_bit(session, undisturbed):
    made = session()
    with pytest.raises(engine.InterruptedRunError, match="after step 6; "):
        made.run(*EVERYTHING, on_advance=stop_at(6))
    record = made.run(*EVERYTHING, resume=True)
    assert made.reporter.steps[0] > 6
    tiny.assert_same_state(made.state, undisturbed.final_state)
    assert record.metrics == undisturbed.result.metrics


def test_steps_per_call_do_not_change_the_result(session, undisturbed):
    made = session()
    made.run(*EVERYTHING, "train.steps_per_call=1")
    tiny.assert_same_state(made.state, undisturbed.final_state)


def test_restore_gives_back_the_same_outputs(session, undisturbed):
    made = session()
    request = undisturbed.request(*EVERYTHING)
    restored = evaluation.restore(request.recipe, 0, request.folder, made.build)
    tiny.assert_same_state(made.state, undisturbed.final_state)
    found = evaluation.evaluate(restored, request.recipe)
    assert found == undisturbed.result.metrics


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_and_saves_its_state(session, precision):
    made = session()
    sets = [f"train.precision={precision}", "train.steps=4"]
    record = made.run(*sets)
    assert (record.precision, record.steps_done) == (precision, 4)
    assert np.isfinite(record.metrics["test/error"].value)
    trained, request = made.state, made.request(*sets)
    evaluation.restore(request.recipe, 0, request.folder, made.build)
    tiny.assert_same_state(made.state, trained)


def test_a_bad_loss_stops_the_run_and_names_update_and_step(session):
    made = session(change=tiny.with_batches(tiny.batches(4, bad_step=9)))
    expected = "update 'regress': the loss 'error' is nan at step 10; .*ckpt-8"
    with pytest.raises(RunError, match=expected):
        made.run()
    record = read_record(made.folder.record_path)
    assert (record.state, record.steps_done) == ("failed", 10)


def test_an_example_that_cannot_be_made_is_named(session):
    def make(step, rows):
        # Row 2 of step 5 asks for a point that is not there.
        at = tf.where((step == 5) & (rows == 2), 9, 0)
        x = tf.gather(tf.zeros([3, 4]), at)
        return {"x": x, "y": x[:, 0]}

    made = session(change=tiny.with_batches(StepBatches(make, 4)))
    with pytest.raises(RunError, match="example 2 of the batch of step 6 cannot be"):
        made.run()


def test_batches_that_end_too_early_are_reported(session):
    def ending(first):
        return tiny.batches(4)(first).take(7 - first)

    made = session(change=tiny.with_batches(ending))
    with pytest.raises(RunError, match="the batches ended before step 8"):
        made.run()


def test_several_devices_are_refused_in_one_line(tmp_path):
    which = ("siamese_one_shot", "--scale", "smoke", "--output", tmp_path)
    code, errors = backend_run.cai("train", *which, "--strategy", "mirrored")
    assert code == 2
    assert errors == (
        "cai: error: --strategy mirrored: the jax backend has one process and one "
        "device\n"
    )
    assert not list(tmp_path.rglob("record.json"))


def test_a_profile_is_written(session):
    made = session()
    made.run("train.steps=4", profile=(1, 2))
    folder = made.request("train.steps=4").folder
    assert list((folder.tensorboard / "train").rglob("*.xplane.pb"))
