"""Frechet distance between two sets of features."""

import numpy as np
from scipy import linalg

from cai_keras.metrics.feature_moments import FeatureMoments


def frechet_distance(first: FeatureMoments, second: FeatureMoments) -> float:
    """How far apart two normal distributions with the sets' moments are.

    Heusel et al. 2017 (arXiv:1706.08500), Eq. 6, there of Inception features (FID):
        |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2))

    Of two samples of one distribution it is not 0 but about 0.55 d^2 / n, if features
    have deviation 1: compare numbers of equal n only, and with that of real pictures
    against real ones.

    Args:
        first, second: of 2 or more examples and of one width. Fewer examples than d,
            singular covariances, do no harm but for the above.
    Returns:
        float >= 0, in squared units of the features; 0 for equal moments.
    Raises:
        ValueError: fewer than 2 examples, widths differ, or moments overflow.
    """
    for name, moments in (("first", first), ("second", second)):
        if moments.count < 2:
            raise ValueError(
                f"{name}: expected 2 or more examples, received {moments.count}"
            )
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"expected features of one width, received {len(first.mean)} and "
            f"{len(second.mean)}"
        )
    a, b = (_root(moments.covariance) for moments in (first, second))
    step = first.mean - second.mean
    # The trace is the least |A Q - B|^2 (sum over all entries) of the rotations Q,
    # where S1 = A A^T and S2 = B B^T (Bhatia, Jain, Lim 2019, Theorem 1). As a sum of
    # squares it cannot fall below 0, and unlike the difference of traces it loses
    # nothing where the two sets are nearly alike.
    rotation, _ = linalg.orthogonal_procrustes(a, b)
    return float(step @ step + np.sum(np.square(a @ rotation - b)))


def _root(covariance) -> np.ndarray:
    """A square A with A A^T = covariance."""
    if not np.isfinite(covariance).all():
        raise ValueError("expected finite moments, received features that overflow")
    values, vectors = linalg.eigh(covariance)
    # Of a singular matrix, zeros come out as +-1e-16 of the largest value. Their roots,
    # 1e-8 of the largest, would add up over all of them.
    values[values < len(values) * np.finfo(float).eps * values[-1]] = 0
    return vectors * np.sqrt(values)
