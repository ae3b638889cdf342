"""Precision and recall of generated pictures, density and coverage."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from cai_keras.metrics.feature_sets import check_feature_sets

_BLOCK_MEBIBYTES = 16
_ROUNDING = 1e-12  # of a squared distance, in parts of the two squared lengths


@dataclass(frozen=True)
class PrecisionRecall:
    """Four shares; only `density` may be above 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(
    real: np.ndarray, fake: np.ndarray, neighbours: int = 3
) -> PrecisionRecall:
    """How many fakes are plausible, and how much of what is real they cover.

    Around each example lies a ball that just reaches its k-th neighbour in its own set
    (itself not counted); points on the surface are inside.

    Kynkaanniemi et al. 2019 (arXiv:1904.06991), Eqs. 1 and 2, k = 3:
        precision: share of fakes that are in a ball of any real example
        recall:    share of real examples that are in a ball of any fake
    Naeem et al. 2020 (arXiv:2002.09797), Section 3, k = 5:
        density:   number of balls of real examples that a fake is in, mean over k
        coverage:  share of balls of real examples with a fake inside

    Two samples of one distribution do not reach 1 but, of 2000 features of width 64,
    precision and recall of 0.6: compare with that of real pictures against real ones.

    Args:
        real: real (n, d); fake: real (m, d). Memory beside them: their copies in
            float64 and a few blocks of 16 MiB, never a matrix of n x m.
        neighbours: k, below n and m.
    Returns:
        precision, recall and coverage in [0, 1], density >= 0; density is 1 on average
        for samples of one distribution.
    Raises:
        ValueError: not such arrays, not finite, or too few examples.
    """
    if neighbours < 1:
        raise ValueError(f"neighbours: expected 1 or more, received {neighbours}")
    check_feature_sets(neighbours + 1, real=real, fake=fake)
    # Products of features are faster than differences, but round in parts of squared
    # lengths: about the mean these are small. What is left decides in favour of the
    # ball where a point is on its surface, such as a copy of a real example.
    centre = real.mean(axis=0, dtype=np.float64)
    real, fake = (each - centre for each in (real, fake))
    slack_real, slack_fake = (
        _ROUNDING * np.einsum("ij,ij->i", each, each) for each in (real, fake)
    )
    reach_real, reach_fake = (_squared_radii(each, neighbours) for each in (real, fake))
    balls_around_fakes = np.zeros(len(fake), int)
    is_recalled, is_covered = [], []
    for squared in pairwise_distances_chunked(
        real, fake, squared=True, working_memory=_BLOCK_MEBIBYTES
    ):
        rows = slice(len(is_covered), len(is_covered) + len(squared))
        squared -= slack_real[rows, None]
        squared -= slack_fake
        is_inside = squared <= reach_real[rows, None]
        balls_around_fakes += is_inside.sum(axis=0)
        is_covered.extend(is_inside.any(axis=1))
        is_recalled.extend((squared <= reach_fake).any(axis=1))
    return PrecisionRecall(
        precision=float(np.mean(balls_around_fakes > 0)),
        recall=float(np.mean(is_recalled)),
        density=float(np.mean(balls_around_fakes) / neighbours),
        coverage=float(np.mean(is_covered)),
    )


def _squared_radii(features, neighbours) -> np.ndarray:
    finder = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features)
    distances, _ = finder.kneighbors()  # of each one to the others
    return np.square(distances[:, -1])
