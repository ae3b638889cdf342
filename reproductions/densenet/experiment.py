"""Densely connected networks, and residual ones and chains of as many parameters."""

from functools import partial

from cai_keras.data.image_task import load_image_task
from cai_keras.training.classifier import Classifier, classification_evaluators
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import figures
from .evaluate import cost_metrics, reuse_metrics, weights_by_source
from .model import DENSE_NETWORKS, build_network


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
    size, more, drawn = recipe.evaluate.batch_size, [partial(cost_metrics, network)], {}
    if recipe.model.network in DENSE_NETWORKS:
        more.append(lambda: reuse_metrics(weights_by_source(network)))
        title = f"{recipe.variant}, {recipe.scale} scale, on {task.info.name}"
        drawn["reuse"] = lambda: figures.draw_reuse(weights_by_source(network), title)
    return Experiment(
        phases=(Phase(learner, task.batches, steps, batch_size),),
        evaluators=classification_evaluators(network, task, size, *more),
        figures=drawn,
        dataset=task.info,
    )
