"""A learner: networks, and the updates of a learning rule in the order applied.

A paper subclasses `Learner` and states, for each update, whose weights change and
the losses of each example. It opens no tape and no strategy scope, scales no loss
and divides by no batch size: `apply_updates` does that once for all papers.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Update:
    """One step of one player.

    Attributes:
        name: also the key of its optimizer in the recipe.
        networks: names of the networks whose trainable weights it changes.
        losses: batch -> named losses, each of shape (batch,): one value per example,
            unweighted, neither summed nor averaged over the batch.
        weights: factor of each loss in the sum that is minimised; 1 if not named.
    """

    name: str
    networks: tuple[str, ...]
    losses: Callable[[Batch], Mapping[str, Any]]
    weights: Mapping[str, float] = field(default_factory=dict)


class Learner(keras.Model):
    """Base class of every learning rule.

    It is a `keras.Model` with a generic `train_step`, so that `learner.fit(dataset)`
    works in a notebook.

    Args:
        networks: name -> model. The engine saves, restores and counts them by name.
        optimizers: update name -> Keras optimizer.

    Example:
        learner = VerificationLearner({"siamese": network}, {"siamese": Adam(1e-3)})
        learner.fit(batches, epochs=1, steps_per_epoch=100)
    """

    def __init__(
        self,
        networks: Mapping[str, keras.Model],
        optimizers: Mapping[str, keras.optimizers.Optimizer],
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.networks = dict(networks)
        self.update_optimizers = {
            name: self._scaling(optimizer) for name, optimizer in optimizers.items()
        }
        self._check_updates()
        self.compile(jit_compile=False)

    @abstractmethod
    def updates(self) -> list[Update]:
        """The updates of one step, in the order in which they are applied."""

    def trainable_variables_of(self, update: Update) -> list[keras.Variable]:
        """The weights that an update changes, in a fixed order."""
        return [
            variable
            for name in update.networks
            for variable in self.networks[name].trainable_variables
        ]

    def build_optimizers(self) -> None:
        """Creates the optimizers' variables, so that they can be restored."""
        for update in self.updates():
            optimizer = self.update_optimizers[update.name]
            if not optimizer.built:
                optimizer.build(self.trainable_variables_of(update))

    def state(self) -> dict[str, keras.Variable]:
        """Every variable that a step reads or writes, by a stable name."""
        state = {}
        for name, network in self.networks.items():
            for index, variable in enumerate(network.variables):
                state[f"networks/{name}/{index:04d}/{variable.path}"] = variable
        for name, optimizer in self.update_optimizers.items():
            for index, variable in enumerate(optimizer.variables):
                state[f"optimizers/{name}/{index:04d}/{variable.path}"] = variable
        # A learner's own random seeds: a GAN draws its noise here.
        known = {id(variable) for variable in state.values()}
        own = [variable for variable in self.variables if id(variable) not in known]
        for index, variable in enumerate(own):
            state[f"learner/{index:04d}/{variable.path}"] = variable
        return state

    def train_step(self, data: Batch) -> dict[str, Any]:
        """One step for Keras's `fit`; returns the mean of each loss."""
        # Keras imports the backend's tape only when training.
        from cai_keras.training.updates import apply_updates

        return apply_updates(self, data)

    def call(self, inputs):
        """A learner is no layer: call its networks."""
        raise TypeError(f"call one of the networks: {sorted(self.networks)}")

    def _scaling(self, optimizer):
        """With mixed_float16 the loss is scaled, as Keras's `compile` does it."""
        ready = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if self.dtype_policy.name != "mixed_float16" or ready:
            return optimizer
        return keras.optimizers.LossScaleOptimizer(optimizer, name=optimizer.name)

    def _check_updates(self) -> None:
        names = [update.name for update in self.updates()]
        if sorted(names) != sorted(self.update_optimizers):
            raise ValueError(
                f"updates {sorted(names)} and optimizers "
                f"{sorted(self.update_optimizers)} must have the same names"
            )
        for update in self.updates():
            unknown = set(update.networks) - set(self.networks)
            if unknown:
                raise ValueError(
                    f"update {update.name!r} names unknown networks {sorted(unknown)}; "
                    f"expected some of {sorted(self.networks)}"
                )
