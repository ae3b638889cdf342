"""Cross-entropy of every pixel's class, weighted pixel by pixel."""

import keras
from keras import ops

from cai_keras.training.learner import Learner, Update


class PixelClassifier(Learner):
    """Learns a network from images to the logits of every pixel."""

    def updates(self):
        return [Update("unet", ("unet",), self.losses_of_tiles)]

    def losses_of_tiles(self, batch):
        logits = self.networks["unet"](batch["image"], training=True)
        loss = weighted_cross_entropy_loss(logits, batch["label"], batch["weight"])
        return {"weighted_cross_entropy": loss}


def weighted_cross_entropy_loss(logits, labels, weights):
    """- w(x) log p_l(x)(x), the mean over the pixels x of each image.

    Ronneberger et al. 2015 (arXiv:1505.04597), equation 1, p being the softmax over
    classes. The paper sums over the pixels; a mean does not depend on the tile's size.
    It is not divided by the sum of the weights, so that weights are steps of a size.

    Args:
        logits: float (batch, height, width, classes).
        labels: int (batch, height, width).
        weights: float (batch, height, width).
    Returns:
        float32 (batch,).
    """
    entropy = keras.losses.sparse_categorical_crossentropy(
        labels, ops.cast(logits, "float32"), from_logits=True
    )
    return ops.mean(ops.cast(weights, "float32") * entropy, axis=(1, 2))
