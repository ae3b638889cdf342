"""Johnson et al.: a network for one style, or one that enlarges, by what it is for."""

from functools import partial

import numpy as np
from keras import ops

from cai_keras.errors import choose
from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.networks.transform_net import (
    build_style_transform,
    build_super_resolution,
)
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import run_figures
from .crop_figures import PICTURES, STRIP
from .data import load_resolution_data, load_style_data
from .evaluate import StyleEvaluation
from .learner import StyleTransfer, SuperResolution, feature_losses, pixel_losses
from .objective import make_objective
from .optimisation import Optimisation
from .resolution import ResolutionEvaluation

_BY_PICTURE = ("psnr_y", "psnr_y_bicubic", "ssim_y", "ssim_y_bicubic")


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    model = recipe.model
    builders = {"style": _style_network, "super_resolution": _resolution_network}
    return {"transform": choose("model.task", model.task, builders)(model)}


def build(recipe, seed: int) -> Experiment:
    """One variant: its pictures, its network and its learner."""
    task = choose("model.task", recipe.model.task, _TASKS)
    return task(recipe, networks(recipe), seed)


def _style(recipe, built, seed: int) -> Experiment:
    loaded = load_style_data(recipe, seed)
    objective = make_objective(recipe.model)
    # Arrays, so that every device has its own.
    style = {
        name: ops.convert_to_numpy(gram)
        for name, gram in objective.style_targets(loaded.style[None]).items()
    }
    learner = StyleTransfer(built, _rules(recipe), objective, style)
    asked = recipe.evaluate
    optimisation = Optimisation(
        objective, loaded.test, loaded.style, asked.minimiser, seed
    )
    evaluation = StyleEvaluation(built["transform"], optimisation, asked, seed)
    first: np.ndarray = next(iter(loaded.test.values()))
    made = partial(evaluation.stylised, first)
    return Experiment(
        phases=(_phase(recipe, learner, loaded, {"made": made}),),
        evaluators={"test": evaluation.measure},
        figures={"stylised": partial(run_figures.stylised, evaluation)},
        dataset=loaded.info,
        series={"log10_objective_of_optimisation": lambda: optimisation.curve},
    )


def _super_resolution(recipe, built, seed: int) -> Experiment:
    loaded = load_resolution_data(recipe, seed)
    network, asked = built["transform"], recipe.evaluate
    losses = choose("model.loss", recipe.model.loss, _LOSSES)(recipe.model)
    learner = SuperResolution(built, _rules(recipe), losses)
    evaluation = ResolutionEvaluation(
        network,
        recipe.model.super_resolution.factor,
        loaded.test,
        loaded.test_name,
        load_feature_network(asked.judge.spec),
        asked,
    )
    strips = {
        STRIP.format(number): partial(evaluation.strip, number)
        for number in range(min(PICTURES, len(loaded.test)))
    }
    return Experiment(
        phases=(_phase(recipe, learner, loaded, strips),),
        evaluators={"test": evaluation.measure},
        figures={"enlarged": partial(run_figures.enlarged, evaluation)},
        dataset=loaded.info,
        series={name: partial(evaluation.by_picture, name) for name in _BY_PICTURE},
    )


_TASKS = {"style": _style, "super_resolution": _super_resolution}


def _pixel(model):
    return pixel_losses


def _feature(model):
    return feature_losses(make_objective(model))


_LOSSES = {"pixel": _pixel, "feature": _feature}


def _style_network(model):
    asked = model.style
    return build_style_transform(
        tuple(asked.filters),
        asked.residual_blocks,
        asked.norm,
        asked.upsampling,
        momentum=model.norm_momentum,
        epsilon=model.norm_epsilon,
    )


def _resolution_network(model):
    asked = model.super_resolution
    return build_super_resolution(
        asked.factor,
        asked.filters,
        asked.residual_blocks,
        asked.norm,
        asked.upsampling,
        momentum=model.norm_momentum,
        epsilon=model.norm_epsilon,
    )


def _rules(recipe):
    return make_rules(recipe.train.optimizers, recipe.train.total_steps)


def _phase(recipe, learner, loaded, progress) -> Phase:
    return Phase(
        learner,
        loaded.batches,
        recipe.train.total_steps,
        recipe.data.batch_size,
        progress=progress,
    )
