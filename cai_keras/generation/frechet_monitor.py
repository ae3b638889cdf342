"""A Frechet distance that is cheap enough to be asked for while a generator learns."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.generation.set_scores import short_count
from cai_keras.metrics.feature_moments import FeatureMoments
from cai_keras.metrics.frechet_distance import frechet_distance
from cai_keras.reporting.record import Metric

_PART = 1000  # pictures in memory at once


class FrechetMonitor:
    """The distance of a few generated pictures to as many real ones, for curves.

    Its number of pictures is smaller than that of the scores at the end, and with it
    its bias is larger: the name says how many, and curves of one number compare.

    Args:
        extractor: of features.
        make: (first, last) -> pictures number first to last - 1, the same ones
            whenever it is asked.
        real: number -> the first so many pictures of the reference split.
        reference: that split's name, for the passport.
        count: of pictures; 0 for no distance.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        make: Callable[[int, int], np.ndarray],
        real: Callable[[int], np.ndarray],
        reference: str,
        count: int,
    ):
        self.extractor = extractor
        self.make = make
        self.real = real
        self.reference = reference
        self.count = count

    def measure(self) -> dict[str, Metric]:
        """fid_<extractor>_<number>, as in `score_set`; nothing of no pictures."""
        if not self.count:
            return {}
        made = FeatureMoments()
        for first in range(0, self.count, _PART):
            part = self.make(first, min(first + _PART, self.count))
            made.add(self.extractor(part)[0])
        distance = frechet_distance(made, self._real_moments)
        name = f"fid_{self.extractor.name}_{short_count(self.count)}"
        passport = {
            **self.extractor.passport(),
            "pictures": self.count,
            "reference": self.reference,
        }
        return {name: Metric.of(distance, self.count, passport)}

    @cached_property
    def _real_moments(self) -> FeatureMoments:
        return FeatureMoments.of(self.extractor(self.real(self.count))[0])
