"""Two supervised rules: mirror an image, and name its class."""

import keras
from keras import ops

from cai_keras.training.learner import Learner, Update


class MirrorLearner(Learner):
    """Squared error against the image flipped left to right, mean over its values."""

    def updates(self):
        return [Update("network", ("network",), self.losses)]

    def losses(self, batch):
        image = batch["image"]  # (batch, height, width, channels)
        mirrored = self.networks["network"](image, training=True)
        error = ops.cast(mirrored, "float32") - ops.flip(image, axis=2)
        return {"mse": ops.mean(ops.square(error), axis=(1, 2, 3))}


class ClassifierLearner(Learner):
    """Cross-entropy of the right class."""

    def updates(self):
        return [Update("network", ("network",), self.losses)]

    def losses(self, batch):
        logits = self.networks["network"](batch["image"], training=True)
        entropy = keras.losses.sparse_categorical_crossentropy
        return {"cross_entropy": entropy(batch["label"], logits, from_logits=True)}
