"""Checkpoints of everything that a step reads or writes."""

from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from cai_keras.errors import RunError


class CheckpointStore:
    """Keeps the newest checkpoints of a run.

    Args:
        folder: created when the first checkpoint is written.
        state: stable name -> Keras variable.
        keep: how many of the newest stay.
    """

    def __init__(self, folder: Path, state: Mapping[str, keras.Variable], keep: int):
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            step=self.step,
            seconds=self.seconds,
            state={name: variable.value for name, variable in state.items()},
        )
        # The manager saves this counter too; TensorFlow creates it when it is first
        # asked for, and `assert_consumed` would miss it in a new process.
        _ = self._checkpoint.save_counter
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=keep
        )

    @property
    def newest(self) -> str | None:
        """Path prefix of the newest checkpoint, None if there is none."""
        return self._manager.latest_checkpoint

    def save(self, step: int, seconds: float) -> str:
        """Writes a checkpoint after `step` steps and `seconds` of training."""
        self.step.assign(step)
        self.seconds.assign(seconds)
        return self._manager.save(checkpoint_number=step)

    def restore(self) -> list[str]:
        """Restores the newest checkpoint that can be read; step 0 if there is none.

        Returns:
            a line for every newer checkpoint that is damaged.
        Raises:
            RunError: checkpoints exist and none of them can be read.
        """
        problems = []
        for path in reversed(self._manager.checkpoints):
            try:
                self._checkpoint.read(path).assert_consumed()
                return problems
            # A file that was cut short is an IndexError.
            except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
                reason = str(error).strip().splitlines()[0][:120]
                problems.append(f"{path} cannot be read ({reason})")
        if problems:
            raise RunError(f"{problems[0]}; no other checkpoint is left")
        return problems
