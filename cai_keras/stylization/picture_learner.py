"""The learning rule whose weights are pixels."""

import keras

from cai_keras.layers.learned_pictures import LearnedPictures
from cai_keras.stylization.objective import PerceptualObjective, Targets
from cai_keras.training.learner import Learner, Update


def build_pictures(count: int, height: int, width: int, name: str) -> keras.Model:
    """A network whose only weights are pictures: numbers (batch,) -> pictures."""
    numbers = keras.Input((), dtype="int32", name="number")
    return keras.Model(
        numbers, LearnedPictures(count, height, width, name=f"{name}_pixels")(numbers)
    )


class PictureLearner(Learner):
    """Minimises an objective over the pixels of pictures (Gatys et al. 2016).

    A batch is {"number": int (batch,)}, the pictures that take part and whose targets
    are those of the same number.

    Args:
        objective: content, style and total variation.
        targets: of each picture.
        networks: one network, of `build_pictures`, under any name.
        optimizers: of the update `picture`.
    """

    def __init__(
        self, objective: PerceptualObjective, targets: Targets, networks, optimizers
    ):
        # Keras tracks layers that it finds here; the feature network is no part of
        # what is trained and saved, and lies within an object that it does not know.
        self.objective = objective
        self.targets = targets
        super().__init__(networks, optimizers)

    @property
    def pixels(self) -> keras.Variable:
        """Weights (count, height, width, 3)."""
        (network,) = self.networks.values()
        return network.trainable_variables[0]

    def updates(self):
        names = tuple(self.networks)
        return [Update("picture", names, self.picture_losses, self.objective.weights)]

    def picture_losses(self, batch):
        """The objective's terms, one value for each picture of the batch."""
        (network,) = self.networks.values()
        number = batch["number"]
        return self.objective.terms(network(number), self.targets.of(number))
