"""Goodfellow et al. and DCGAN: pictures, points on a ring, densities on a line."""

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

from . import evaluate, run_figures
from .data import latent_space, load_densities, load_pictures, load_ring
from .learner import FixedGeneratorLearner
from .model import build_networks, set_pixel_marginals

_SHOWN = 64  # pictures that TensorBoard shows while training, of the same vectors


def networks(recipe) -> dict:
    """Both players of a variant, for parameter counts."""
    return build_networks(recipe)


def sampler(recipe, built) -> Sampler:
    """Pictures from the generator of `networks`.

    Raises:
        UsageError: the variant trains none that makes pictures.
    """
    if recipe.model.task != "pictures":
        raise UsageError(f"gan: {recipe.variant} trains no generator of pictures")
    space, output = latent_space(recipe.model), recipe.model.output
    return Sampler(built["generator"], space, output)


def build(recipe, seed: int) -> Experiment:
    """One variant: its data, its networks and its learner."""
    return choose("model.task", recipe.model.task, _TASKS)(recipe, seed)


def _pictures(recipe, seed: int) -> Experiment:
    built, loaded = networks(recipe), load_pictures(recipe, seed)
    _start(recipe, built, loaded.source)
    generator, space = built["generator"], latent_space(recipe.model)
    evaluation = PictureEvaluation(
        sampler(recipe, built), loaded.source, InitialWeights(generator),
        recipe.evaluate,
    )  # fmt: skip

    def shown() -> np.ndarray:
        return picture_grid(evaluation.made(_SHOWN)) / np.float32(255)

    measure = partial(evaluate.measure_pictures, evaluation, built["discriminator"])
    return Experiment(
        phases=(_phase(recipe, AdversarialLearner, built, loaded, {"made": shown}),),
        evaluators={"test": measure, "validation": evaluation.monitor.measure},
        figures={
            "samples": partial(run_figures.samples, evaluation),
            "arithmetic": partial(run_figures.arithmetic, evaluation),
            "interpolation": partial(run_figures.interpolation, evaluation, space),
        },
        dataset=loaded.info,
    )


def _ring(recipe, seed: int) -> Experiment:
    built, loaded = networks(recipe), load_ring(recipe, seed)
    generator = built["generator"]
    evaluation = evaluate.RingEvaluation(
        generator, latent_space(recipe.model), loaded.source,
        InitialWeights(generator), recipe.evaluate.points,
    )  # fmt: skip
    return Experiment(
        phases=(_phase(recipe, AdversarialLearner, built, loaded),),
        evaluators={"test": evaluation.measure},
        figures={"points": partial(run_figures.points, evaluation)},
        dataset=loaded.info,
    )


def _densities(recipe, seed: int) -> Experiment:
    built, loaded = networks(recipe), load_densities(recipe, seed)
    evaluation = evaluate.DensityEvaluation(built["discriminator"], loaded.source)
    return Experiment(
        phases=(_phase(recipe, FixedGeneratorLearner, built, loaded),),
        evaluators={"test": evaluation.measure},
        figures={"densities": partial(run_figures.densities, evaluation)},
        dataset=loaded.info,
    )


def _gradients(recipe, seed: int) -> Experiment:
    built, loaded = networks(recipe), load_pictures(recipe, seed)
    _start(recipe, built, loaded.source)
    pictures = loaded.source.test
    real = pictures.head(min(recipe.evaluate.pictures, pictures.count))
    evaluation = evaluate.GradientEvaluation(
        built["generator"], built["discriminator"], latent_space(recipe.model),
        evaluate.in_range(real.astype(np.float32) / 255, recipe.model.output),
    )  # fmt: skip
    return Experiment(
        phases=(_phase(recipe, FixedGeneratorLearner, built, loaded),),
        evaluators={"test": evaluation.measure},
        dataset=loaded.info,
    )


_TASKS = {
    "pictures": _pictures,
    "ring": _ring,
    "densities": _densities,
    "gradients": _gradients,
}


def _start(recipe, built, pictures) -> None:
    """mnist.yaml: before training every pixel is as bright as it is on average."""
    if recipe.model.network == "maxout":
        least, train = recipe.model.mlp.least_marginal, pictures.train
        set_pixel_marginals(built["generator"], train.head(train.count), least)


def _phase(recipe, kind, built, loaded, progress=None) -> Phase:
    """Args: kind: of learner, which has all updates of the recipe or the first."""
    rules = make_rules(recipe.train.optimizers, recipe.train.total_steps)
    if kind is FixedGeneratorLearner:
        del rules["generator"]
    loss = choose("model.loss", recipe.model.loss, ADVERSARIAL_LOSSES)
    return Phase(
        kind(built, rules, loss),
        loaded.batches,
        recipe.train.total_steps,
        recipe.data.batch_size,
        progress=progress or {},
    )
