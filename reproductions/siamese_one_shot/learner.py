"""Two ways to train the same network: verify pairs, or match within groups."""

import numpy as np
from keras import ops

from cai_keras.losses.pairs import matching_loss, verification_loss
from cai_keras.training.learner import Learner, Update


class VerificationLearner(Learner):
    """The paper's rule: is this pair the same character?"""

    def updates(self):
        return [Update("siamese", ("siamese",), self.losses_of_pairs)]

    def losses_of_pairs(self, batch):
        images = batch["images"]  # (batch, 2, side, side, 1)
        pair = (images[:, 0], images[:, 1])
        logits = self.networks["siamese"](pair, training=True)
        return {"verification": verification_loss(logits, batch["same"])}


class MatchingLearner(Learner):
    """Which of the group's other drawings is the same character?

    All members of a group are embedded once and compared with one another, so that
    2k images give 2k (2k - 1) comparisons instead of k.
    """

    def updates(self):
        return [Update("siamese", ("siamese",), self.losses_of_groups)]

    def losses_of_groups(self, batch):
        network = self.networks["siamese"]
        images = batch["images"]  # (groups, members, side, side, 1)
        members = images.shape[1]
        flat = ops.reshape(images, (-1, *images.shape[2:]))
        h = network.encoder(flat, training=True)
        h = ops.reshape(h, (-1, members, h.shape[-1]))
        logits = network.similarity((h[:, :, None], h[:, None]))
        # Members 2i and 2i + 1 are the same character.
        twin = np.arange(members) ^ 1
        return {"matching": matching_loss(logits, twin)}


LEARNERS = {"verification": VerificationLearner, "matching": MatchingLearner}
