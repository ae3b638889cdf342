"""Pictures from a trained generator: what `cai sample` and evaluations ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from cai_keras.data.latents import LatentSpace
from cai_keras.errors import UsageError, choose
from cai_keras.training.inference import predict_in_batches

# Name -> what a generator's smallest and largest values are.
_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


@dataclass(frozen=True)
class Sampler:
    """Draws latent vectors and gives the generator's pictures.

    Attributes:
        generator: latent, or [latent, label] -> pictures.
        space: of the latent vectors.
        output: tanh, pictures in [-1, 1]; sigmoid, in [0, 1].
        class_names: of the labels; None for a generator without labels.
        batch_size: pictures computed at once.
    """

    generator: keras.Model
    space: LatentSpace
    output: str
    class_names: Sequence[str] | None = None
    batch_size: int = 100

    def __post_init__(self):
        choose("generator's output", self.output, _RANGES)

    def sample(
        self, count: int, seed: int, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """float32 (count, height, width, channels) in [0, 1].

        Args:
            seed: of the latent vectors; the first n of any count are the same.
            labels: int (count,). None: all classes in turn, where there are any.
        """
        return self.pictures(self.space.draw(count, seed), labels)

    def stretch(self, first: int, last: int, seed: int) -> np.ndarray:
        """Pictures number `first` to `last` - 1 of any `sample` with this seed."""
        labels = self.balanced_labels(last)
        latents = self.space.draw(last, seed)[first:]
        return self.pictures(latents, None if labels is None else labels[first:])

    def pictures(
        self, latents: np.ndarray, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """The pictures of given latent vectors (n, size); as `sample` otherwise.

        Raises:
            UsageError: labels for a generator that has none, of another number, or of
                no class.
        """
        inputs = latents
        if self.class_names is None:
            if labels is not None:
                raise UsageError("labels: this generator has no classes")
        else:
            inputs = [latents, self._labels(labels, len(latents))]
        made = predict_in_batches(self.generator, inputs, self.batch_size)
        low, high = _RANGES[self.output]
        return np.clip((made - low) / (high - low), 0, 1).astype(np.float32)

    def balanced_labels(self, count: int) -> np.ndarray | None:
        """int32 (count,), all classes in turn; None without classes."""
        if self.class_names is None:
            return None
        return (np.arange(count) % len(self.class_names)).astype(np.int32)

    def _labels(self, labels, count: int) -> np.ndarray:
        if labels is None:
            return self.balanced_labels(count)
        labels, classes = np.asarray(labels, np.int32), len(self.class_names)
        if labels.shape != (count,):
            raise UsageError(f"labels: expected {count}, received {labels.shape}")
        if labels.size and not (labels.min() >= 0 and labels.max() < classes):
            raise UsageError(
                f"labels: expected 0 to {classes - 1}, received {labels.min()} to "
                f"{labels.max()}"
            )
        return labels
