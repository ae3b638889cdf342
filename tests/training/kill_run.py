"""A run with all that must survive a kill, in processes that can be killed.

Two players, dropout, averaged weights, a seed generator, an update that is due at
every other step, and a shuffled and augmented pipeline. Its processes are forked from
a server that has imported TensorFlow and computed nothing: they start in 0.2 s
instead of 5.
"""

import csv
import gc
import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import tensorflow as tf
import tiny_experiment as tiny
from tensorflow.python.ops import gen_io_ops

from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import engine

SETS = (
    "train.ema={networks: [regressor], momentum: 0.9, start_step: 2, "
    "use_for_evaluation: true}",
    "train.keep_best={metric: validation/error, better: lower}",
    "train.optimizers.critic.every=2",
    "train.optimizers.regress.learning_rate=0.001",
    "train.checkpoint_every=2",
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["cai_keras.training.engine", "matplotlib.pyplot"])


class KillableRun:
    """One run; every process of it resumes what the one before left.

    Args:
        folder: of the run's own.
        steps: of the whole run.
    """

    def __init__(self, folder: Path, steps: int):
        self.path = folder
        self.folder = RunFolder.of(folder, "tiny", "paper", "narrow", 0)
        self._steps = steps

    def start(self, moment: str | None = None, step: int = 0):
        """A process that trains on, and kills itself at a moment of `MOMENTS`."""
        arguments = (self.path, self._steps, moment, step)
        process = FORKS.Process(target=_train, args=arguments)
        process.start()
        return process

    def finish(self) -> dict[str, np.ndarray]:
        """Trains to the end; every variable of the run."""
        process = self.start()
        process.join()
        assert process.exitcode == 0, (self.path / "errors.txt").read_text()[-3000:]
        return dict(np.load(self.path / "state.npz"))

    def rows(self) -> list[list[str]]:
        """The rows of metrics.csv, sorted."""
        with open(self.folder.metrics_path, newline="") as file:
            return sorted(csv.reader(file))


def _train(path: Path, steps: int, moment: str | None, step: int) -> None:
    keep_errors(path)
    # The bits of a sum depend on the number of threads.
    tf.config.threading.set_intra_op_parallelism_threads(2)
    kept = []

    def build(recipe, seed):
        experiment = tiny.build(recipe, seed)
        (phase,) = experiment.phases
        phase = replace(phase, batches=tiny.shuffled_batches(phase.batch_size))
        kept.append(replace(experiment, phases=(phase,)))
        if moment == BETWEEN_PLAYERS:
            _kill_between_players(phase.learner, step, path)
        return kept[0]

    sets = [*SETS, f"train.steps={steps}"]
    request = tiny.request(
        tiny.write_paper(path / "tiny"), path, sets=sets, resume=True
    )
    if moment in MOMENTS:
        _kill_at(moment, step)
    engine.run(request, build, tiny.QuietReporter())
    np.savez(path / "state.npz", **tiny.state_of(kept[0]))


def keep_errors(folder: Path) -> None:
    """What this process has to say goes to errors.txt in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "errors.txt", "w") as errors:
        os.dup2(errors.fileno(), sys.stderr.fileno())
    gc.freeze()  # the engine's own gc.collect() need not look at all of TensorFlow


def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)


BETWEEN_PLAYERS = "between two players"


def _kill_between_players(learner, step: int, path: Path) -> None:
    """Kills in step `step`, counted from 0, before the critic's losses are there.

    How many updates each player has had by then stands in players.txt.
    """
    plain = learner.critic_losses
    players = learner.update_optimizers

    def kill(now, *updates):
        if now == step:
            (path / "players.txt").write_text(" ".join(map(str, updates)))
            die()
        return np.float32(0)

    def critic_losses(batch):
        counts = [players[name].iterations.value for name in ("regress", "critic")]
        nothing = tf.numpy_function(kill, [learner.steps.value, *counts], tf.float32)
        with tf.control_dependencies([nothing]):
            return plain({name: tf.identity(value) for name, value in batch.items()})

    learner.critic_losses = critic_losses


def _half_a_checkpoint(merge, shards, prefix):
    """Data at its place, and the first half of the index."""
    merge(shards, prefix, delete_old_dirs=True)
    index = Path(f"{_text(prefix)}.index")
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
    die()


def _is_of(prefix, step: int) -> bool:
    """Whether it is the newest checkpoint's, not the best one's."""
    return _text(prefix).endswith(f"checkpoints/ckpt-{step}")


def _text(prefix) -> str:
    return os.fsdecode(tf.get_static_value(tf.convert_to_tensor(prefix)))


def _is_record_of(new, path, step: int) -> bool:
    done = f'"steps_done": {step},'
    return Path(path).name == "record.json" and done in Path(new).read_text()


# Moment -> (owner, function, whether this call of it is at the step, what happens in
# place of the call).
MOMENTS = {
    "data written, no index": (
        gen_io_ops, "merge_v2_checkpoints",
        lambda step, shards, prefix: _is_of(prefix, step), die,
    ),
    "half an index": (
        gen_io_ops, "merge_v2_checkpoints",
        lambda step, shards, prefix: _is_of(prefix, step), _half_a_checkpoint,
    ),
    "checkpoint not in the list": (
        tf.train.CheckpointManager, "_record_state",
        lambda step, manager: _is_of(manager.latest_checkpoint, step), die,
    ),
    "old checkpoint still there": (
        tf.train.CheckpointManager, "_sweep",
        lambda step, manager: _is_of(manager.latest_checkpoint, step), die,
    ),
    "record written, not in place": (
        os, "replace", lambda step, new, path: _is_record_of(new, path, step), die,
    ),
}  # fmt: skip


def _kill_at(moment: str, step: int) -> None:
    owner, name, is_due, instead = MOMENTS[moment]
    plain = getattr(owner, name)

    def patched(*arguments, **keywords):
        if is_due(step, *arguments):
            instead(plain, *arguments)
        return plain(*arguments, **keywords)

    mock.patch.object(owner, name, patched).start()
