"""Mean and covariance of features that come in batches, or from several processes."""

import numpy as np

from cai_keras.metrics.feature_sets import check_features

_BLOCK_ROWS = 4096  # rows that are in memory in double precision at once


class FeatureMoments:
    """Mean and covariance of feature vectors, in memory that their number leaves alone.

    Chan, Golub, LeVeque 1983, "Algorithms for Computing the Sample Variance", the
    pairwise formula, here of vectors: of two sets with n and m examples, means a and b
    and sums S and T of products of deviations, the union has
        mean  a + m/(n + m) (b - a)   and   S + T + n m/(n + m) (b - a)(b - a)^T
    Sums of squares, which cancel where the mean is large, occur nowhere. Batches of
    any size and merging in any order give the same numbers but for rounding.

    All in float64: (d + 1) d numbers, 34 MB for d = 2048.
    """

    def __init__(self):
        self._count = 0
        self._mean = self._scatter = None

    @classmethod
    def of(cls, features: np.ndarray) -> "FeatureMoments":
        """The moments of one set, real (n, d)."""
        moments = cls()
        moments.add(features)
        return moments

    @property
    def count(self) -> int:
        """Number of examples so far."""
        return self._count

    @property
    def mean(self) -> np.ndarray:
        """float64 (d,).

        Raises:
            ValueError: there is no example.
        """
        self._check_count(1)
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """float64 (d, d), symmetric; divided by n - 1 as by `np.cov`.

        Raises:
            ValueError: there are fewer than 2 examples.
        """
        self._check_count(2)
        return self._scatter / (self._count - 1)

    def add(self, features: np.ndarray) -> None:
        """Counts a batch in.

        Args:
            features: real (n, d); no examples change nothing.
        Raises:
            ValueError: not such an array, not finite, or of another width than before.
                Then nothing of the batch is counted.
        """
        check_features("features", features, least=0)
        self._check_width(features.shape[1])
        for start in range(0, len(features), _BLOCK_ROWS):
            block = np.asarray(features[start : start + _BLOCK_ROWS], np.float64)
            mean = block.mean(axis=0)
            centred = block - mean
            self._join(len(block), mean, centred.T @ centred)

    def merge(self, other: "FeatureMoments") -> None:
        """Counts in what `other` has counted, which is left as it is.

        Raises:
            ValueError: `other` has features of another width.
        """
        if other._count:
            self._check_width(len(other._mean))
            self._join(other._count, other._mean, other._scatter)

    def _join(self, count, mean, scatter):
        if self._count == 0:
            self._mean, self._scatter = np.zeros_like(mean), np.zeros_like(scatter)
        total = self._count + count
        step = mean - self._mean
        between = self._count * count / total
        self._scatter = self._scatter + scatter + between * np.outer(step, step)
        self._mean = self._mean + count / total * step
        self._count = total

    def _check_width(self, width):
        if self._count and width != len(self._mean):
            raise ValueError(
                f"expected features of width {len(self._mean)} as before, "
                f"received {width}"
            )

    def _check_count(self, least):
        if self._count < least:
            raise ValueError(
                f"expected {least} or more examples, received {self._count}"
            )
