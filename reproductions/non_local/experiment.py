"""Non-local networks: train on random clips, test on many views of each video."""

from functools import partial

from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import attention, data
from .evaluate import accuracies
from .learner import ClipLearner
from .model import build_network
from .pretrained import start_from


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    return {"network": build_network(recipe)}


def build(recipe, seed: int) -> Experiment:
    """One variant: its data, its network, and how both are measured."""
    loaded = data.load(recipe, seed)
    network = build_network(recipe)
    start_from(network, recipe.model)
    learner = ClipLearner(
        {"network": network},
        make_rules(recipe.train.optimizers, recipe.train.total_steps),
    )
    phase = Phase(
        learner, loaded.batches, recipe.train.total_steps, recipe.data.batch_size
    )

    def measure(views):
        tested = network
        if recipe.evaluate.side != recipe.data.side:
            # The same weights on larger crops.
            tested = build_network(recipe, recipe.evaluate.side)
            tested.set_weights(network.get_weights())
        return accuracies(tested, views, recipe.evaluate.batch_size)

    drawn = {}
    if recipe.model.non_local.blocks:
        shown = partial(attention.look, recipe, network, loaded)
        drawn = {
            "behaviour": lambda: attention.draw_arrows(shown()),
            "attention": lambda: attention.draw_overlay(shown()),
        }
    return Experiment(
        phases=(phase,),
        evaluators={
            "validation": lambda: measure(loaded.validation),
            "test": lambda: measure(loaded.test),
        },
        figures=drawn,
        dataset=loaded.info,
    )
