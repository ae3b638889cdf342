"""SENet: a residual network whose blocks weigh their channels, trained to classify."""

from functools import partial

from cai_keras.errors import choose
from cai_keras.training.classifier import Classifier
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import data, figures
from .evaluate import Probe, examine, metrics_of
from .model import build_network


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    side = recipe.data.image_side
    return {"classifier": build_network(recipe.model, (side, side, 3))}


def build(recipe, seed: int) -> Experiment:
    """One variant: its images, its network and its learner."""
    load = choose("data.loader", recipe.data.loader, data.LOADERS)
    task = load(recipe.data, seed)
    network = build_network(recipe.model, task.image_shape)
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    rules = make_rules(recipe.train.optimizers, steps)
    learner = Classifier({"classifier": network}, rules)
    probe = Probe(network)

    def findings():
        return examine(probe, task.test(), recipe.evaluate.batch_size)

    drawn = {}
    if recipe.data.loader == "global_cue":
        drawn["cue_images"] = partial(figures.draw_cue_images, probe, task.test)
    if recipe.model.excitation is not None:
        drawn["excitations"] = lambda: figures.draw_excitations(
            findings(), f"{recipe.variant} on {task.info.name}"
        )
    return Experiment(
        phases=(Phase(learner, task.batches, steps, batch_size),),
        evaluators={"test": lambda: metrics_of(findings())},
        figures=drawn,
        dataset=task.info,
    )
