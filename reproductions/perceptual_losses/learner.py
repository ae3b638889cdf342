"""Networks that make pictures, and what they are punished for."""

from collections.abc import Callable, Mapping

from keras import ops

from cai_keras.stylization.objective import PerceptualObjective, Targets
from cai_keras.training.learner import Learner, Update


class StyleTransfer(Learner):
    """f_W: a photograph's content with the style of one picture (Section 3.2).

    Args:
        networks: {"transform": f_W}.
        optimizers: of the update "transform".
        objective: frozen: its network is no part of the learner.
        style: layer -> Gram matrices (1, channels, channels) of the style.
    """

    def __init__(
        self, networks, optimizers, objective: PerceptualObjective, style: Mapping
    ):
        self.objective = objective
        self.style = style
        super().__init__(networks, optimizers)

    def updates(self):
        weights = self.objective.weights
        return [Update("transform", ("transform",), self.losses_of_pictures, weights)]

    def losses_of_pictures(self, batch):
        made = self.networks["transform"](batch["picture"], training=True)
        content = self.objective.content_targets(batch["picture"])
        return self.objective.terms(made, Targets(content, self.style))


class SuperResolution(Learner):
    """A network that makes large pictures of small ones (Section 4.2).

    Args:
        networks: {"transform": network}.
        optimizers: of the update "transform".
        losses: (made, picture) -> named losses (batch,).
    """

    def __init__(self, networks, optimizers, losses: Callable):
        self.losses_between = losses
        super().__init__(networks, optimizers)

    def updates(self):
        return [Update("transform", ("transform",), self.losses_of_pictures)]

    def losses_of_pictures(self, batch):
        made = self.networks["transform"](batch["small"], training=True)
        return self.losses_between(made, batch["picture"])


def pixel_losses(made, picture):
    """The mean squared difference of pixels (Section 3.3)."""
    return {"pixel": ops.mean(ops.square(made - picture), axis=(1, 2, 3))}


def feature_losses(objective: PerceptualObjective) -> Callable:
    """That of features: the objective's content term (equation 2)."""

    def losses(made, picture):
        targets = Targets(objective.content_targets(picture), {})
        return {"feature": objective.terms(made, targets)["content"]}

    return losses
