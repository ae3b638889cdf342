"""Deep residual learning: plain and residual networks of growing depth."""

from functools import partial

from cai_keras.data.image_task import load_image_task
from cai_keras.training.classifier import Classifier, classification_evaluators
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from .evaluate import gradient_growth, mean_response, response_deviations
from .model import build_network


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    side = recipe.data.image_side
    return {"classifier": build_network(recipe.model, (side, side, 3))}


def build(recipe, seed: int) -> Experiment:
    """One variant: its images, its network and its learner."""
    task = load_image_task(recipe.data, seed)
    network = build_network(recipe.model, task.image_shape)
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    rules = make_rules(recipe.train.optimizers, steps)
    learner = Classifier({"classifier": network}, rules)
    size = recipe.evaluate.batch_size
    signals, series = [], {}
    if recipe.evaluate.signals:
        signals.append(partial(gradient_growth, network, task.test, size))
    # An untrained network's normalisation has no statistics yet.
    if recipe.evaluate.signals and steps:
        signals.append(partial(mean_response, network, task.test, size))
        series["response_deviation"] = partial(
            response_deviations, network, task.test, size
        )
    return Experiment(
        phases=(Phase(learner, task.batches, steps, batch_size),),
        evaluators=classification_evaluators(network, task, size, *signals),
        dataset=task.info,
        series=series,
    )
