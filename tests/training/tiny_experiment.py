"""A tiny artificial paper: its config, its two-player learner, and a script.

As a script it trains one run and writes every variable of the run to an .npz file;
the kill -9 tests start it: `tiny_experiment.py PAPER OUTPUT WEIGHTS SECONDS_PER_CALL`.
"""

import csv
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import ops

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.loaded import LoadedData
from cai_keras.data.step_batches import StepBatches
from cai_keras.reporting.record import Metric
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import engine
from cai_keras.training.config import load_paper
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import make_rules

PAPER = """\
paper: {title: Tiny, authors: Nobody, year: 2020, venue: Nowhere, arxiv: null, datasets: [points]}
networks:
  - {variant: narrow, network: regressor, parameters: 49, source: Table 9}
claims:
  - {id: error, kind: value, variant: narrow, metric: test/error, better: lower,
     value: 1.0, tolerance: 0.5, source: Table 1}
  - {id: width_helps, kind: effect, variant: wide, baseline: narrow, metric: test/error,
     better: lower, margin: 0.0, published: null, source: Table 2}
figures:
  - {id: line, of: run, source: Figure 1, caption: An empty square.}
base:
  seeds: [0, 1]
  data: {spec: "embedded:points", batch_size: 4, crop: {name: center, side: 8}}
  model: {units: 8, dropout: 0.5, activation: relu, sizes: [3, 4], norm: null}
  train:
    steps: 16
    steps_factor: 1.0
    steps_per_call: 3
    optimizers:
      regress: {name: sgd, learning_rate: 0.01, momentum: 0.9, nesterov: false, clip_norm: null,
                schedule: {name: cosine, warmup_steps: 0, final_fraction: 0.0}}
      critic: {name: adam, learning_rate: 1.0e-2, beta_1: 0.9, beta_2: 0.999, epsilon: 1.0e-7,
               weight_decay: null, clip_norm: null, schedule: {name: constant}}
    precision: float32
    deterministic: true
    log_every: 2
    evaluate_every: 4
    checkpoint_every: 4
    keep_checkpoints: 3
  evaluate: {examples: 10}
scales:
  paper: {}
  small: {train: {steps: 8}}
  smoke: {seeds: [0], train: {steps: 4}}
variants:
  narrow: {}
  wide: {model: {units: 16}}
  momentum_free:
    train: {optimizers: {critic: {name: sgd, learning_rate: 0.1, momentum: 0.0, nesterov: false,
                                  clip_norm: null, schedule: {name: constant}}}}
  empty:
deviations:
  - {field: model.units, paper: 64, ours: 8, why: tiny}
"""  # noqa: E501
DATASETS = ("points",)


def write_paper(folder: Path, text: str = PAPER):
    """Writes a paper's folder and reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load_paper(folder)


class TinyLearner(Learner):
    """A regressor, then a critic of its noisy answers: every source of randomness."""

    def __init__(self, networks, optimizers, seed):
        super().__init__(networks, optimizers)
        self.noise = keras.random.SeedGenerator(seed)

    def updates(self):
        return [
            Update("regress", ("regressor",), self.regression_losses),
            Update("critic", ("critic",), self.critic_losses, {"guess": 0.5}),
        ]

    def regression_losses(self, batch):
        found = self.networks["regressor"](batch["x"], training=True)[:, 0]
        return {"error": ops.square(ops.cast(found, "float32") - batch["y"])}

    def critic_losses(self, batch):
        found = self.networks["regressor"](batch["x"], training=False)
        found = ops.cast(found, "float32")
        found += 0.1 * keras.random.normal(ops.shape(found), seed=self.noise)
        guess = self.networks["critic"](found, training=True)[:, 0]
        return {"guess": ops.square(ops.cast(guess, "float32") - batch["y"])}


def make_networks(units: int, dropout: float):
    x = keras.Input((4,))
    h = keras.layers.Dense(units, activation="relu")(x)
    h = keras.layers.Dropout(dropout, seed=3)(h)
    regressor = keras.Model(x, keras.layers.Dense(1)(h), name="regressor")
    z = keras.Input((1,))
    critic = keras.Model(z, keras.layers.Dense(1)(z), name="critic")
    return {"regressor": regressor, "critic": critic}


def batches(batch_size: int, bad_step: int = -1, bad_value: float = float("nan")):
    """Batches that depend on their step alone."""

    def make(step, rows):
        key = tf.cast(tf.stack([step, 7]), tf.int32)
        x = tf.gather(tf.random.stateless_normal([batch_size, 4], key), rows)
        y = tf.reduce_sum(x, axis=1)
        return {"x": x, "y": tf.where(step == bad_step, bad_value, y)}

    return StepBatches(make, batch_size)


def shuffled_batches(batch_size: int, seed: int = 5):
    """A shuffled epoch of 10 points after the other, each point moved at random."""
    points = np.random.default_rng(seed).normal(size=(10, 4)).astype("float32")

    def make(step, rows):
        position = step * batch_size + rows
        x = tf.gather(points, shuffled_indices(position, len(points), seed))
        x += 0.1 * tf.map_fn(
            lambda at: tf.random.stateless_normal([4], tf.stack([seed, at])),
            position,
            fn_output_signature=tf.float32,
        )
        return {"x": x, "y": tf.reduce_sum(x, axis=1)}

    return StepBatches(make, batch_size)


def build(recipe, seed) -> Experiment:
    networks = make_networks(recipe.model.units, recipe.model.dropout)
    steps = recipe.train.total_steps
    rules = make_rules(recipe.train.optimizers, steps)
    phase = Phase(
        TinyLearner(networks, rules, seed),
        batches(recipe.data.batch_size),
        steps,
        recipe.data.batch_size,
    )
    count = recipe.evaluate.examples
    x = np.random.default_rng(0).normal(size=(count, 4)).astype("float32")

    def error():
        found = ops.convert_to_numpy(networks["regressor"](x))[:, 0]
        return {"error": Metric.of(np.mean((found - x.sum(1)) ** 2), count)}

    return Experiment(
        (phase,),
        {"validation": error, "test": error},
        LoadedData("points", "1.0.0", {"train": 1000}),
        {"line": lambda: plt.figure(figsize=(1, 1))},
    )


class QuietReporter:
    """Keeps what the engine says.

    Args:
        on_advance: called with the number of steps done.
    """

    def __init__(self, on_advance=None):
        self.on_advance = on_advance
        self.messages = []
        self.steps = []

    def start(self, title, total, done, batch_size):
        pass

    def advance(self, done, losses):
        self.steps.append(done)
        if self.on_advance:
            self.on_advance(done)

    def message(self, text):
        self.messages.append(text)

    def stop(self):
        pass


def request(paper, output, scale="paper", variant="narrow", sets=(), **changes):
    recipe = paper.recipe(scale, variant, sets=sets)
    folder = RunFolder.of(output, paper.slug, scale, recipe.run_name, 0)
    return engine.RunRequest(recipe, 0, folder, DATASETS, **changes)


def state_of(experiment) -> dict[str, np.ndarray]:
    """Every variable of the run: weights, optimizers, seeds."""
    return {
        f"{number}/{name}": ops.convert_to_numpy(variable)
        for number, phase in enumerate(experiment.phases)
        for name, variable in phase.learner.state().items()
    }


class Session:
    """Runs the tiny paper, and keeps the last experiment and reporter.

    Args:
        paper: from `write_paper`.
        output: folder of runs.
        change: experiment -> experiment, applied to what `build` gives.
    """

    def __init__(self, paper, output: Path, change=lambda experiment: experiment):
        self.paper, self.output, self.change = paper, output, change
        self.experiment = None
        self.reporter = None

    def build(self, recipe, seed) -> Experiment:
        self.experiment = self.change(build(recipe, seed))
        return self.experiment

    def request(self, *sets, **options) -> engine.RunRequest:
        return request(self.paper, self.output, sets=sets, **options)

    def run(self, *sets, on_advance=None, **options):
        self.reporter = QuietReporter(on_advance)
        return engine.run(self.request(*sets, **options), self.build, self.reporter)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return state_of(self.experiment)

    @property
    def folder(self) -> RunFolder:
        return self.request().folder

    @property
    def record(self):
        return self.folder.record()

    def rows(self) -> list[list[str]]:
        """The rows of metrics.csv, sorted."""
        with open(self.folder.metrics_path, newline="") as file:
            return sorted(csv.reader(file))


def with_batches(batches):
    """A change for `Session`: other batches."""

    def change(experiment):
        (phase,) = experiment.phases
        return replace(experiment, phases=(replace(phase, batches=batches),))

    return change


def assert_same_state(found, expected):
    # Names hold Keras's running numbers of layers: compare in order.
    for value, (name, want) in zip(found.values(), expected.items(), strict=True):
        np.testing.assert_array_equal(value, want, err_msg=name)


def main(paper_folder, output, weights_path, seconds_per_call):
    kept = []

    def keep(recipe, seed):
        kept.append(build(recipe, seed))
        return kept[0]

    reporter = QuietReporter(lambda done: time.sleep(float(seconds_per_call)))
    paper = load_paper(Path(paper_folder))
    wanted = request(paper, Path(output), sets=["train.steps=200"], resume=True)
    engine.run(wanted, keep, reporter)
    np.savez(weights_path, **state_of(kept[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
