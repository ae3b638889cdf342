"""Many tasks at once: each network has its own loss, none has another's weights."""

from keras import ops

from cai_keras.training.learner import Learner, Update

from .tasks import TASKS, losses_of


class _Stage(Learner):
    """A stage of the grid: its networks are called `<stage>_<task>`.

    Args:
        dictionary: name -> task; those of rendered scenes by default.
    """

    def __init__(self, networks, optimizers, dictionary=TASKS, **kwargs):
        super().__init__(networks, optimizers, **kwargs)
        self.dictionary = dict(dictionary)

    def tasks(self) -> dict[str, str]:
        """Name of a network -> name of its task."""
        (stage,) = self.update_optimizers
        return {name: name.removeprefix(f"{stage}_") for name in self.networks}


class TaskNetworks(_Stage):
    """Networks from images, one for each task.

    Adam's steps depend on a weight's own gradient alone: one update with the sum of all
    losses is each network's own update.

    Args:
        networks: `<stage>_<task>` -> model with outputs "code" and "answers".
        optimizers: one, by the name of the stage.
    """

    def updates(self):
        (stage,) = self.update_optimizers
        return [Update(stage, tuple(self.networks), self.losses)]

    def losses(self, batch):
        found = {}
        for name, task in self.tasks().items():
            asked = self.dictionary[task]
            view = batch["views"][asked.view]
            answers = self.networks[name](view, training=True)["answers"]
            found[task] = losses_of(asked, batch["targets"][task], answers)[:, 0]
        return found


class Transfers(_Stage):
    """Transfers of one order to every target, on codes that do not change.

    Args:
        networks: `<stage>_<target>` -> model from the codes of all sources to answers
            of candidates.
        optimizers: one, by the name of the stage.
    """

    def updates(self):
        (stage,) = self.update_optimizers
        # The mean times their number: each candidate has the gradient that it would
        # have alone.
        candidates = {
            task: self.networks[name].output_shape[1]
            for name, task in self.tasks().items()
        }
        return [Update(stage, tuple(self.networks), self.losses, candidates)]

    def losses(self, batch):
        """Means over the candidates of a target."""
        found = {}
        for name, task in self.tasks().items():
            answers = self.networks[name](batch["codes"], training=True)
            wrong = losses_of(self.dictionary[task], batch["targets"][task], answers)
            found[task] = ops.mean(wrong, axis=1)
        return found
