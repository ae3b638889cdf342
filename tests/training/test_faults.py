"""Bad losses, bad data and signals: what stops a run, what it says, what is kept."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import RunError
from cai_keras.reporting.record import Metric
from cai_keras.training import engine


@pytest.fixture
def session(tiny, paper, tmp_path):
    """Makes sessions of the tiny paper, whose `build` can be changed."""

    def make(**options):
        return tiny.Session(paper, tmp_path / "runs", **options)

    return make


@pytest.fixture(scope="module")
def undisturbed(tiny, tmp_path_factory):
    """A finished run of 16 steps, for comparison; not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    session = tiny.Session(tiny.write_paper(folder / "tiny"), folder / "runs")
    session.run()
    session.final_state = session.state
    return session


def reason_of_failure(session, *sets):
    """What a run says that fails; it is one line, and the record's reason too."""
    with pytest.raises(RunError) as caught:
        session.run(*sets)
    assert "\n" not in str(caught.value)
    assert session.record.state == "failed"
    assert session.record.metrics == {}
    assert session.record.reason in str(caught.value)
    return str(caught.value)


# NaN


def test_unchecked_losses_run_on_until_a_checkpoint_refuses_the_weights(session, tiny):
    made = session(change=tiny.with_batches(tiny.batches(4, bad_step=5)))

    reason = reason_of_failure(made, "train.check_finite=false")

    # The sixth batch is bad; checkpoints are due after steps 4 and 8.
    assert made.reporter.steps[-1] == 8
    assert reason.startswith("network 'regressor': ")
    assert "is not finite after step 8; last good checkpoint: " in reason
    assert reason.endswith("/ckpt-4")
    assert not list(made.folder.checkpoints.glob("ckpt-8*"))


@pytest.mark.parametrize("bad_step", [6, 7, 8])
def test_a_bad_loss_anywhere_in_a_cycle_names_its_own_step(session, tiny, bad_step):
    # All six steps of a call are two passes of a cycle of three.
    cycle = ["train.optimizers.critic.every=3", "train.steps_per_call=6"]
    rare = ["train.log_every=6", "train.evaluate_every=0", "train.checkpoint_every=6"]
    made = session(change=tiny.with_batches(tiny.batches(4, bad_step=bad_step)))

    reason = reason_of_failure(made, *cycle, *rare)

    expected = f"update 'regress': the loss 'error' is nan at step {bad_step + 1}; "
    assert reason.startswith(expected)
    assert reason.endswith("/ckpt-6")
    assert made.record.steps_done == bad_step + 1


def poisoned_critic(step):
    """The critic's loss is NaN at a step, counted from 0."""

    def change(experiment):
        learner = experiment.phases[0].learner
        plain = learner.critic_losses

        def critic_losses(batch):
            guess = plain(batch)["guess"]
            return {"guess": tf.where(learner.steps.value == step, np.nan, guess)}

        learner.critic_losses = critic_losses
        return experiment

    return change


def test_a_bad_loss_of_an_update_that_is_due_names_that_update(session):
    # The critic is due at the steps 3, 6, 9, ... of which 9 is number 8 from 0.
    made = session(change=poisoned_critic(8))

    reason = reason_of_failure(made, "train.optimizers.critic.every=3")

    assert "update 'critic': the loss 'guess' is nan at step 9; " in reason


def test_a_bad_loss_of_an_update_that_is_not_due_does_no_harm(session):
    made = session(change=poisoned_critic(7))

    record = made.run("train.optimizers.critic.every=3")

    assert record.state == "done"


# Data


def missing_file():
    return tf.io.read_file("/nowhere/image_17.png")


def broken_picture():
    return tf.strings.as_string(tf.io.decode_png("no picture")[0, 0, 0])


def failed_assertion():
    label = tf.random.uniform([]) + 5.0  # not known before the graph runs
    assertion = tf.debugging.assert_less(label, 1.0, message="label out of range")
    with tf.control_dependencies([assertion]):
        return tf.constant("")


def python_error():
    def look_up(label):
        return {0: "zero"}[int(label)]

    return tf.numpy_function(look_up, [17], tf.string)


def error_without_a_name_in_error():
    class Mould(Exception):  # noqa: N818
        pass

    def open_jar(label):
        raise Mould("in jar 17\nand its neighbours")

    return tf.numpy_function(open_jar, [17], tf.string)


FAULTS = {
    missing_file: "/nowhere/image_17.png; No such file or directory",
    broken_picture: "Unknown image file format. One of JPEG",
    failed_assertion: "assertion failed: [label out of range]",
    python_error: "KeyError: 17",
    error_without_a_name_in_error: "Mould: in jar 17",
}


def faulty_batches(fault, bad_step=5, bad_row=2):
    """Zeros, but one row of one step cannot be made."""

    def make(step, rows):
        bad = (step == bad_step) & tf.reduce_any(rows == bad_row)
        nothing = tf.cond(bad, fault, lambda: tf.constant(""))
        with tf.control_dependencies([nothing]):
            return {"x": tf.zeros([len(rows), 4]), "y": tf.zeros([len(rows)])}

    return StepBatches(make, batch_size=4)


@pytest.mark.parametrize(
    ("fault", "why"), FAULTS.items(), ids=[fault.__name__ for fault in FAULTS]
)
def test_an_example_that_cannot_be_made_is_named(session, tiny, fault, why):
    made = session(change=tiny.with_batches(faulty_batches(fault)))

    reason = reason_of_failure(made)

    expected = f"data: example 2 of the batch of step 6 cannot be made: {why}"
    assert reason.startswith(expected)


def test_the_element_is_found_in_a_call_of_many_steps(session, tiny):
    made = session(change=tiny.with_batches(faulty_batches(missing_file, 13, 3)))
    rare = ["train.log_every=16", "train.evaluate_every=0", "train.checkpoint_every=0"]

    reason = reason_of_failure(made, "train.steps_per_call=16", *rare)

    assert reason.startswith("data: example 3 of the batch of step 14 cannot be made")


def test_of_a_plain_dataset_the_batch_is_named(session, tiny):
    batches = faulty_batches(missing_file)
    made = session(change=tiny.with_batches(lambda first: batches(first)))

    reason = reason_of_failure(made)

    assert reason.startswith("data: the batch of step 6 cannot be made: /nowhere/")


def test_batches_that_end_too_early_are_counted(session, tiny):
    batches = tiny.batches(4)
    finite = tiny.with_batches(lambda first: batches(first).take(7 - first))
    made = session(change=finite)

    assert reason_of_failure(made) == "data: the batches ended before step 8"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (failed_assertion, "InvalidArgumentError: assertion failed: [label out of"),
        (python_error, "UnknownError: KeyError: 17 (--debug shows more)"),
    ],
    ids=["assertion", "python"],
)
def test_an_error_of_the_losses_is_not_blamed_on_the_data(session, fault, why):
    def change(experiment):
        learner = experiment.phases[0].learner
        plain = learner.regression_losses

        def regression_losses(batch):
            with tf.control_dependencies([fault()]):
                return {k: tf.identity(v) for k, v in plain(batch).items()}

        learner.regression_losses = regression_losses
        return experiment

    assert reason_of_failure(session(change=change)).startswith(why)


# Signals


def with_evaluators(**evaluators):
    def change(experiment):
        evaluators_now = {**experiment.evaluators, **evaluators}
        return replace(experiment, evaluators=evaluators_now)

    return change


def send(number):
    os.kill(os.getpid(), number)


def evaluator_with_signal(at, calls):
    """An evaluator during whose `at`-th call somebody sends SIGTERM."""

    def measure():
        calls.append(1)
        if len(calls) == at:
            send(signal.SIGTERM)
        return {"calls": Metric.of(1.0, 1)}

    return measure


def test_a_signal_during_validation_stops_after_that_step(session, tiny, undisturbed):
    calls = []
    measure = evaluator_with_signal(2, calls)
    made = session(change=with_evaluators(validation=measure))

    with pytest.raises(engine.InterruptedRunError, match="SIGTERM after step 8; "):
        made.run("train.checkpoint_every=0")

    assert made.record.state == "interrupted"
    assert made.folder.checkpoints.joinpath("ckpt-8.index").exists()
    made.run("train.checkpoint_every=0", resume=True)
    # Steps 4, 8, 12, and 16 after the training: none of them twice.
    assert len(calls) == 4
    steps = [int(row[0]) for row in made.rows() if row[1] == "validation/calls"]
    assert sorted(steps) == [4, 8, 12, 16]
    tiny.assert_same_state(made.state, undisturbed.final_state)


def test_a_signal_in_the_final_evaluation_leaves_only_that_to_do(
    session, tiny, undisturbed
):
    # The fourth call is that after training; the test split would be next.
    calls = []
    measure = evaluator_with_signal(4, calls)
    made = session(change=with_evaluators(validation=measure))

    with pytest.raises(engine.InterruptedRunError, match="SIGTERM after step 16; "):
        made.run()

    assert (made.record.state, made.record.metrics) == ("interrupted", {})
    record = made.run(resume=True)
    assert made.reporter.steps == []
    assert len(calls) == 5
    assert record.metrics["test/error"] == undisturbed.record.metrics["test/error"]
    tiny.assert_same_state(made.state, undisturbed.final_state)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_stops_at_once_and_can_be_resumed(
    session, tiny, undisturbed, number
):
    def twice(done):
        if done == 6:
            send(signal.SIGTERM)
            send(number)

    made = session()
    with pytest.raises(KeyboardInterrupt):
        made.run(on_advance=twice)

    record = made.record
    assert (record.state, record.reason) == ("interrupted", "stopped twice")
    # Nothing was saved after step 4.
    assert not list(made.folder.checkpoints.glob("ckpt-6*"))
    made.run(resume=True)
    assert made.reporter.steps[0] == 6
    tiny.assert_same_state(made.state, undisturbed.final_state)
    assert made.rows() == undisturbed.rows()
