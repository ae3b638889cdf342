"""Gatys et al.: a picture is minimised until it has one's content, another's style."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf
from keras import ops

from cai_keras.data.step_batches import StepBatches
from cai_keras.data.style_pictures import load_style_pictures, problems_of
from cai_keras.errors import UsageError
from cai_keras.stylization.features import calibrated_features
from cai_keras.stylization.minimisation import start_picture
from cai_keras.stylization.objective import PerceptualObjective, Targets
from cai_keras.stylization.picture_learner import PictureLearner, build_pictures
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import run_figures
from .evaluate import Reference, Scene, measure
from .jobs import Job, jobs_of, settings_of

__all__ = ["build", "networks", "problems_of"]


@dataclass(frozen=True)
class _Minimised:
    """A job, and the learner that holds its picture."""

    job: Job
    learner: PictureLearner

    @property
    def picture(self) -> np.ndarray:
        """(height, width, 3) as it is now; nothing keeps it in [0, 1]."""
        return ops.convert_to_numpy(self.learner.pixels)[0]


def networks(recipe) -> dict:
    """The pictures of a variant, for parameter counts."""
    side = recipe.data.image_side
    return {
        job.name: build_pictures(1, side, side, job.name)
        for job in jobs_of(recipe.model)
    }


def build(recipe, seed: int) -> Experiment:
    """One variant, on the seed's photograph and style."""
    data, model, train = recipe.data, recipe.model, recipe.train
    if data.batch_size != 1:
        raise UsageError("data.batch_size: expected 1, one picture at a time")
    pictures = load_style_pictures(data.spec)
    scene = Scene.of(pictures, seed, data.image_side)
    features = calibrated_features(model.features, model.pooling)
    built, jobs = networks(recipe), jobs_of(model)
    steps = train.total_steps // len(jobs)
    done, phases = [], []
    for job in jobs:
        style = scene.other_style if job.takes_other_style else scene.style
        objective = PerceptualObjective(features, job.settings)
        targets = objective.targets(scene.content, style)
        learner = PictureLearner(
            objective,
            Targets(_as_arrays(targets.content), _as_arrays(targets.style)),
            {job.name: built[job.name]},
            make_rules(train.optimizers, steps),
        )
        begin = start_picture(job.start, scene.content, style, seed)
        minimised = _Minimised(job, learner)
        done.append(minimised)
        phases.append(
            Phase(
                learner,
                StepBatches(_first_picture, 1),
                steps,
                batch_size=1,
                start=partial(learner.pixels.assign, begin[None]),
                progress={job.name: lambda found=minimised: found.picture},
            )
        )
    evaluate = recipe.evaluate
    reference = Reference(
        evaluate.features,
        PerceptualObjective(
            calibrated_features(evaluate.features, evaluate.pooling),
            settings_of(evaluate),
        ),
        evaluate.levels,
    )
    return Experiment(
        phases=tuple(phases),
        evaluators={"test": lambda: measure(model.study, done, scene, reference)},
        figures={"pictures": lambda: run_figures.pictures(model.study, done, scene)},
        dataset=pictures.info,
    )


def _first_picture(step, rows) -> dict:
    del step
    return {"number": tf.zeros_like(rows)}


def _as_arrays(tensors) -> dict:
    # A learner's graphs outlive the call that made the targets.
    return {name: ops.convert_to_numpy(tensor) for name, tensor in tensors.items()}
