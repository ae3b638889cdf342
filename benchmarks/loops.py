"""The same training written in several ways, each as a call that can be timed.

A call takes one step for each batch of the workload's data, in their order, and
returns when the device has finished.
"""

import importlib
import importlib.util
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.workload import Workload
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.run_log import RunLog
from cai_keras.training.step_loop import StepLoop

Call = Callable[[], object]
BARE_LOOP, KERAS_FIT = "bare loop", "keras fit"
FUSED_FIT = "keras fit, fused batch norm"


class Stopwatch:
    """Seconds, without the stretches that were to be left out.

    Attributes:
        left_out: loop -> seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self.clock = clock
        self.left_out: Counter[str] = Counter()

    def __call__(self) -> float:
        return self.clock() - self.left_out.total()

    def leave_out_since(self, moment: float, loop: str) -> None:
        """Goes back to `moment`, a time that this watch has shown."""
        self.left_out[loop] += self() - moment


def make_calls(
    workload: Workload, batch: int, folder: Path, clock: Stopwatch
) -> tuple[dict[str, Call], dict[str, str]]:
    """Every way to train the workload, and the reason for each one that is absent.

    Each trains a network of its own from the same weights. `folder` is for the logs
    of the engine, and `clock` must time the calls.
    """
    build = workload.network
    calls = {
        "engine": engine_call(workload, batch, build(), folder / "checked"),
        "engine, losses unchecked": engine_call(
            workload, batch, build(), folder / "unchecked", check_finite=False
        ),
        BARE_LOOP: bare_call(workload, batch, build()),
        "bare loop in the graph": bare_graph_call(workload, batch, build()),
        KERAS_FIT: fit_call(workload, batch, workload.keras_network(), clock),
        FUSED_FIT: fit_call(workload, batch, build(), clock, FUSED_FIT),
    }
    pytorch, absent = "pytorch eager channels-last", {}
    if workload.pytorch is None:
        absent[pytorch] = "this network is not written in PyTorch"
    elif importlib.util.find_spec("torch") is None:
        absent[pytorch] = "torch is not installed"
    else:
        module = importlib.import_module(workload.pytorch)
        calls[pytorch] = module.pytorch_call(workload.data, batch)
    return calls, absent


def make_dataset(workload: Workload, batch: int) -> tf.data.Dataset:
    """The batches in order, over and over, from a pipeline like the papers'."""
    steps = num_steps(workload, batch)
    batches = {
        name: tf.constant(values.reshape(steps, batch, *values.shape[1:]))
        for name, values in workload.data.items()
    }

    def make(step):
        return {name: values[step] for name, values in batches.items()}

    endless = tf.data.Dataset.range(steps).repeat()
    return endless.map(make, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def num_steps(workload: Workload, batch: int) -> int:
    """Steps in a call."""
    return len(workload.data[workload.target]) // batch


def engine_call(
    workload: Workload,
    batch: int,
    network: keras.Model,
    folder: Path,
    check_finite: bool = True,
) -> Call:
    """`StepLoop` with the engine's logging to CSV and TensorBoard after each call."""
    learner = workload.learner(network, workload.optimizer())
    learner.build_optimizers()
    dataset = make_dataset(workload, batch)
    loop = StepLoop(learner, dataset.element_spec, check_finite=check_finite)
    iterator = iter(dataset)
    log = RunLog(RunFolder(folder), 0)
    steps = num_steps(workload, batch)
    done = 0

    def call():
        nonlocal done
        result = loop.run(iterator, steps)
        if result.broken:
            raise FloatingPointError(f"{result.broken} after step {done}")
        done += result.steps
        log.scalars("train", done, result.losses)
        tf.test.experimental.sync_devices()

    return call


def bare_step(workload: Workload, network: keras.Model) -> Callable:
    """The step as one writes it by hand."""
    optimizer = workload.optimizer()
    variables = network.trainable_variables
    optimizer.build(variables)

    def step(batch):
        with tf.GradientTape() as tape:
            logits = network(workload.inputs(batch), training=True)
            loss = tf.reduce_mean(workload.loss(batch[workload.target], logits))
            if network.losses:  # the recipe's weight decay
                loss += tf.add_n(network.losses)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def bare_call(workload: Workload, batch: int, network: keras.Model) -> Call:
    """The usual loop: a compiled step, called once a batch."""
    step = tf.function(bare_step(workload, network))
    iterator = iter(make_dataset(workload, batch))
    steps = num_steps(workload, batch)

    def call():
        for _ in range(steps):
            loss = step(next(iterator))
        tf.test.experimental.sync_devices()
        return float(loss)

    return call


def bare_graph_call(workload: Workload, batch: int, network: keras.Model) -> Call:
    """The same step in a loop that is compiled as a whole."""
    step = bare_step(workload, network)
    iterator = iter(make_dataset(workload, batch))
    steps = num_steps(workload, batch)

    @tf.function
    def many():
        loss = 0.0
        for _ in tf.range(steps):
            loss = step(next(iterator))
        return loss

    def call():
        loss = many()
        tf.test.experimental.sync_devices()
        return float(loss)

    return call


def fit_call(
    workload: Workload,
    batch: int,
    network: keras.Model,
    clock: Stopwatch,
    name: str = KERAS_FIT,
    shuffle: bool = True,
) -> Call:
    """One epoch of Keras's `fit` from NumPy arrays, shuffled as Keras does by default.

    At about every second end, `fit` waits: it destroys its tf.data iterator, and in
    TensorFlow 2.21 the thread that tunes the pipeline sleeps on, until 10 (2^n - 1)
    ms after the epoch began. The wait can double a short epoch. It is no training,
    so `clock` leaves it out, under `name`.
    """
    network.compile(workload.optimizer(), workload.keras_loss)
    inputs = tf.nest.map_structure(np.ascontiguousarray, workload.inputs(workload.data))
    labels = workload.data[workload.target]
    end = _EndOfTraining(clock)

    def call():
        network.fit(inputs, labels, batch, verbose=0, shuffle=shuffle, callbacks=[end])
        clock.leave_out_since(end.time, name)

    return call


class _EndOfTraining(keras.callbacks.Callback):
    """The time at which `fit` had trained."""

    def __init__(self, clock: Stopwatch):
        super().__init__()
        self.clock = clock

    def on_train_end(self, logs=None):
        tf.test.experimental.sync_devices()
        self.time = self.clock()
