"""How many of the known modes or classes a generator's samples reach."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import entr

from cai_keras.metrics.feature_sets import check_feature_sets


@dataclass(frozen=True)
class ModeCoverage:
    """Of `mode_coverage`, which defines the fields."""

    modes: int
    share_within: float
    shares: tuple[float, ...]
    entropy_nats: float


@dataclass(frozen=True)
class ClassCoverage:
    """Of `class_coverage`, which defines the fields."""

    classes: int
    kl_from_uniform_nats: float
    entropy_nats: float


def mode_coverage(
    samples: np.ndarray, centres: np.ndarray, radius: float, least_share: float
) -> ModeCoverage:
    """Whether samples of a mixture of known centres reach all of them.

    A sample belongs to its nearest centre only, of equally near ones to any, and is
    within it at a distance of up to `radius`.

    Args:
        samples: real (n, d).
        centres: real (k, d), all different.
        radius: > 0, in units of the samples; three deviations of a mode, say.
        least_share: of all samples, in (0, 1], that makes a centre a mode found.
    Returns:
        modes: number of centres with `least_share` of all samples or more within;
        share_within: share of samples that are within any centre;
        shares: of all samples, within each centre, (k,);
        entropy_nats: of the centres that samples belong to, near or far: 0 if all
            belong to one, log k if to all alike.
    Raises:
        ValueError: not such arrays or numbers.
    """
    check_feature_sets(samples=samples, centres=centres)
    if not 0 < radius < np.inf:
        raise ValueError(f"radius: expected above 0, received {radius}")
    if not 0 < least_share <= 1:
        raise ValueError(f"least_share: expected in (0, 1], received {least_share}")
    distances, nearest = cKDTree(centres).query(samples)
    within = np.bincount(nearest[distances <= radius], minlength=len(centres))
    shares = within / len(samples)
    belonging = np.bincount(nearest) / len(samples)
    return ModeCoverage(
        modes=int(np.sum(shares >= least_share)),
        share_within=float(within.sum() / len(samples)),
        shares=tuple(shares.tolist()),
        entropy_nats=float(entr(belonging).sum()),
    )


def class_coverage(labels: np.ndarray, classes: int) -> ClassCoverage:
    """Which classes a classifier finds among samples, where all should be as frequent.

    The measure of stacked MNIST with its 1000 classes (Metz et al. 2017,
    arXiv:1611.02163). Of n fair samples of k classes the divergence is not 0 but about
    (k - 1) / (2 n): compare numbers of equal n only.

    Args:
        labels: int (n,), the class that each sample was found to be, from 0.
        classes: how many there are.
    Returns:
        classes: number of classes with one sample or more;
        kl_from_uniform_nats: KL(found || uniform), from 0 to log `classes`;
        entropy_nats: log `classes` less that.
    Raises:
        ValueError: no label, not int, or not a class.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) == 0:
        raise ValueError(
            f"labels: expected int (n,), received {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels: expected from 0 to {classes - 1}, received {labels.min()} to "
            f"{labels.max()}"
        )
    counts = np.bincount(labels)
    entropy = float(entr(counts / len(labels)).sum())
    return ClassCoverage(
        classes=int(np.count_nonzero(counts)),
        kl_from_uniform_nats=max(0.0, float(np.log(classes)) - entropy),  # rounding
        entropy_nats=entropy,
    )
