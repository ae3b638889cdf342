"""The small Siamese network of siamese_one_shot, on distorted pairs of glyphs."""

import keras
import numpy as np
import tensorflow as tf

from benchmarks.workload import Workload, with_keras_layers
from cai_keras.cli import papers
from cai_keras.training.optimizers import make_optimizer
from reproductions.siamese_one_shot import experiment
from reproductions.siamese_one_shot.learner import VerificationLearner
from reproductions.siamese_one_shot.model import SiameseNetwork

PAPER, VARIANT, UPDATE = "siamese_one_shot", "conv", "siamese"


def make_workload(batch: int, steps: int, scale: str = "small") -> Workload:
    """The recipe's network, and the first `steps` batches of its pairs."""
    changes = [f"data.batch_size={batch}"]
    recipe = papers.find_paper(PAPER).recipe(scale, VARIANT, None, changes)
    phase = experiment.build(recipe, seed=0).phases[0]
    batches = list(phase.batches(0).take(steps).as_numpy_iterator())

    def network():
        keras.utils.set_random_seed(0)
        return experiment.networks(recipe)["siamese"]

    def keras_network():
        ours = network()
        return SiameseNetwork(with_keras_layers(ours.encoder), ours.similarity)

    return Workload(
        network=network,
        keras_network=keras_network,
        optimizer=lambda: make_optimizer(
            recipe.train.optimizers[UPDATE], recipe.train.total_steps
        ),
        learner=lambda network, optimizer: VerificationLearner(
            {"siamese": network}, {UPDATE: optimizer}
        ),
        data={
            name: np.concatenate([one[name] for one in batches]) for name in batches[0]
        },
        inputs=lambda batch: (batch["images"][:, 0], batch["images"][:, 1]),
        target="same",
        loss=tf.nn.sigmoid_cross_entropy_with_logits,
        keras_loss=keras.losses.BinaryCrossentropy(from_logits=True),
        images_per_example=2,
    )
