"""The engine's own loop on TensorFlow, with a batch that stays on the device."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cai_keras.training.distribution import distribute_batches, parts_of
from cai_keras.training.experiment import Phase
from cai_keras.training.settings import TrainSettings
from cai_keras.training.step_loop import StepLoop


class Resident:
    """An endless iterator over one batch that lies on the device already."""

    def __init__(self, batch: Any):
        self._batch = batch

    def __iter__(self) -> "Resident":
        return self

    def __next__(self) -> Any:
        return self._batch


def make_call(
    phase: Phase, train: TrainSettings, batch: Any, xla: bool, strategy
) -> Callable[[int], None]:
    """A call that takes so many steps of the phase's learner.

    Losses are not checked: after thousands of steps on one batch they may be infinite.

    Args:
        batch: NumPy arrays; None to read the phase's own batches.
        strategy: of tf.distribute.
    """
    size = phase.batch_size
    if batch is None:
        dataset = distribute_batches(strategy, phase.batches, 0, size)
        batches, spec = iter(dataset), dataset.element_spec
    else:
        resident = on_replicas(batch, size, strategy)
        batches = Resident(resident)
        spec = tf.nest.map_structure(tf.type_spec_from_value, resident)
    loop = StepLoop(
        phase.learner, spec, strategy, size, check_finite=False, jit_compile=xla
    )

    def call(steps: int) -> None:
        loop.run(batches, steps)
        tf.test.experimental.sync_devices()

    return call


def on_replicas(batch: Any, size: int, strategy):
    """The batch on the device, or each replica's part of it on its own."""
    if strategy.num_replicas_in_sync == 1:
        gpus = tf.config.list_logical_devices("GPU")
        with tf.device(gpus[0].name if gpus else "/CPU:0"):
            return tf.nest.map_structure(tf.constant, batch)
    parts = parts_of(size, strategy.num_replicas_in_sync)

    def part(array):
        def of_replica(context):
            rows = parts[context.replica_id_in_sync_group]
            return tf.constant(array[rows.start : rows.stop])

        return strategy.experimental_distribute_values_from_function(of_replica)

    return tf.nest.map_structure(part, batch)
