"""Inception modules and grouped convolutions: networks, their costs, and a task."""

from functools import partial

from cai_keras.data.loaded import LoadedData
from cai_keras.errors import choose
from cai_keras.training.classifier import Classifier, classification_evaluators
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import cost, data, evaluate, run_figures
from .learner import AuxiliaryClassifier
from .model import build_network, in_form, main_network


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
    main = main_network(network)
    drawn = {}
    if recipe.data.loader == "line_pairs":
        drawn["line_images"] = partial(run_figures.draw_line_images, main, task.test)
    if recipe.model.network == "googlenet":
        drawn["branches"] = lambda: run_figures.draw_branches(
            evaluate.branch_parameters(main), f"{recipe.variant}, {recipe.scale} scale"
        )
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    return Experiment(
        phases=(Phase(make_learner(network, recipe), task.batches, steps, batch_size),),
        evaluators={"test": lambda: measure(main, task, recipe)},
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


def measure(network, task, recipe) -> dict:
    """Errors, and what a variant is about: another form, or confused spacings."""
    form, batch_size = recipe.evaluate.form, recipe.evaluate.batch_size
    tested = network if form is None else in_form(form, network, recipe.model)
    metrics = classification_evaluators(tested, task, batch_size)["test"]()
    if form is not None:
        metrics["form_difference"] = evaluate.form_difference(
            network, tested, task.test(), batch_size
        )
    if recipe.data.loader == "line_pairs":
        counts = evaluate.spacing_counts(network, task.test(), batch_size)
        metrics |= evaluate.spacing_metrics(counts)
    return metrics
