"""Siamese one-shot learning: train to verify or to match, test by Lake's runs."""

from functools import partial

import numpy as np

from cai_keras.data.affine import AffineRanges
from cai_keras.errors import choose
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import data, evaluate, figures, sampling
from .learner import LEARNERS
from .model import ENCODERS, build_siamese

UNTRAINED = {"pixels": evaluate.PixelScorer, "hausdorff": evaluate.HausdorffScorer}


def networks(recipe) -> dict:
    """The networks of a variant, for parameter counts; none for a pixel distance."""
    known = {**ENCODERS, **UNTRAINED}
    choose("model.network", recipe.model.network, known)
    if recipe.model.network in UNTRAINED:
        return {}
    return {"siamese": build_siamese(recipe.data.image_side, recipe.model)}


def build(recipe, seed: int) -> Experiment:
    """One variant: its data, its scorer and, unless it learns nothing, its learner."""
    drawings = data.load(
        recipe.data.spec, recipe.data.image_side, recipe.data.validation_alphabets
    )
    network = networks(recipe).get("siamese")
    embeddings = {}
    if network is None:
        phases, scorer = (), UNTRAINED[recipe.model.network]()
    else:
        phases = (_phase(recipe, network, drawings.train, seed),)
        scorer = evaluate.SiameseScorer(
            network, is_calibrated=recipe.model.learning_rule == "verification"
        )
        embeddings["characters"] = partial(
            evaluate.embed_characters, scorer, drawings.test
        )
    validation_runs = data.make_runs(
        drawings.validation,
        recipe.evaluate.validation_runs,
        np.random.default_rng(0),
    )

    def measure(split_drawings, runs):
        count = recipe.evaluate.verification_pairs
        one_shot = evaluate.one_shot_accuracy(scorer, runs, seed)
        verification = evaluate.verification_accuracy(scorer, split_drawings, count)
        return {
            "one_shot_accuracy_percent": one_shot,
            "verification_accuracy_percent": verification,
        }

    trials = partial(figures.draw_trials, scorer, drawings.runs, drawings.info.name)
    drawn = {"trials": trials}
    if recipe.model.network == "convolutional":
        drawn["filters"] = partial(figures.draw_filters, network)
    return Experiment(
        phases=phases,
        evaluators={
            "validation": lambda: measure(drawings.validation, validation_runs),
            "test": lambda: measure(drawings.test, drawings.runs),
        },
        figures=drawn,
        dataset=drawings.info,
        embeddings=embeddings,
    )


def _phase(recipe, network, drawings, seed: int) -> Phase:
    learner = choose("model.learning_rule", recipe.model.learning_rule, LEARNERS)(
        {"siamese": network},
        make_rules(recipe.train.optimizers, recipe.train.total_steps),
    )
    affine = recipe.data.affine
    ranges = AffineRanges(
        affine.rotation_degrees,
        affine.shear,
        (affine.scale_low, affine.scale_high),
        affine.translation,
        affine.probability,
    )
    if recipe.model.learning_rule == "matching":
        batches = sampling.group_batches(
            drawings,
            recipe.data.group_characters,
            ranges,
            recipe.data.quarter_turns,
            recipe.data.batch_size,
            seed,
        )
    else:
        batches = sampling.pair_batches(
            drawings,
            round(recipe.data.pairs * recipe.data.pairs_share),
            recipe.data.distortions,
            ranges,
            recipe.data.batch_size,
            seed,
        )
    return Phase(learner, batches, recipe.train.total_steps, recipe.data.batch_size)
