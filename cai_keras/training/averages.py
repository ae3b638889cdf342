"""Exponential moving averages of whole networks' weights."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import keras
from keras import ops

from cai_keras.errors import UsageError, nearest


class WeightAverages:
    """Averages that follow the trainable weights of some networks.

        average <- momentum * average + (1 - momentum) * weight

    after each step; up to `start_step` steps the average is the weight itself.
    Statistics of batch normalisation are not averaged: they are averages already.

    Args:
        networks: all networks by name.
        names: those that are averaged.
        momentum: in (0, 1).
        start_step: steps.
    """

    def __init__(
        self,
        networks: Mapping[str, keras.Model],
        names: Sequence[str],
        momentum: float,
        start_step: int,
    ):
        for name in names:
            if name not in networks:
                raise UsageError(
                    f"train.ema.networks: unknown {name!r}; {nearest(name, networks)}"
                )
        self.momentum = momentum
        self.start_step = start_step
        self._networks = {name: networks[name] for name in names}
        self._pairs = [
            (weight, self._copy(weight))
            for network in self._networks.values()
            for weight in network.trainable_weights
        ]

    @property
    def variables(self) -> list[keras.Variable]:
        return [average for _, average in self._pairs]

    def follow(self, step) -> None:
        """Moves the averages after the `step`-th step, counted from 0."""
        following = ops.cast(step >= self.start_step, "float32")
        momentum = self.momentum * following
        for weight, average in self._pairs:
            average.assign(momentum * average + (1.0 - momentum) * weight)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within it the networks have their averaged weights."""
        live = [ops.convert_to_numpy(weight) for weight, _ in self._pairs]
        try:
            for weight, average in self._pairs:
                weight.assign(ops.convert_to_numpy(average))
            yield
        finally:
            for (weight, _), value in zip(self._pairs, live, strict=True):
                weight.assign(value)

    @staticmethod
    def _copy(weight: keras.Variable) -> keras.Variable:
        return keras.Variable(
            ops.convert_to_numpy(weight),
            dtype="float32",
            trainable=False,
            autocast=False,
            name=f"average_{weight.name}",
        )
