"""Classifiers half way: losses in the middle of a deep network."""

import keras

from cai_keras.training.classifier import Classifier
from cai_keras.training.learner import Update


class AuxiliaryClassifier(Classifier):
    """Cross-entropy of the last classifier, plus a share of those half way.

    Szegedy et al. 2015 (arXiv:1409.4842), Section 5: loss + 0.3 (loss_4a + loss_4d).

    Args:
        auxiliary_weight: of each loss half way.
    """

    def __init__(self, networks, optimizers, auxiliary_weight, **kwargs):
        # The base class asks for the updates.
        self.auxiliary_weight = auxiliary_weight
        super().__init__(networks, optimizers, **kwargs)

    def updates(self):
        weights = dict.fromkeys(_HALF_WAY, self.auxiliary_weight)
        return [Update("classifier", ("classifier",), self.losses_of_images, weights)]

    def losses_of_images(self, batch):
        outputs = self.networks["classifier"](batch["image"], training=True)
        return {
            name: keras.losses.sparse_categorical_crossentropy(
                batch["label"], logits, from_logits=True
            )
            for name, logits in zip(("cross_entropy", *_HALF_WAY), outputs, strict=True)
        }


_HALF_WAY = ("auxiliary_4a", "auxiliary_4d")
