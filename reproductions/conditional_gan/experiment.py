"""Mirza and Osindero: pictures of a class, and points of a mode."""

from functools import partial

import numpy as np

from cai_keras.errors import UsageError, choose
from cai_keras.generation.grids import picture_grid
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.generation.picture_evaluation import PictureEvaluation
from cai_keras.generation.sampler import Sampler
from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES
from cai_keras.training.adversarial import AdversarialLearner
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import run_figures
from .data import latent_space, load_pictures, load_ring
from .evaluate import LabelEvaluation, RingEvaluation
from .model import build_networks, labelled_players

_SHOWN = 5  # rows of all classes that TensorBoard shows while training


def networks(recipe) -> dict:
    """Both players of a variant, for parameter counts."""
    return build_networks(recipe)


def sampler(recipe, built) -> Sampler:
    """Pictures from the generator of `networks`.

    Raises:
        UsageError: the variant's generator makes points.
    """
    model = recipe.model
    if model.task != "pictures":
        raise UsageError(
            f"conditional_gan: {recipe.variant} trains no generator of pictures"
        )
    is_labelled = "generator" in labelled_players(model)
    names = [str(number) for number in range(model.classes)] if is_labelled else None
    return Sampler(built["generator"], latent_space(model), model.output, names)


def build(recipe, seed: int) -> Experiment:
    """One variant: its data, its networks and its learner."""
    return choose("model.task", recipe.model.task, _TASKS)(recipe, seed)


def _pictures(recipe, seed: int) -> Experiment:
    built, loaded = networks(recipe), load_pictures(recipe, seed)
    made = sampler(recipe, built)
    scores = PictureEvaluation(
        made, loaded.source, InitialWeights(built["generator"]), recipe.evaluate
    )
    evaluation = LabelEvaluation(scores, recipe.model.classes, recipe.evaluate)

    def shown() -> np.ndarray:
        classes = recipe.model.classes
        grid = picture_grid(scores.made(_SHOWN * classes), classes)
        return grid / np.float32(255)

    return Experiment(
        phases=(_phase(recipe, built, loaded, {"made": shown}),),
        evaluators={
            "test": evaluation.measure,
            "validation": scores.monitor.measure,
        },
        figures={"classes": partial(run_figures.classes, made, evaluation)},
        dataset=loaded.info,
    )


def _ring(recipe, seed: int) -> Experiment:
    built, loaded = networks(recipe), load_ring(recipe, seed)
    evaluation = RingEvaluation(
        built["generator"],
        latent_space(recipe.model),
        loaded.source,
        InitialWeights(built["generator"]),
        "generator" in labelled_players(recipe.model),
        recipe.evaluate.points,
    )
    return Experiment(
        phases=(_phase(recipe, built, loaded),),
        evaluators={"test": evaluation.measure},
        figures={"points": partial(run_figures.points, evaluation)},
        dataset=loaded.info,
    )


_TASKS = {"pictures": _pictures, "ring": _ring}


def _phase(recipe, built, loaded, progress=None) -> Phase:
    steps = recipe.train.total_steps
    learner = AdversarialLearner(
        built,
        make_rules(recipe.train.optimizers, steps),
        choose("model.loss", recipe.model.loss, ADVERSARIAL_LOSSES),
        labelled=labelled_players(recipe.model),
    )
    return Phase(
        learner, loaded.batches, steps, recipe.data.batch_size, progress=progress or {}
    )
