"""Classification of clips."""

import keras

from cai_keras.training.learner import Learner, Update


class ClipLearner(Learner):
    """Cross-entropy of the softmax over classes."""

    def updates(self):
        return [Update("network", ("network",), self.losses)]

    def losses(self, batch):
        logits = self.networks["network"](batch["clip"], training=True)
        return {
            "cross_entropy": keras.losses.sparse_categorical_crossentropy(
                batch["label"], logits, from_logits=True
            )
        }
