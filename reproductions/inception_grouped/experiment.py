"""Inception modules and grouped convolutions: networks, their costs, and a task."""

from functools import partial

from cai_keras.data.loaded import LoadedData
from cai_keras.errors import choose
from cai_keras.training.classifier import (
    Classifier,
    classification_evaluators,
    count_errors,
)
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import cost, data, evaluate, figures
from .learner import AuxiliaryClassifier
from .model import build_network, main_network


def networks(recipe) -> dict:
    """What a variant trains, or measures, for parameter counts."""
    if recipe.model.network in cost.MODULES:
        return {"module": cost.measured_module(recipe)}
    shape = data.image_shape_of(recipe.data)
    return {"classifier": build_network(recipe.model, shape)}


def build(recipe, seed: int) -> Experiment:
    """One variant for one seed."""
    if recipe.model.network in cost.MODULES:
        return build_measurement(recipe)
    return build_training(recipe, seed)


def build_measurement(recipe) -> Experiment:
    """Counts and times a module; nothing is trained and no data is read."""
    data.refuse_folder(recipe.data.spec)
    return Experiment(
        phases=(),
        evaluators={"test": partial(cost.measure_cost, recipe)},
        dataset=LoadedData("random_maps", "1.0.0", {}),
    )


def build_training(recipe, seed: int) -> Experiment:
    """Trains a classifier: its images, its network and its learner."""
    task = choose("data.loader", recipe.data.loader, data.LOADERS)(recipe.data, seed)
    network = build_network(recipe.model, task.image_shape)
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    learner = make_learner(network, recipe)
    tested, test_batch = main_network(network), recipe.evaluate.batch_size
    has_lines = recipe.data.loader == "line_pairs"

    def measure():
        metrics = count_errors(tested, task.test(), test_batch).metrics()
        if recipe.evaluate.compare_forms:
            metrics |= evaluate.form_metrics(
                network, recipe.model, task.test(), test_batch
            )
        if has_lines:
            counts = evaluate.spacing_counts(tested, task.test(), test_batch)
            metrics |= evaluate.spacing_metrics(counts)
        return metrics

    drawn = {}
    if has_lines:
        drawn["line_images"] = partial(figures.draw_line_images, tested, task.test)
    if recipe.model.network == "googlenet":
        drawn["branches"] = lambda: figures.draw_branches(
            evaluate.branch_parameters(tested), recipe.variant
        )
    evaluators = classification_evaluators(tested, task, test_batch)
    return Experiment(
        phases=(Phase(learner, task.batches, steps, batch_size),),
        evaluators={**evaluators, "test": measure},
        figures=drawn,
        dataset=task.info,
    )


def make_learner(network, recipe) -> Classifier:
    """With the losses half way where the network has them."""
    rules = make_rules(recipe.train.optimizers, recipe.train.total_steps)
    named = {"classifier": network}
    if len(network.outputs) == 1:
        return Classifier(named, rules)
    weight = recipe.model.googlenet.auxiliary_weight
    return AuxiliaryClassifier(named, rules, weight)
