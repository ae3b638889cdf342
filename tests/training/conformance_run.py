"""Trains every learner for a few steps on some devices; see test_conformance.py.

`conformance_run.py FOLDER LEARNERS MODE...`: LEARNERS is own (those of this file),
papers or all; a MODE is a strategy, and multiworker needs TF_CONFIG. The chief writes
one FOLDER/MODE/LEARNER.npz each: the state before the first step as `before/...`,
after the last one as `after/<replica>/...`, and the losses.
"""

import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from conformance_papers import slugs
from keras import layers, ops

# The script's own folder is where Python looks first.
from tiny_experiment import TinyLearner, batches, make_networks, write_paper

from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.papers import builder_of, find_paper
from cai_keras.data.loaded import LoadedData
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.training.distribution import is_chief, make_strategy
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import make_rules
from cai_keras.training.preparation import (
    prepare,
    set_up_process,
    spread_seeds,
    state_of,
)
from cai_keras.training.training_loop import Clock, PhaseLoop

STEPS = 4
# Two replicas get 3 and 2 examples.
BATCH = 5
# Adam would make a whole step of the rounding noise of a gradient that is 0.
SGD = (
    "{{name: sgd, learning_rate: 0.05, momentum: 0.9, nesterov: false, every: {every}, "
    "clip_norm: {clip_norm}, weight_decay: {decay}, schedule: {{name: constant}}}}"
)
# Batch statistics of micro-batches depend on who has which examples.
COMPARABLE = (
    f"train.steps={STEPS}",
    "train.steps_factor=1.0",
    "train.accumulate=1",
    "train.precision=float32",
    "train.synchronized_batch_norm=true",
    "train.data_service=[]",
)
# Of batch normalisation: five examples of a nearly dead channel have a variance near 0,
# and dividing by its root enlarges rounding noise 300 times with 1e-5, a layer.
EPSILON = 0.1
AVERAGED = "train.ema={networks: [regressor], momentum: 0.9, start_step: 1, \
use_for_evaluation: false}"


class QuietLearner(TinyLearner):
    """The two players of the tiny paper without the noise between them."""

    def critic_losses(self, batch):
        found = self.networks["regressor"](batch["x"], training=False)
        guess = self.networks["critic"](found, training=True)[:, 0]
        return {"guess": ops.square(guess - batch["y"])}


class NormalisedLearner(Learner):
    """One player with batch normalisation of images and of vectors."""

    def updates(self):
        return [Update("regress", ("regressor",), self.losses_of_points)]

    def losses_of_points(self, batch):
        found = self.networks["regressor"](batch["x"], training=True)[:, 0]
        return {"error": ops.square(found - batch["y"])}


def build_players(recipe, seed) -> Experiment:
    networks = make_networks(recipe.model.units, recipe.model.dropout)
    rules = make_rules(recipe.train.optimizers, STEPS)
    return experiment_of(QuietLearner(networks, rules, seed))


def build_normalised(norm_images: Callable, norm_vectors: Callable):
    """`build` of a learner whose network has these normalising layers."""

    def build(recipe, seed) -> Experiment:
        x = keras.Input((4,))
        h = layers.Conv2D(6, 2, padding="same")(layers.Reshape((2, 2, 1))(x))
        h = layers.Flatten()(layers.ReLU()(norm_images()(h)))
        h = layers.ReLU()(norm_vectors()(layers.Dense(6)(h)))
        networks = {"regressor": keras.Model(x, layers.Dense(1)(h))}
        optimizers = {"regress": recipe.train.optimizers["regress"]}
        return experiment_of(NormalisedLearner(networks, make_rules(optimizers, STEPS)))

    return build


def experiment_of(learner: Learner) -> Experiment:
    phase = Phase(learner, batches(BATCH), STEPS, BATCH)
    return Experiment((phase,), {}, LoadedData("points", "1.0.0", {"train": 1000}))


def our_norm():
    return BatchNormalization(momentum=0.9, epsilon=1e-3)


def keras_norm():
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-3)


def frozen_norm():
    norm = our_norm()
    norm.trainable = False
    return norm


# Name -> build, what its recipe changes beside the optimizers, and in those.
OWN: dict[str, tuple[Callable, tuple[str, ...], dict[str, dict[str, Any]]]] = {
    "clipping_and_penalty": (
        build_players,
        (),
        {
            "regress": {"clip_norm": 0.5},
            "critic": {"decay": "{kind: l2, rate: 0.1, exclude: [bias]}"},
        },
    ),
    "every_accumulate_average": (
        build_players,
        ("train.accumulate=2", AVERAGED),
        {"critic": {"every": 2}},
    ),
    "batch_norm": (build_normalised(our_norm, keras_norm), (), {}),
    "frozen_batch_norm": (
        build_normalised(frozen_norm, frozen_norm),
        ("train.accumulate=2", AVERAGED),
        {},
    ),
}


def sgd_for(recipe, rules=None) -> list[str]:
    """`--set`s that give every update of a recipe SGD, as often as it was due."""
    sets = []
    for name, settings in recipe.train.optimizers.items():
        rule = {"every": settings.every, "clip_norm": "null", "decay": "null"}
        rule.update((rules or {}).get(name, {}))
        sets.append(f"train.optimizers.{name}={SGD.format(**rule)}")
    return sets


def own_learners(folder: Path) -> Iterator[tuple[str, Any, Callable]]:
    """Name, recipe and build of the learners above."""
    paper = write_paper(folder / "tiny")
    for name, (build, sets, rules) in OWN.items():
        sgd = sgd_for(paper.recipe("paper", "narrow"), rules)
        recipe = paper.recipe("paper", "narrow", sets=[*COMPARABLE, *sets, *sgd])
        yield name, recipe, build


def paper_learners() -> Iterator[tuple[str, Any, Callable]]:
    """The same of one variant for every combination of a paper's learner classes."""
    for slug in slugs():
        paper, seen = find_paper(slug), {()}  # (): learns nothing
        build = builder_of(paper)
        for name, recipe in models_of(paper).items():
            set_up_process(recipe, 0)
            phases = build(recipe, 0).phases
            classes = tuple(type(phase.learner) for phase in phases)
            if classes not in seen:
                seen.add(classes)
                yield f"{slug}-{name}", recipe, build


def models_of(paper) -> dict[str, Any]:
    """The first variant, and its recipe, of those that differ in their data alone."""
    found = {}
    for variant in paper.variants:
        plain = paper.recipe("smoke", variant)
        sets = [*COMPARABLE, *sgd_for(plain)]
        if hasattr(plain.data, "batch_size"):
            sets.append(f"data.batch_size={BATCH}")
        if hasattr(plain.model, "batch_norm"):
            sets.append(f"model.batch_norm.epsilon={EPSILON}")
        if hasattr(plain.model, "norm_epsilon"):
            sets.append(f"model.norm_epsilon={EPSILON}")
        recipe = paper.recipe("smoke", variant, sets=sets)
        found.setdefault(repr((recipe.model, recipe.train)), (variant, recipe))
    return dict(found.values())


def switch_randomness_off(experiment: Experiment) -> None:
    """A dropout mask depends on the replica that has the example."""
    for network in experiment.networks().values():
        for layer in network._flatten_layers():
            for name in ("rate", "stddev"):
                if isinstance(getattr(layer, name, None), float):
                    setattr(layer, name, 0.0)


def train(recipe, build: Callable, strategy) -> dict[str, np.ndarray]:
    """What an .npz holds. Sets up and takes steps as the engine does."""
    set_up_process(recipe, 0)
    with strategy.scope():
        experiment = build(recipe, 0)
        prepare(experiment, recipe.train, strategy.num_replicas_in_sync)
    state = state_of(experiment)
    spread_seeds(strategy, state)
    switch_randomness_off(experiment)
    state = {n: v for n, v in state.items() if not n.endswith("seed_generator_state")}
    found = {f"before/{n}": ops.convert_to_numpy(v) for n, v in state.items()}
    for number, phase in enumerate(experiment.phases):
        loop = PhaseLoop(phase, 0, recipe.train, strategy)
        result = loop.run(min(phase.steps, STEPS), Clock())
        for name, value in result.losses.items():
            found[f"losses/{number}/{name}"] = np.float32(value)
    for name, variable in state.items():
        local = strategy.experimental_local_results(variable.value)
        for replica, component in enumerate(local):
            found[f"after/{replica}/{name}"] = component.numpy()
    return found


def main(folder: str, learners: str, *modes: str) -> None:
    load_tensorflow(logical_cpus=2 if "mirrored" in modes else 1)
    gc.freeze()  # collecting before each run is a fifth of the time otherwise
    strategies = {mode: make_strategy(mode) for mode in modes}
    for mode in modes:
        (Path(folder) / mode).mkdir(parents=True, exist_ok=True)
    sources = {"own": [own_learners(Path(folder))], "papers": [paper_learners()]}
    sources["all"] = [*sources["own"], *sources["papers"]]
    for name, recipe, build in itertools.chain(*sources[learners]):
        for mode, strategy in strategies.items():
            found = train(recipe, build, strategy)
            if is_chief(strategy):
                np.savez(Path(folder) / mode / f"{name}.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
