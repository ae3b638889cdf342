"""Cross-entropy of the right class."""

import keras

from cai_keras.training.learner import Learner, Update


class Classifier(Learner):
    """Learns a network from images to logits."""

    def updates(self):
        return [Update("classifier", ("classifier",), self.losses_of_images)]

    def losses_of_images(self, batch):
        logits = self.networks["classifier"](batch["image"], training=True)
        loss = keras.losses.sparse_categorical_crossentropy(
            batch["label"], logits, from_logits=True
        )
        return {"cross_entropy": loss}
