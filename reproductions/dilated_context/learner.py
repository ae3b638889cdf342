"""Segmentation: cross-entropy of the labelled pixels."""

import keras
from keras import ops

from cai_keras.metrics.mean_iou import IGNORED
from cai_keras.training.learner import Learner, Update


class Segmenter(Learner):
    """One stage of training: some of the networks learn from labelled pixels.

    Args:
        networks: those that learn in this stage.
        optimizers: one, by the name of the stage.
        logits: network from a batch's `input` to its logits, with the weights of
            `networks`.
    """

    def __init__(self, networks, optimizers, logits, **kwargs):
        super().__init__(networks, optimizers, **kwargs)
        self.logits = logits

    def updates(self):
        (stage,) = self.update_optimizers
        return [Update(stage, tuple(self.networks), self.losses)]

    def losses(self, batch):
        logits = self.logits(batch["input"], training=True)
        return {"cross_entropy": labelled_cross_entropy(batch["label"], logits)}


def labelled_cross_entropy(labels, logits, ignored: int = IGNORED):
    """Mean cross-entropy of the softmax over an image's labelled pixels, in nats.

    The released code divides by the number of labelled pixels (Caffe's
    SoftmaxWithLoss, `ignore_label: 255`, normalisation VALID), counted over the whole
    batch; here each image counts alike, so that replicas need not know of each other.

    Args:
        labels: int (batch, height, width), `ignored` where no class is known.
        logits: float (batch, height, width, classes).
    Returns:
        float32 (batch,); 0 for an image without a labelled pixel.
    """
    is_known = ops.cast(labels != ignored, "float32")
    safe = ops.where(labels == ignored, 0, labels)
    losses = keras.losses.sparse_categorical_crossentropy(
        safe, ops.cast(logits, "float32"), from_logits=True
    )
    count = ops.sum(is_known, axis=(1, 2))
    return ops.sum(losses * is_known, axis=(1, 2)) / ops.maximum(count, 1.0)
