"""Gatys et al.: a picture is minimised until it has one's content, another's style."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf
from keras import ops

from cai_keras.data.picture_files import resize_picture
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
from .stages import stages_of

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
    return {
        name: build_pictures(1, side, side, name)
        for job in jobs_of(recipe.model)
        for name, side, _ in _stages(recipe, job)
    }


def build(recipe, seed: int) -> Experiment:
    """One variant, on the seed's photograph and style."""
    data, model, evaluate = recipe.data, recipe.model, recipe.evaluate
    if data.batch_size != 1:
        raise UsageError("data.batch_size: expected 1, one picture at a time")
    pictures = load_style_pictures(data.spec)
    scene = Scene.of(pictures, seed, data.image_side)
    built = networks(recipe)
    done, phases = [], []
    for job in jobs_of(model):
        of_job = _phases(recipe, job, scene, built, seed)
        phases += of_job
        done.append(_Minimised(job, of_job[-1].learner))
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


def _phases(recipe, job: Job, scene: Scene, built, seed: int) -> list[Phase]:
    """A phase for each size of the job's picture; a later one goes on where it was."""
    model = recipe.model
    features = calibrated_features(model.features, model.pooling)
    objective = PerceptualObjective(features, job.settings)
    phases: list[Phase] = []
    for name, side, steps in _stages(recipe, job):
        small = scene.at(side)
        style = small.style(job.style_number)
        targets = objective.targets(small.content, style)
        learner = PictureLearner(
            objective,
            Targets(_as_arrays(targets.content), _as_arrays(targets.style)),
            {name: built[name]},
            make_rules(recipe.train.optimizers, steps),
        )
        if phases:
            begin = partial(_enlarge, _Minimised(job, phases[-1].learner), learner)
        else:
            first = start_picture(job.start, small.content, style, seed)
            begin = partial(learner.pixels.assign, first[None])
        phases.append(
            Phase(
                learner,
                StepBatches(_first_picture, 1),
                steps,
                batch_size=1,
                start=begin,
                progress={name: partial(_shown, _Minimised(job, learner))},
            )
        )
    return phases


def _stages(recipe, job: Job) -> list[tuple[str, int, int]]:
    """(name of the picture, side, steps) of each; the last has the job's own name."""
    steps = recipe.train.total_steps // len(jobs_of(recipe.model))
    stages = stages_of(recipe.data.image_side, steps, recipe.model.stages)
    return [
        (job.name if side == recipe.data.image_side else f"{job.name}_{side}", side, n)
        for side, n in stages
    ]


def _enlarge(coarse: _Minimised, fine: PictureLearner) -> None:
    """Lets the finer search begin where the coarser one has ended."""
    side = fine.pixels.shape[1]
    fine.pixels.assign(resize_picture(coarse.picture, side, side)[None])


def _shown(minimised: _Minimised) -> np.ndarray:
    return minimised.picture


def _first_picture(step, rows) -> dict:
    del step
    return {"number": tf.zeros_like(rows)}


def _as_arrays(tensors) -> dict:
    # A learner's graphs outlive the call that made the targets.
    return {name: ops.convert_to_numpy(tensor) for name, tensor in tensors.items()}
