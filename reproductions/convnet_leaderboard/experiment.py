"""ImageNet classification performance: cost and speed counted and measured here.

The networks for ImageNet are not trained: their errors are published, their parameters
and multiply-adds are counted, and their speed is measured. Small ones are trained.
"""

from collections.abc import Callable
from functools import partial

import keras

from cai_keras.data.image_task import load_image_task
from cai_keras.data.loaded import LoadedData
from cai_keras.errors import choose
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.training.classifier import Classifier, classification_evaluators
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from .evaluate import counted, speed
from .networks import IMAGENET, SMALL
from .published import published


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    side = recipe.data.image_side
    return {"classifier": _build_network(recipe, (side, side, 3))}


def build(recipe, seed: int) -> Experiment:
    """One network: counted and timed, or trained too if it is a small one."""
    if recipe.model.network in IMAGENET:
        return _untrained(recipe)
    task = load_image_task(recipe.data, seed)
    network = _build_network(recipe, task.image_shape)
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    rules = make_rules(recipe.train.optimizers, steps)
    learner = Classifier({"classifier": network}, rules)
    size, cost = recipe.evaluate.batch_size, _cost(network, recipe)
    return Experiment(
        phases=(Phase(learner, task.batches, steps, batch_size),),
        evaluators=classification_evaluators(network, task, size, *cost),
        dataset=task.info,
    )


def _untrained(recipe) -> Experiment:
    network = networks(recipe)["classifier"]
    noise = LoadedData("noise", "1.0.0", {"test": recipe.evaluate.speed.batch_size})

    def test():
        return {
            name: m
            for measure in _cost(network, recipe)
            for name, m in measure().items()
        }

    return Experiment(phases=(), evaluators={"test": test}, dataset=noise)


def _cost(network: keras.Model, recipe) -> list[Callable[[], dict]]:
    """Functions that give the metrics which need no data."""
    timed = recipe.evaluate.speed
    return [
        partial(counted, network),
        partial(speed, network, timed.batch_size, timed.rounds, timed.calls),
    ]


def _build_network(recipe, image_shape) -> keras.Model:
    model = recipe.model
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    build = choose("model.network", model.network, {**IMAGENET, **SMALL})
    if model.network in IMAGENET:
        return build(make, published()[model.network].input_side)
    return build(make, image_shape, model.filters)
