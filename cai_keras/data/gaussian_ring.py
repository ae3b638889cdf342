"""Points around a ring of Gaussians: whether a generator reaches all modes is seen."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches

NAME = "gaussian_ring"
# Streams of random numbers.
_MODE, _PLACE = range(2)


@dataclass(frozen=True)
class GaussianRing:
    """A mixture of equally likely round Gaussians, whose means lie on a circle.

    The toy of Metz et al. 2017 (arXiv:1611.02163), Section 3.1. Points are drawn in
    the batch, by step and row: there is no end to them.

    Attributes:
        modes: how many.
        radius: of the circle about the origin.
        deviation: of each Gaussian, in both directions.
    """

    modes: int
    radius: float
    deviation: float

    @property
    def centres(self) -> np.ndarray:
        """float32 (modes, 2), the first one to the right, then against the clock."""
        angles = np.arange(self.modes) * 2 * np.pi / self.modes
        places = self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return places.astype(np.float32)

    def batches(self, batch_size: int, seed: int) -> StepBatches:
        """Endless batches of {"image": (batch, 2), "label": int32, the mode}."""
        centres = tf.constant(self.centres)

        def make(step, rows):
            random = RowRandom(seed, step, rows, batch_size)
            label = random.uniform(_MODE, maxval=self.modes, dtype=tf.int32)
            spread = random.normal(_PLACE, [2], stddev=self.deviation)
            return {"image": tf.gather(centres, label) + spread, "label": label}

        return StepBatches(make, batch_size)

    def draw(self, count: int, seed: int) -> np.ndarray:
        """float32 (count, 2), of all modes."""
        rng = np.random.default_rng([0x72696E67, seed])
        places = self.centres[rng.integers(self.modes, size=count)]
        spread = rng.normal(0, self.deviation, (count, 2))
        return (places + spread).astype(np.float32)

    def info(self, train: int, test: int) -> LoadedData:
        """For the record.

        Args:
            train: points that training sees.
            test: points that are drawn for evaluation.
        """
        return LoadedData(NAME, "1.0.0", {"train": train, "test": test})
