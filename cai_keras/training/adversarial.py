"""Two players: the learning rule of generative adversarial networks."""

from collections.abc import Mapping
from dataclasses import dataclass

from keras import ops

from cai_keras.errors import choose
from cai_keras.losses.adversarial import AdversarialLoss
from cai_keras.losses.gradient_penalties import (
    gradient_penalty,
    interpolate,
    r1_penalty,
)
from cai_keras.training.input_gradient import input_gradients
from cai_keras.training.learner import Learner, Update


@dataclass(frozen=True)
class SlopePenalty:
    """A penalty on the discriminator's slope.

    Attributes:
        name: of `PENALTIES`; none for no penalty.
        weight: lambda of WGAN-GP, gamma of R1.
    """

    name: str
    weight: float

    def __post_init__(self):
        choose("penalty", self.name, PENALTIES)


def _between(batch, fake):
    return gradient_penalty, interpolate(batch["image"], fake, batch["mix"])


def _at_real(batch, fake):
    return r1_penalty, batch["image"]


# Name -> (batch, generated) -> the function of slopes, and where they are taken.
PENALTIES = {"none": None, "gradient_penalty": _between, "r1": _at_real}
NO_PENALTY = SlopePenalty("none", 0.0)


class AdversarialLearner(Learner):
    """A discriminator and a generator, in this order, one update each at a step.

    Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1, with any of the losses and
    penalties: the discriminator learns to tell real from generated examples, and then
    the generator, from new latent vectors, to be taken for real by it.

    Batches are those of `cai_keras.data.latents.with_latents`; `image` is in the range
    of the generator's output.

    Args:
        networks: {"generator": latent, or [latent, label] -> picture,
            "discriminator": picture, or [picture, label] -> scores (batch,)}.
        optimizers: of the updates "discriminator" and "generator".
        loss: of both players.
        labelled: names of the networks that take labels.
        joint_batches: real and generated examples go through the discriminator as one
            batch; its spectral normalisation then moves one power iteration a step, in
            its own update only. With batch normalisation they must be apart (Radford et
            al. 2016): moments of both together would tell them from each other.
        penalty: on the discriminator's slope. It needs a discriminator whose scores
            depend on their own example alone.
    """

    def __init__(
        self,
        networks,
        optimizers,
        loss: AdversarialLoss,
        labelled: frozenset[str] = frozenset(),
        joint_batches: bool = False,
        penalty: SlopePenalty = NO_PENALTY,
    ):
        self.loss_functions = loss
        self.labelled = labelled
        self.joint_batches = joint_batches
        self.penalty = penalty
        super().__init__(networks, optimizers)

    def updates(self):
        weights = {"penalty": self.penalty.weight}
        return [
            Update(
                "discriminator", ("discriminator",), self.discriminator_losses, weights
            ),
            Update("generator", ("generator",), self.generator_losses),
        ]

    def discriminator_losses(self, batch) -> Mapping:
        """real and fake, and the penalty where there is one."""
        label = batch.get("fake_label")
        fake = ops.stop_gradient(self.generate(batch["latent"], label))
        real_scores, fake_scores = self._score_both(batch, fake, label)
        losses = {
            "real": self.loss_functions.real(real_scores),
            "fake": self.loss_functions.fake(fake_scores),
        }
        if self.penalty.name != "none":
            losses["penalty"] = self._penalty(batch, fake)
        return losses

    def generator_losses(self, batch) -> Mapping:
        """What the generator wants of the discriminator's scores."""
        label = batch.get("fake_label_again")
        fake = self.generate(batch["latent_again"], label)
        scores = self.score(fake, label, training=not self.joint_batches)
        return {"adversarial": self.loss_functions.generator(scores)}

    def generate(self, latent, label=None):
        """The generator's pictures in training."""
        inputs = [latent, label] if "generator" in self.labelled else latent
        return self.networks["generator"](inputs, training=True)

    def score(self, picture, label=None, training=True):
        """The discriminator's scores."""
        inputs = [picture, label] if "discriminator" in self.labelled else picture
        return self.networks["discriminator"](inputs, training=training)

    def _score_both(self, batch, fake, fake_label):
        label = batch.get("label")
        if not self.joint_batches:
            return self.score(batch["image"], label), self.score(fake, fake_label)
        pictures = ops.concatenate([ops.cast(batch["image"], fake.dtype), fake])
        labels = None
        if "discriminator" in self.labelled:
            labels = ops.concatenate([ops.cast(label, fake_label.dtype), fake_label])
        scores, count = self.score(pictures, labels), ops.shape(fake)[0]
        return scores[:count], scores[count:]

    def _penalty(self, batch, fake):
        function, places = PENALTIES[self.penalty.name](batch, fake)
        label, training = batch.get("label"), not self.joint_batches
        slopes = input_gradients(lambda x: self.score(x, label, training), places)
        return function(slopes)
