"""The weights that a network started from: what training is compared with."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


class InitialWeights:
    """A copy of a network's weights, made when it is built.

    Networks start from the run's seed, so that a run that is resumed or evaluated
    again has the same copy.

    Args:
        network: with the weights that are to be kept.
    """

    def __init__(self, network: keras.Model):
        self._network = network
        self._weights = network.get_weights()

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within it the network is as it was."""
        current = self._network.get_weights()
        self._network.set_weights(self._weights)
        try:
            yield
        finally:
            self._network.set_weights(current)
