"""Residual attention networks: attention modules, their ablations, noisy labels."""

from cai_keras.errors import choose
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.training.classifier import Classifier
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import data, figures
from .evaluate import Probe, examine, first_and_last_gate, metrics_of
from .model import build_network

_DRAWN_IMAGES = 5


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    side = recipe.data.image_side
    return {"classifier": build_network(recipe.model, (side, side, 3))}


def build(recipe, seed: int) -> Experiment:
    """One variant: its images and labels, its network and its learner."""
    load = choose("data.loader", recipe.data.loader, data.LOADERS)
    task = load(recipe.data, seed)
    network = build_network(recipe.model, task.image_shape)
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    learner = Classifier(
        {"classifier": network}, make_rules(recipe.train.optimizers, steps)
    )

    def measure():
        probe = Probe(_at_test_size(network, recipe))
        size = recipe.evaluate.batch_size
        sample = task.training_sample
        return metrics_of(
            examine(probe, task.test(), size),
            None if sample is None else examine(probe, sample(), size),
        )

    def draw_masks():
        tested = _at_test_size(network, recipe)
        images = next(task.test())[0][:_DRAWN_IMAGES]
        gates = first_and_last_gate(tested, images)
        if not gates:
            raise NothingToDraw("this network has no masks")
        return figures.draw_masks(images, gates, recipe.variant)

    return Experiment(
        phases=(Phase(learner, task.batches, steps, batch_size),),
        evaluators={"test": measure},
        figures={"masks": draw_masks},
        dataset=task.info,
    )


def _at_test_size(network, recipe):
    """The network itself, or its weights in one for larger test images."""
    if recipe.data.test_side == recipe.data.image_side:
        return network
    side = recipe.data.test_side
    larger = build_network(recipe.model, (side, side, 3))
    larger.set_weights(network.get_weights())
    return larger
