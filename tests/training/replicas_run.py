"""Two logical CPUs as two replicas: what test_replicas.py checks, written as JSON.

`replicas_run.py FOLDER` writes FOLDER/found.json: name of a function below -> what it
returned, where a list [a, b] of a variable holds the values of the two replicas.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

# The script's own folder is where Python looks first.
from lines import line
from tiny_experiment import write_paper

from cai_keras.cli.framework import load_tensorflow
from cai_keras.data.loaded import LoadedData
from cai_keras.data.step_batches import StepBatches
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.training.checkpoint import CheckpointStore
from cai_keras.training.distribution import distribute_batches, make_strategy
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import UpdateRule
from cai_keras.training.preparation import prepare, spread_seeds
from cai_keras.training.settings import WeightDecay
from cai_keras.training.training_loop import Clock, PhaseLoop

FOLDER = Path(sys.argv[1])


class Quadratic(Learner):
    """The loss of an example is the square of the network's answer."""

    def updates(self):
        return [Update("fit", ("line",), self.squares)]

    def squares(self, batch):
        found = self.networks["line"](batch["x"], training=True)[:, 0]
        return {"square": ops.square(found)}


def train(make_learner, *x, sets=()):
    """(learner, losses) after a step on each of `x`, lists of examples."""
    strategy = make_strategy("mirrored")
    settings = write_paper(FOLDER / "tiny").recipe("paper", "narrow", sets=sets).train
    steps, size = tf.constant(x, tf.float32), len(x[0])

    def make(step, rows):
        # The pipeline runs ahead of the last step.
        return {"x": tf.gather(steps[step % len(x)], rows)[:, None]}

    with strategy.scope():
        learner = make_learner()
        phase = Phase(learner, StepBatches(make, size), len(x), size)
        loaded = LoadedData("points", "1.0.0", {"train": size})
        prepare(Experiment((phase,), {}, loaded), settings, replicas=2)
    result = PhaseLoop(phase, 0, settings, strategy).run(len(x), Clock())
    return learner, result.losses


def quadratic(optimizer, **arguments):
    return lambda: Quadratic({"line": line(2.0, **arguments)}, {"fit": optimizer()})


def of_replicas(variable) -> list:
    strategy = make_strategy("mirrored")
    local = strategy.experimental_local_results(variable.value)
    return [np.squeeze(component.numpy()).tolist() for component in local]


def weight_of(learner) -> list:
    return of_replicas(learner.networks["line"].trainable_variables[0])


def clipping():
    make = quadratic(lambda: keras.optimizers.SGD(0.1, global_clipnorm=5.0))
    return {"weight": weight_of(train(make, [1, 3])[0])}


def uneven_losses():
    learner, losses = train(
        quadratic(lambda: keras.optimizers.SGD(0.0)), [1, 2, 3, 4, 5]
    )
    return {"losses": losses, "steps": of_replicas(learner.steps)}


def penalties():
    def rule():
        decay = WeightDecay(kind="l2", rate=0.25, exclude=[])
        return UpdateRule(keras.optimizers.SGD(0.01), l2=decay)

    make = quadratic(rule, kernel_regularizer=keras.regularizers.L2(0.5))
    learner, losses = train(make, [1, 3])
    split, split_losses = train(make, [1, 1, 3, 3], sets=["train.accumulate=2"])
    return {
        "weight": weight_of(learner),
        "losses": losses,
        "accumulated_weight": weight_of(split),
        "accumulated_losses": split_losses,
    }


def loss_scaling():
    def after(*x):
        learner, _ = train(quadratic(lambda: keras.optimizers.SGD(0.16)), *x)
        optimizer = learner.update_optimizers["fit"]
        return {
            "weight": weight_of(learner),
            "scale": of_replicas(optimizer.dynamic_scale),
            "applied": of_replicas(optimizer.inner_optimizer.iterations),
        }

    keras.config.set_dtype_policy("mixed_float16")
    try:
        # 64 is too large on the second replica alone.
        return {
            "infinite": after([0.25, 64]),
            "then_finite": after([0.25, 64], [0.25, 0.5]),
        }
    finally:
        keras.config.set_dtype_policy("float32")


def averages():
    ema = "{networks: [line], momentum: 0.75, start_step: 1, use_for_evaluation: true}"
    learner, _ = train(
        quadratic(lambda: keras.optimizers.SGD(0.1)), [1, 1], [1, 1],
        sets=[f"train.ema={ema}"],
    )  # fmt: skip
    return {
        "weight": weight_of(learner),
        "average": of_replicas(learner.averages.variables[0]),
    }


def batch_norm():
    def moved(norm_class, synchronized):
        def make():
            norm = norm_class(momentum=0.9, epsilon=1e-3)
            network = keras.Sequential([keras.Input((1,)), norm])
            return Quadratic({"line": network}, {"fit": keras.optimizers.SGD(0.0)})

        flag = f"train.synchronized_batch_norm={str(synchronized).lower()}"
        norm = train(make, [1, 2, 3, 10, 20], sets=[flag])[0].networks["line"].layers[0]
        return {
            "mean": of_replicas(norm.moving_mean),
            "variance": of_replicas(norm.moving_variance),
        }

    kinds = {"ours": BatchNormalization, "keras": layers.BatchNormalization}
    return {
        f"{name} {'together' if synchronized else 'apart'}": moved(kind, synchronized)
        for name, kind in kinds.items()
        for synchronized in (True, False)
    }


def seeds():
    strategy = make_strategy("mirrored")
    with strategy.scope():
        network = keras.Sequential([keras.Input((64,)), layers.Dropout(0.5, seed=3)])
        learner = Quadratic({"line": network}, {"fit": keras.optimizers.SGD(0.1)})
    state = learner.state()
    (seed,) = [v for n, v in state.items() if n.endswith("seed_generator_state")]

    @tf.function
    def masks():
        return strategy.run(network, (tf.ones([1, 64]),), {"training": True})

    def drawn():
        local = strategy.experimental_local_results(masks())
        return [np.squeeze(mask.numpy()).tolist() for mask in local]

    found = {"equal": of_replicas(seed)}
    spread_seeds(strategy, state)
    found["spread"] = of_replicas(seed)
    found["first"] = drawn()
    store = CheckpointStore(FOLDER / "seeds", state, keep=1)
    store.save(1, 0.0)
    found["saved"] = of_replicas(seed)
    found["second"] = drawn()
    store.restore()
    spread_seeds(strategy, state)
    found["restored"] = of_replicas(seed)
    found["second_again"] = drawn()
    return found


def predictions():
    # Whole numbers, so that no sum is rounded.
    network = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    network.set_weights([np.array([[1, 2], [3, 5]]), np.array([7, 0])])
    strategy = make_strategy("mirrored")
    found = {}
    for count in (1, 4, 7):
        x = np.arange(2.0 * count, dtype="float32").reshape(count, 2)
        with strategy.scope():
            found[str(count)] = predict_in_batches(network, x, 3).tolist()
    return found


def rows():
    """The rows 100 step + row that each replica gets, from some first steps on."""
    strategy = make_strategy("mirrored")

    def seen(first_step, size):
        batches = StepBatches(lambda step, rows: {"x": 100 * step + rows}, size)
        iterator = iter(distribute_batches(strategy, batches, first_step, size))
        steps = [next(iterator)["x"] for _ in range(2)]
        local = map(strategy.experimental_local_results, steps)
        return [[part.numpy().tolist() for part in parts] for parts in local]

    return {"even": seen(0, 4), "uneven": seen(0, 5), "later": seen(7, 3)}


CHECKS = (
    clipping,
    uneven_losses,
    penalties,
    loss_scaling,
    averages,
    batch_norm,
    seeds,
    predictions,
    rows,
)

if __name__ == "__main__":
    load_tensorflow(logical_cpus=2)
    results = {check.__name__: check() for check in CHECKS}
    (FOLDER / "found.json").write_text(json.dumps(results))
