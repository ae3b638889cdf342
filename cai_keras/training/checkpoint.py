"""Checkpoints of everything that a step reads or writes."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from cai_keras.errors import RunError
from cai_keras.training.failures import WriteError, one_line, writing

BEST = "best"


class CheckpointStore:
    """Keeps the newest checkpoints of a run, and the best one in a folder `best`.

    The files are TensorFlow's on every Keras backend: a run may be trained on one
    and continued or evaluated on another.

    Args:
        folder: created when the first checkpoint is written.
        state: stable name -> Keras variable.
        keep: how many of the newest stay.
        writes: False for a worker that only reads.
    """

    def __init__(
        self,
        folder: Path,
        state: Mapping[str, keras.Variable],
        keep: int,
        writes: bool = True,
    ):
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.best_value = tf.Variable(np.nan, dtype=tf.float64, trainable=False)
        self._folder = folder
        self._keep = keep
        self._writes = writes
        self._variables = dict(state)
        # Other backends' arrays pass through variables of TensorFlow's.
        self._copies = {}
        if keras.backend.backend() != "tensorflow":
            self._copies = {n: tf.Variable(_numpy(v)) for n, v in state.items()}
        values = self._copies or {n: v.value for n, v in state.items()}
        self._checkpoint = tf.train.Checkpoint(
            step=self.step,
            seconds=self.seconds,
            best_value=self.best_value,
            state=values,
        )
        # The manager saves this counter too; TensorFlow creates it when it is first
        # asked for, and `assert_consumed` would miss it in a new process.
        _ = self._checkpoint.save_counter
        self._read_lists()

    @property
    def newest(self) -> str | None:
        """Path prefix of the newest checkpoint, None if there is none."""
        return self._manager.latest_checkpoint

    @property
    def best(self) -> str | None:
        """Path prefix of the best checkpoint, None if there is none."""
        return self._best.latest_checkpoint

    def save(self, step: int, seconds: float) -> None:
        """Writes a checkpoint after `step` steps and `seconds` of training.

        Raises:
            WriteError: earlier ones are as they were.
        """
        self._write(self._manager, self._folder, step, seconds)

    def save_best(self, step: int, seconds: float, value: float) -> None:
        """Writes the checkpoint of the best `value` so far; see `save`."""
        self.best_value.assign(value)
        self._write(self._best, self._folder / BEST, step, seconds)

    def restore(self, best: bool = False) -> list[str]:
        """Restores the newest checkpoint that can be read; step 0 if there is none.

        Args:
            best: the best one instead.
        Returns:
            a line for every newer checkpoint that is damaged.
        Raises:
            RunError: checkpoints exist and none of them can be read.
        """
        problems = []
        manager = self._best if best else self._manager
        for path in reversed(manager.checkpoints):
            try:
                self._checkpoint.read(path).assert_consumed()
            # A file that was cut short is an IndexError.
            except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
                problems.append(f"{path} cannot be read ({one_line(error)[:120]})")
                continue
            for name, copy in self._copies.items():
                self._variables[name].assign(copy.numpy())
            return problems
        if problems:
            raise RunError(f"{problems[0]}; no other checkpoint is left")
        return problems

    def _write(self, manager, folder: Path, step: int, seconds: float) -> None:
        if not self._writes:
            return
        self.step.assign(step)
        self.seconds.assign(seconds)
        for name, copy in self._copies.items():
            copy.assign(_numpy(self._variables[name]))
        try:
            with writing(folder / f"ckpt-{step}"):
                manager.save(checkpoint_number=step)
        except WriteError:
            _remove_half(folder, step)
            self._read_lists()
            raise

    def _read_lists(self) -> None:
        """Which checkpoints there are, as their folders say."""
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(self._folder), max_to_keep=self._keep
        )
        self._best = tf.train.CheckpointManager(
            self._checkpoint, str(self._folder / BEST), max_to_keep=1
        )


def _remove_half(folder: Path, step: int) -> None:
    """Half a checkpoint helps nobody; one that made it into the list is whole."""
    half = [*folder.glob("checkpoint.tmp*")]
    listed = tf.train.latest_checkpoint(str(folder))
    if not listed or Path(listed).name != f"ckpt-{step}":
        half += folder.glob(f"ckpt-{step}.*")
    for path in half:
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / f"ckpt-{step}_temp", ignore_errors=True)


def _numpy(variable: keras.Variable) -> np.ndarray:
    """Another backend's variable with TensorFlow's type.

    Steps and seeds are int64 with Keras on TensorFlow, int32 and uint32 on JAX.
    """
    value = ops.convert_to_numpy(variable.value)
    return value.astype(np.int64) if value.dtype.kind in "iu" else value
