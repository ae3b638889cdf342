"""What a trained generator's pictures are measured by, beside those it started with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from cai_keras.data.picture_sets import PictureSet
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor, load_extractor
from cai_keras.generation.frechet_monitor import FrechetMonitor
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.generation.parzen_score import parzen_score
from cai_keras.generation.sampler import Sampler
from cai_keras.generation.set_scores import (
    OF_REAL,
    SetProtocol,
    score_set,
    short_count,
)
from cai_keras.metrics.feature_moments import FeatureMoments
from cai_keras.metrics.frechet_distance import frechet_distance
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

_SEED = 0  # of evaluation's latent vectors: the same in all runs


@dataclass(frozen=True)
class PictureEvaluation:
    """A generator, real pictures, and how they are compared.

    Attributes:
        sampler: of the generator.
        pictures: real ones.
        initial: the generator's weights before training.
        settings: the recipe's section `evaluate`: `extractor`, a name for
            `load_extractor`; `pictures`, how many of each kind are compared, fewer
            where there are fewer; `while_training`, how many of the Frechet distance
            during training, 0 for none; and `parzen` with `samples` and `validation`,
            how many pictures of each; 0 samples for no Parzen windows.
    """

    sampler: Sampler
    pictures: PictureSet
    initial: InitialWeights
    settings: object

    @property
    def count(self) -> int:
        """Pictures of each kind that are compared."""
        found = self.pictures
        return min(self.settings.pictures, found.test.count, found.train.count)

    @cached_property
    def extractor(self) -> FeatureExtractor:
        return load_extractor(self.settings.extractor)

    def made(self, count: int | None = None) -> np.ndarray:
        """float32 pictures of the trained generator, in [0, 1]."""
        return self.sampler.sample(count or self.count, _SEED)

    def untrained(self, count: int | None = None) -> np.ndarray:
        """Those of the same latent vectors before training."""
        with self.initial.swapped_in():
            return self.made(count)

    @cached_property
    def monitor(self) -> FrechetMonitor:
        """The distance to test pictures while the generator learns."""
        return FrechetMonitor(
            self.extractor,
            lambda first, last: self.sampler.stretch(first, last, _SEED),
            self.pictures.test.head,
            "test",
            min(self.settings.while_training, self.count),
        )

    def measure(self) -> dict[str, Metric]:
        """Scores of `score_set`, and log10_frechet of trained and untrained.

        Logarithms, so that the difference of two is that of a ratio; their names have
        no number of pictures, so that one claim speaks of several scales: it is in
        their passports.
        """
        real = self.pictures.test.head(self.count)
        floor = self.pictures.train.head(self.count)
        protocol = SetProtocol("test")
        scores = score_set(self.extractor, self.made(), real, floor, protocol)
        name = f"fid_{self.extractor.name}_{short_count(self.count)}"
        passport = scores[name].passport
        values = {
            "log10_frechet": scores[name].value,
            "log10_frechet_of_real": scores[name + OF_REAL].value,
            "log10_frechet_untrained": self._frechet(self.untrained(), real),
        }
        logarithms = {
            key: Metric.of(np.log10(value), self.count, passport)
            for key, value in values.items()
        }
        return {**scores, **logarithms, **self._parzen()}

    def _frechet(self, made: np.ndarray, real: np.ndarray) -> float:
        moments = (FeatureMoments.of(self.extractor(each)[0]) for each in (made, real))
        return frechet_distance(*moments)

    def _parzen(self) -> dict[str, Metric]:
        asked, held_out = self.settings.parzen, self.pictures.validation
        if not asked.samples:
            return {}
        if held_out is None:
            raise UsageError("evaluate.parzen: needs data.validation above 0")
        validation = held_out.head(min(asked.validation, held_out.count))
        test = self.pictures.test.head(self.pictures.test.count)
        real = (each.astype(np.float32) / 255 for each in (validation, test))
        return parzen_score(self.made(asked.samples), *real)


def discriminator_accuracy(
    score: Callable[[np.ndarray], np.ndarray], real: np.ndarray, fake: np.ndarray
) -> Metric:
    """Percent of real and generated examples that a discriminator tells rightly.

    Args:
        score: examples -> scores (n,); above 0 means real.
        real, fake: as many of each, in the discriminator's range.
    """
    rights = np.concatenate([score(real) > 0, score(fake) <= 0])
    return Metric.of(100 * rights.mean(), len(rights))


def scores_of(network: keras.Model, batch_size: int) -> Callable:
    """examples, or [examples, labels] -> a discriminator's scores."""
    return lambda inputs: predict_in_batches(network, inputs, batch_size)
