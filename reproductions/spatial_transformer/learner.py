"""Two rules: classify what transformers hand on, or find what images share."""

import keras
from keras import ops

from cai_keras.training.learner import Learner, Update


class Classifier(Learner):
    """Cross-entropy of the right class; transformers learn from nothing else.

    Args:
        logits: a model of the image that has the weights of `networks`.
    """

    def __init__(self, networks, optimizers, logits, **kwargs):
        super().__init__(networks, optimizers, **kwargs)
        self.logits = logits

    def updates(self):
        return [Update("network", tuple(self.networks), self.losses_of_images)]

    def losses_of_images(self, batch):
        logits = self.logits(batch["image"], training=True)
        loss = keras.losses.sparse_categorical_crossentropy(
            batch["label"], logits, from_logits=True
        )
        return {"cross_entropy": loss}


class Colocaliser(Learner):
    """Two images' crops should be more alike than a crop and a random one.

    Args:
        view: a model of the image that has the weights of `localisation`.
        features: image -> (batch, n), the paper's e; it is not trained.
        margin: the paper's alpha.
    """

    def __init__(self, networks, optimizers, view, features, margin, **kwargs):
        super().__init__(networks, optimizers, **kwargs)
        self.view = view
        self.features = features
        self.margin = margin

    def updates(self):
        return [Update("network", ("localisation",), self.losses_of_triplets)]

    def losses_of_triplets(self, batch):
        crops = [self.view(batch[name], training=True) for name in ("image", "partner")]
        first, second, random = (
            self.features(image, training=False) for image in (*crops, batch["crop"])
        )
        return {"hinge": hinge_loss(first, second, random, self.margin)}


def hinge_loss(first, second, random, margin: float):
    """max(0, |e(I_n) - e(I_m)|^2 - |e(I_n) - e(I_rand)|^2 + alpha), one per example.

    Jaderberg et al. 2015, Appendix A.2 (from memory: the appendix was not at hand).

    Args:
        first, second, random: float (batch, n), features of two crops and a random one.
    Returns:
        float (batch,).
    """

    def distance(a, b):
        return ops.sum(ops.square(ops.cast(a, "float32") - ops.cast(b, "float32")), -1)

    return ops.relu(distance(first, second) - distance(first, random) + margin)
