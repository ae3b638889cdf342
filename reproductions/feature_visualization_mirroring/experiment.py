"""Mirroring by convolutions and by attention, and the classifier with its filters."""

from functools import partial

from cai_keras.data.classification import load_classification
from cai_keras.errors import choose
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import data, evaluate, run_figures
from .learner import ClassifierLearner, MirrorLearner
from .model import BUILDERS

_IMAGE_SHAPE = (32, 32, 3)  # of the tutorial's networks


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts; none for a reference."""
    name = recipe.model.network
    build_network = choose("model.network", name, {**BUILDERS, **evaluate.REFERENCES})
    if name in evaluate.REFERENCES:
        return {}
    side = recipe.data.side
    shape = _IMAGE_SHAPE if recipe.data.signal == "colour" else (side, side, 1)
    return {"network": build_network(shape, recipe.model)}


def build(recipe, seed: int) -> Experiment:
    """One variant for one seed."""
    if recipe.model.network == "classifier":
        return build_classification(recipe, seed)
    return build_mirroring(recipe, seed)


def build_mirroring(recipe, seed: int) -> Experiment:
    """Mirrors images; a reference does it without training."""
    images = data.load(recipe.data)
    found = networks(recipe)
    network = found.get("network")
    phases, mirror = (), evaluate.REFERENCES.get(recipe.model.network)
    if network is not None:
        mirror = evaluate.predictor(network)
        batches = images.batches(recipe.data.batch_size, seed)
        phases = (_phase(recipe, MirrorLearner, network, batches),)
    some = images.test[: recipe.evaluate.attention_images]
    has_attention = network is not None and recipe.model.position is not None

    def measure():
        metrics = evaluate.mirror_metrics(mirror, images, recipe.evaluate)
        if has_attention:
            metrics |= evaluate.attention_metrics(network, some)
        return metrics

    drawn = {"mirrored": partial(run_figures.draw_mirrored, mirror, images)}
    if has_attention:
        drawn["attention"] = partial(run_figures.draw_attention, network, some)
    return Experiment(
        phases=phases,
        evaluators={"test": measure},
        figures=drawn,
        dataset=images.info,
    )


def build_classification(recipe, seed: int) -> Experiment:
    """Trains the classifier, whose filters are then shown."""
    found = load_classification(recipe.data.spec)
    network = networks(recipe)["network"]
    batches = data.scaled_batches(found.train, recipe.data.batch_size, seed)
    test = data.to_signed(found.test.images)
    return Experiment(
        phases=(_phase(recipe, ClassifierLearner, network, batches),),
        evaluators={
            "test": lambda: evaluate.classifier_metrics(
                network, test, found.test.labels
            )
        },
        figures={
            "filters": partial(run_figures.draw_filters, network),
            "maximised_inputs": partial(
                run_figures.draw_maximised_inputs, network, recipe.evaluate.maximise
            ),
        },
        dataset=found.info,
    )


def _phase(recipe, learner_class, network, batches) -> Phase:
    steps = recipe.train.total_steps
    rules = make_rules(recipe.train.optimizers, steps)
    learner = learner_class({"network": network}, rules)
    return Phase(learner, batches, steps, recipe.data.batch_size)
