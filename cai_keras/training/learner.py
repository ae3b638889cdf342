"""A learner: networks, and the updates of a learning rule in the order applied.

A paper subclasses `Learner` and states, for each update, whose weights change and
the losses of each example. It opens no tape and no strategy scope, scales no loss
and divides by no batch size: `apply_updates` does that once for all papers.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from cai_keras.errors import UsageError
from cai_keras.training.averages import WeightAverages
from cai_keras.training.optimizers import UpdateRule

Batch = Mapping[str, Any]
# Updates that are due at every n-th step repeat after this many steps at most: each
# pattern is compiled on its own.
_LONGEST_CYCLE = 64


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
        optimizers: update name -> Keras optimizer, or an `UpdateRule` that also says
            how often the update is due.

    Attributes:
        rules: update name -> `UpdateRule`.
        steps: how many steps this learner has taken.
        accumulate: micro-batches that a replica's batch is split into.
        averages: moving averages of networks' weights, if the recipe asks for them.

    Example:
        learner = VerificationLearner({"siamese": network}, {"siamese": Adam(1e-3)})
        learner.fit(batches, epochs=1, steps_per_epoch=100)
    """

    def __init__(
        self,
        networks: Mapping[str, keras.Model],
        optimizers: Mapping[str, keras.optimizers.Optimizer | UpdateRule],
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.networks = dict(networks)
        self.rules = {name: self._rule(given) for name, given in optimizers.items()}
        self.update_optimizers = {
            name: rule.optimizer for name, rule in self.rules.items()
        }
        self.steps = keras.Variable(
            0, dtype="int", trainable=False, autocast=False, name="steps"
        )
        self.accumulate = 1
        self.averages: WeightAverages | None = None
        self._check_updates()
        self.compile(jit_compile=False)

    @abstractmethod
    def updates(self) -> list[Update]:
        """The updates of one step, in the order in which they are applied."""

    @property
    def cycle(self) -> tuple[tuple[str, ...], ...]:
        """The updates that are due at each step, until the pattern repeats."""
        every = {
            update.name: self.rules[update.name].every for update in self.updates()
        }
        length = math.lcm(*every.values())
        return tuple(
            tuple(name for name, n in every.items() if (step + 1) % n == 0)
            for step in range(length)
        )

    def keep_averages(
        self, names: tuple[str, ...], momentum: float, start_step: int
    ) -> None:
        """Starts moving averages of the weights of some networks."""
        self.averages = WeightAverages(self.networks, names, momentum, start_step)

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
        if self.averages is not None:
            for index, variable in enumerate(self.averages.variables):
                state[f"averages/{index:04d}/{variable.name}"] = variable
        # The step counter, and a learner's own random seeds: a GAN draws its noise
        # there.
        known = {id(variable) for variable in state.values()}
        own = [variable for variable in self.variables if id(variable) not in known]
        for index, variable in enumerate(own):
            state[f"learner/{index:04d}/{variable.path}"] = variable
        return state

    def fit(self, *arguments, **options):
        """Keras's `fit`, on TensorFlow.

        Raises:
            UsageError: the backend is another; `cai train` runs on JAX too.
        """
        if keras.backend.backend() != "tensorflow":
            raise UsageError("learner.fit needs TensorFlow; `cai train` does not")
        return super().fit(*arguments, **options)

    def train_step(self, data: Batch) -> dict[str, Any]:
        """One step for Keras's `fit`; returns the mean of each loss."""
        # Keras imports the backend's tape only when training.
        from cai_keras.training.fit import fit_step

        return fit_step(self, data)

    def call(self, inputs):
        """A learner is no layer: call its networks."""
        raise TypeError(f"call one of the networks: {sorted(self.networks)}")

    def _rule(self, given: keras.optimizers.Optimizer | UpdateRule) -> UpdateRule:
        """With mixed_float16 the loss is scaled, as Keras's `compile` does it."""
        rule = given if isinstance(given, UpdateRule) else UpdateRule(given)
        optimizer = rule.optimizer
        ready = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if self.dtype_policy.name != "mixed_float16" or ready:
            return rule
        scaling = keras.optimizers.LossScaleOptimizer(optimizer, name=optimizer.name)
        return replace(rule, optimizer=scaling)

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
        if len(self.cycle) > _LONGEST_CYCLE:
            periods = {name: rule.every for name, rule in self.rules.items()}
            raise UsageError(
                f"train.optimizers: every {periods} repeats after {len(self.cycle)} "
                f"steps; expected at most {_LONGEST_CYCLE}"
            )
