"""What the metrics say of two sets of real pictures, and of spoilt ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import spearmanr

from cai_keras.data.classification import LabelledImages
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.metrics.feature_moments import FeatureMoments
from cai_keras.metrics.frechet_distance import frechet_distance
from cai_keras.metrics.kernel_distance import squared_mmd
from cai_keras.metrics.precision_recall import precision_recall
from cai_keras.reporting.record import Metric

from .disturbances import DISTURBANCES, add_noise

_SMALLEST = 1e-12  # a distance of nothing has no logarithm


@dataclass(frozen=True)
class Halves:
    """Two sets of real pictures that have none in common; labels of the second."""

    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, images: LabelledImages, size: int, seed: int) -> "Halves":
        """Two times `size` pictures drawn by the seed, float32 in [0, 1].

        Raises:
            UsageError: there are fewer.
        """
        count = len(images.labels)
        if 2 * size > count:
            raise UsageError(
                f"evaluate.sizes: two sets of {size} pictures are asked for; the test "
                f"split has {count}"
            )
        order = np.random.default_rng([0x6761, seed]).permutation(count)[: 2 * size]
        pixels = images.images[order].astype(np.float32) / 255
        return cls(pixels[:size], pixels[size:], images.labels[order[size:]])


class FloorEvaluation:
    """Two sets of real pictures, of growing size; half of the classes; noise.

    Args:
        extractor: of the features.
        halves: of as many pictures as the largest size.
        settings: the recipe's section `evaluate`.
        seed: of the noise.
    """

    def __init__(self, extractor: FeatureExtractor, halves: Halves, settings, seed):
        self.extractor = extractor
        self.halves = halves
        self.settings = settings
        self.rng = np.random.default_rng([0x6E6F, seed])
        self.sizes = sorted(settings.sizes)

    @cached_property
    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Of both halves."""
        size = self.settings.batch_size
        return tuple(
            self.extractor(half, size)[0]
            for half in (self.halves.first, self.halves.second)
        )

    def measure(self) -> dict[str, Metric]:
        """Floors by size, and precision and recall of sets that lack something."""
        return {**self._floors(), **self._shares_of_disturbed(), **self._manifolds()}

    def frechet_floors(self) -> list[float]:
        """The Frechet distance of two real sets, for every size."""
        return [_frechet(*self._firsts(size)) for size in self.sizes]

    def kernel_floors(self) -> list[float]:
        """The kernel distance of the same sets."""
        return [squared_mmd(*self._firsts(size)) for size in self.sizes]

    def _firsts(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        return tuple(features[:size] for features in self.features)

    def _floors(self) -> dict[str, Metric]:
        found = {}
        for size, frechet, kernel in zip(
            self.sizes, self.frechet_floors(), self.kernel_floors(), strict=True
        ):
            found[f"fid_of_{size}"] = self._metric(frechet, size)
            found[f"kid_of_{size}"] = self._metric(kernel, size)
        for name, place in (("fewest", 0), ("most", -1)):
            value = self.frechet_floors()[place]
            logarithm = np.log10(max(value, _SMALLEST))
            # Both are of the same pictures, of all or of some: they can be compared.
            key = f"log10_fid_{name}_pictures"
            found[key] = self._metric(logarithm, self.sizes[-1])
        return found

    def _shares_of_disturbed(self) -> dict[str, Metric]:
        """|Distance of equals| over that to noisy pictures, of the fewest pictures."""
        size = self.sizes[0]
        first, second = self._firsts(size)
        noisy = self._noisy()[:size]
        found = {}
        for name, distance in (("fid", _frechet), ("kid", squared_mmd)):
            share = abs(distance(first, second)) / abs(distance(first, noisy))
            found[f"{name}_share_of_disturbed"] = self._metric(share, size)
        return found

    def _manifolds(self) -> dict[str, Metric]:
        real, others = self.features
        labels, wanted = self.halves.labels, len(others) // 4
        # So many for every seed: sets of other sizes cannot be compared.
        kept = np.flatnonzero(labels < np.median(np.unique(labels)))[:wanted]
        if len(kept) < wanted:
            raise UsageError(
                f"evaluate.sizes: {len(kept)} pictures of half the classes"
            )
        sets = {
            "most_pictures": others,
            # Even the set is halved the kept pictures are compared with all others.
            "half_of_classes": others[kept],
            "noise": self._noisy(),
        }
        found = {}
        for name, fakes in sets.items():
            shares = precision_recall(real, fakes)
            for metric in ("precision", "recall"):
                value = getattr(shares, metric)
                found[f"{metric}_{name}"] = self._metric(value, len(fakes))
        return found

    def _noisy(self) -> np.ndarray:
        if not hasattr(self, "_noisy_features"):
            spoilt = add_noise(self.halves.second, self.settings.noise, self.rng)
            self._noisy_features, _ = self.extractor(spoilt, self.settings.batch_size)
        return self._noisy_features

    def _metric(self, value: float, count: int) -> Metric:
        return Metric.of(value, count, self.extractor.passport())


class DisturbanceEvaluation:
    """Frechet distance to spoilt pictures, by disturbance and level.

    Args: as of `FloorEvaluation`.
    """

    def __init__(self, extractor: FeatureExtractor, halves: Halves, settings, seed):
        self.extractor = extractor
        self.halves = halves
        self.settings = settings
        self.seed = seed

    @cached_property
    def distances(self) -> dict[str, list[float]]:
        """Of each disturbance: undisturbed, then its levels, mildest first."""
        size = self.settings.batch_size
        reference, _ = self.extractor(self.halves.first, size)
        others, _ = self.extractor(self.halves.second, size)
        undisturbed = _frechet(reference, others)
        rng = np.random.default_rng([0x6469, self.seed])
        found = {}
        for name, (spoil, levels) in DISTURBANCES.items():
            found[name] = [undisturbed]
            for level in levels:
                spoilt = spoil(self.halves.second, level, rng)
                features, _ = self.extractor(spoilt, size)
                found[name].append(_frechet(reference, features))
        return found

    def measure(self) -> dict[str, Metric]:
        """Distances at the mildest level, and rank correlations with the level."""
        mildest = min(values[1] for values in self.distances.values())
        undisturbed = next(iter(self.distances.values()))[0]
        rng = np.random.default_rng([0x7368, self.seed])
        correlations = [_rank_correlation(v) for v in self.distances.values()]
        shuffled = [
            _rank_correlation(rng.permutation(v)) for v in self.distances.values()
        ]
        values = {
            "log10_fid_mildest": np.log10(max(mildest, _SMALLEST)),
            "log10_fid_undisturbed": np.log10(max(undisturbed, _SMALLEST)),
            "fid_least_rank_correlation": min(correlations),
            "shuffled_least_rank_correlation": min(shuffled),
        }
        for name, found in self.distances.items():
            for level, value in enumerate(found[1:], start=1):
                values[f"fid_{name}_level{level}"] = value
        count, passport = len(self.halves.first), self.extractor.passport()
        return {name: Metric.of(v, count, passport) for name, v in values.items()}


def _frechet(first: np.ndarray, second: np.ndarray) -> float:
    return frechet_distance(FeatureMoments.of(first), FeatureMoments.of(second))


def _rank_correlation(values) -> float:
    """Of values with their places; 1 where each is above the one before it."""
    return float(spearmanr(np.arange(len(values)), values).statistic)
