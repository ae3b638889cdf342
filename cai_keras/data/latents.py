"""Latent vectors and labels that generators are asked for, beside real batches.

They are drawn in the batch, by step and row, so that any number of replicas sees what
one would see, and a resumed run what an undisturbed one would have seen.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import choose

# Streams of random numbers, far from those of images.
_LATENT, _LATENT_AGAIN, _LABEL, _LABEL_AGAIN, _MIX = range(100, 105)
# Name -> lower and upper bound; None: normal.
_BOUNDS = {"normal": None, "uniform": (-1.0, 1.0), "unit": (0.0, 1.0)}


@dataclass(frozen=True)
class LatentSpace:
    """What a generator's vectors are drawn from, each number on its own.

    Attributes:
        size: of a vector.
        distribution: normal, N(0, 1); uniform, in [-1, 1); unit, uniform in [0, 1).
    """

    size: int
    distribution: str

    def __post_init__(self):
        choose("latent distribution", self.distribution, _BOUNDS)

    def draw(self, count: int, seed: int) -> np.ndarray:
        """float32 (count, size); the first n of any count are the same."""
        rng, bounds = np.random.default_rng([0x6C61, seed]), _BOUNDS[self.distribution]
        shape = (count, self.size)
        drawn = (
            rng.normal(size=shape) if bounds is None else rng.uniform(*bounds, shape)
        )
        return drawn.astype(np.float32)

    def of_rows(self, random: RowRandom, stream: int) -> tf.Tensor:
        """float32 (rows, size), of a step."""
        bounds = _BOUNDS[self.distribution]
        if bounds is None:
            return random.normal(stream, [self.size])
        return random.uniform(stream, [self.size], minval=bounds[0], maxval=bounds[1])


def with_latents(
    batches: StepBatches,
    space: LatentSpace,
    seed: int,
    classes: int | None = None,
    real_labels: bool = False,
) -> StepBatches:
    """Batches of real examples with what both updates of a GAN ask of its generator.

    Adds, for each example:
        latent, latent_again: for the discriminator's and for the generator's update
        mix: uniform in [0, 1), where WGAN-GP looks at the slope
        fake_label, fake_label_again: int32, if there are classes

    Args:
        batches: of dictionaries.
        classes: labels are drawn uniformly from so many; None for none.
        real_labels: generated examples get the labels of the batch's real ones
            instead: those of the data's own distribution.
    """

    def make(step, rows):
        batch = batches.make(step, rows)
        random = RowRandom(seed, step, rows, batches.batch_size)
        added = {
            "latent": space.of_rows(random, _LATENT),
            "latent_again": space.of_rows(random, _LATENT_AGAIN),
            "mix": random.uniform(_MIX),
        }
        if classes is not None:
            for name, stream in (("", _LABEL), ("_again", _LABEL_AGAIN)):
                drawn = random.uniform(stream, maxval=classes, dtype=tf.int32)
                added[f"fake_label{name}"] = batch["label"] if real_labels else drawn
        return {**batch, **added}

    return StepBatches(make, batches.batch_size)
