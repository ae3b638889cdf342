"""Before a run's first step: the process, and what the recipe adds to a paper."""

import gc
from collections.abc import Iterable, Iterator

import keras
import tensorflow as tf
from keras import ops

from cai_keras.training.config import Recipe
from cai_keras.training.experiment import Experiment
from cai_keras.training.settings import TrainSettings

# Keras keeps (seed, counter) in a seed generator. Any odd number far from the small
# seeds of recipes will do.
_SEED_STRIDE = 1_000_003


def set_up_process(recipe: Recipe, seed: int) -> None:
    """Seeds, precision and determinism, before anything is built."""
    keras.backend.clear_session()
    gc.collect()  # the networks of the run before this one
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(recipe.train.precision)
    if recipe.train.deterministic:
        tf.config.experimental.enable_op_determinism()


def prepare(experiment: Experiment, train: TrainSettings, replicas: int) -> None:
    """Gives every learner what the recipe asks of the engine; creates all state.

    Must be called in the strategy's scope.
    """
    for phase in experiment.phases:
        learner = phase.learner
        learner.accumulate = train.accumulate
        if train.ema is not None:
            ema = train.ema
            learner.keep_averages(tuple(ema.networks), ema.momentum, ema.start_step)
        learner.build_optimizers()
    if replicas > 1:
        for layer in batch_norm_layers(experiment.networks().values()):
            layer.synchronized = train.synchronized_batch_norm


def batch_norm_layers(networks: Iterable[keras.Model]) -> Iterator[keras.layers.Layer]:
    """The layers whose statistics can be those of the global batch."""
    for network in networks:
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                yield layer


def state_of(experiment: Experiment) -> dict[str, keras.Variable]:
    """Every variable that training reads or writes, by a stable name.

    One that several phases have goes by its name in the first.
    """
    found, known = {}, set()
    for number, phase in enumerate(experiment.phases):
        for name, variable in phase.learner.state().items():
            if id(variable) not in known:
                known.add(id(variable))
                found[f"{number}/{name}"] = variable
    return found


def spread_seeds(strategy: tf.distribute.Strategy, state) -> None:
    """Gives every replica but the first seeds of its own.

    A seed generator under a strategy has a copy on each replica, and all would draw
    the same dropout masks and noise for different examples. A checkpoint holds the
    first replica's, so this comes after building and after restoring.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    for name, variable in state.items():
        if not name.endswith("seed_generator_state"):
            continue
        seed, counter = ops.convert_to_numpy(variable).tolist()
        local = strategy.experimental_local_results(variable.value)
        first = _first_replica(strategy, len(local))
        for number, component in enumerate(local, start=first):
            component.assign([(seed + _SEED_STRIDE * number) % 2**31, counter])


def _first_replica(strategy, num_local: int) -> int:
    """The number of this process's first replica among all."""
    ids = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(context.replica_id_in_sync_group)
    )
    return int(strategy.experimental_local_results(ids)[0])
