"""Self-attention GANs, and a classifier that needs to see far."""

from functools import partial

import numpy as np

from cai_keras.data.latents import LatentSpace
from cai_keras.errors import UsageError, choose
from cai_keras.generation.grids import picture_grid
from cai_keras.generation.sampler import Sampler
from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES
from cai_keras.training.adversarial import AdversarialLearner
from cai_keras.training.classifier import Classifier
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import run_figures
from .data import latent_batches, load_pictures
from .evaluate import PictureEvaluation, classifier_metrics
from .model import build_classifier, build_players
from .stability import (
    gamma_metrics,
    gamma_values,
    gammas,
    largest_singular_values,
    singular_value_metrics,
)


def networks(recipe) -> dict:
    """The networks of a variant, for parameter counts."""
    task = choose("model.task", recipe.model.task, _TASKS)
    return build_players(recipe) if task is _game else _classifier(recipe, 3)


def build(recipe, seed: int) -> Experiment:
    """One variant: its pictures, its networks, its learner."""
    return choose("model.task", recipe.model.task, _TASKS)(recipe, seed)


def sampler(recipe, networks) -> Sampler:
    """What draws a variant's pictures.

    Raises:
        UsageError: the variant is a classifier.
    """
    if recipe.model.task != "pictures":
        raise UsageError(f"{recipe.variant}: a classifier makes no pictures")
    return Sampler(
        networks["generator"],
        _space(recipe),
        "tanh",
        [str(number) for number in range(recipe.data.classes)],
        recipe.evaluate.batch_size,
    )


def _game(recipe, seed: int) -> Experiment:
    pictures = load_pictures(recipe, seed)
    players = build_players(recipe, pictures.channels)
    # Joint batches: spectral normalisation takes one power iteration a step, and none
    # when the generator is updated, as released.
    learner = AdversarialLearner(
        players,
        _rules(recipe, ("discriminator", "generator")),
        ADVERSARIAL_LOSSES["hinge"],
        frozenset(players) if recipe.model.projection else frozenset({"generator"}),
        joint_batches=True,
    )
    batches = latent_batches(pictures, _space(recipe), seed, recipe.data.classes)
    makes = sampler(recipe, players)
    evaluation = PictureEvaluation(makes, pictures, recipe.evaluate, seed)
    at_start = gammas(players)

    def test():
        found = {**evaluation.measure(), **singular_value_metrics(players)}
        return {**found, **gamma_metrics(players, at_start)}

    def while_training():
        found = {**evaluation.monitor.measure(), **singular_value_metrics(players)}
        return {**found, **gamma_values(players)}

    figures = {"samples": partial(run_figures.draw_samples, makes)}
    if at_start:
        figures["attention"] = partial(run_figures.draw_generated_attention, makes)
    return Experiment(
        phases=(_phase(recipe, learner, batches, lambda: _grid(makes)),),
        evaluators={"test": test, "validation": while_training},
        figures=figures,
        dataset=pictures.info,
        series={
            "gamma": lambda: list(gammas(players).values()),
            **{
                f"{name}_singular_values": partial(_singular_values, network)
                for name, network in players.items()
            },
        },
    )


def _matching(recipe, seed: int) -> Experiment:
    pictures = load_pictures(recipe, seed)
    built = _classifier(recipe, pictures.channels)
    network = built["classifier"]
    learner = Classifier(built, _rules(recipe, ("classifier",)))
    at_start, figures = gammas(built), {}
    if at_start:
        figures["attention"] = partial(
            run_figures.draw_seen_attention, network, pictures
        )
    measure = partial(classifier_metrics, network, pictures, recipe.evaluate)
    return Experiment(
        phases=(_phase(recipe, learner, pictures.batches),),
        evaluators={"test": lambda: {**measure(), **gamma_metrics(built, at_start)}},
        figures=figures,
        dataset=pictures.info,
        series={"gamma": lambda: list(gammas(built).values())},
    )


_TASKS = {"pictures": _game, "matching": _matching}


def _classifier(recipe, channels: int) -> dict:
    return {"classifier": build_classifier(recipe, channels)}


def _space(recipe) -> LatentSpace:
    return LatentSpace(recipe.model.latent_size, "normal")


def _rules(recipe, updates: tuple[str, ...]) -> dict:
    optimizers = {name: recipe.train.optimizers[name] for name in updates}
    return make_rules(optimizers, recipe.train.total_steps)


def _phase(recipe, learner, batches, made=None) -> Phase:
    """Args: made: what TensorBoard shows while it trains."""
    return Phase(
        learner,
        batches,
        recipe.train.total_steps,
        recipe.data.batch_size,
        progress={"samples": made} if made else {},
    )


def _grid(makes: Sampler) -> np.ndarray:
    pictures, columns = run_figures.rows_of_classes(makes)
    return picture_grid(pictures, columns) / 255


def _singular_values(network) -> list[float]:
    return list(largest_singular_values(network).values())
