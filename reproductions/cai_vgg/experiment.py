"""VGG for small images, of different depths and kernels, trained to classify."""

from cai_keras.data.image_task import load_image_task
from cai_keras.training.classifier import Classifier, classification_evaluators
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from .model import build_network


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    side = recipe.data.image_side
    return {"classifier": build_network(recipe.model, (side, side, 3))}


def build(recipe, seed: int) -> Experiment:
    """One variant: its images, its network and its learner."""
    task = load_image_task(recipe.data, seed)
    network = build_network(recipe.model, task.image_shape)
    steps = recipe.train.total_steps
    rules = make_rules(recipe.train.optimizers, steps)
    learner = Classifier({"classifier": network}, rules)
    return Experiment(
        phases=(Phase(learner, task.batches, steps, recipe.data.batch_size),),
        evaluators=classification_evaluators(network, task, recipe.evaluate.batch_size),
        dataset=task.info,
    )
