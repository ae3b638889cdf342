"""Metrics on real pictures, and the judge: a classifier for generated ones."""

from functools import partial

from cai_keras.data.classification import load_classification
from cai_keras.errors import choose
from cai_keras.generation.extractors import load_extractor
from cai_keras.networks.small_classifier import build_small_classifier
from cai_keras.training.classifier import Classifier, count_errors
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from .disturbances import DISTURBANCES
from .evaluate import DisturbanceEvaluation, FloorEvaluation, Halves

_IMAGE_SHAPE = (32, 32, 3)  # of CIFAR-10, the paper scale's


def networks(recipe) -> dict:
    """The judge, for parameter counts; the other variants train nothing."""
    if recipe.model.study != "judge":
        return {}
    return {"classifier": _judge(recipe, _IMAGE_SHAPE)}


def build(recipe, seed: int) -> Experiment:
    """One variant: two sets of real pictures and what is measured, or the judge."""
    study = choose("model.study", recipe.model.study, _STUDIES)
    return study(recipe, seed)


def _train_judge(recipe, seed: int) -> Experiment:
    found = load_classification(recipe.data.spec)
    network = _judge(recipe, found.train.images.shape[1:])
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    rules = make_rules(recipe.train.optimizers, steps)
    learner = Classifier({"classifier": network}, rules)

    def test():
        labelled = [(found.test.pixels, found.test.labels)]
        return count_errors(network, labelled, recipe.evaluate.batch_size).metrics()

    batches = found.train.batches(batch_size, seed)
    return Experiment(
        phases=(Phase(learner, batches, steps, batch_size),),
        evaluators={"test": test},
        dataset=found.info,
    )


def _floors(recipe, seed: int) -> Experiment:
    found, evaluation = _evaluation(FloorEvaluation, recipe, seed)
    return Experiment(
        phases=(),
        evaluators={"test": evaluation.measure},
        dataset=found.info,
        series={
            "sizes": lambda: evaluation.sizes,
            "frechet_floors": evaluation.frechet_floors,
            "kernel_floors": evaluation.kernel_floors,
        },
    )


def _disturbances(recipe, seed: int) -> Experiment:
    found, evaluation = _evaluation(DisturbanceEvaluation, recipe, seed)

    def distances_of(name):
        return evaluation.distances[name]

    return Experiment(
        phases=(),
        evaluators={"test": evaluation.measure},
        dataset=found.info,
        series={f"fid_{name}": partial(distances_of, name) for name in DISTURBANCES},
    )


def _evaluation(kind, recipe, seed: int):
    """What was loaded, and the evaluation of its test split."""
    settings = recipe.evaluate
    extractor = load_extractor(settings.features)
    found = load_classification(recipe.data.spec)
    halves = Halves.of(found.test, max(settings.sizes), seed)
    return found, kind(extractor, halves, settings, seed)


def _judge(recipe, image_shape):
    model = recipe.model
    return build_small_classifier(image_shape, model.classes, model.dropout)


_STUDIES = {"floors": _floors, "disturbances": _disturbances, "judge": _train_judge}
