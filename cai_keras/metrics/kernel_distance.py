"""Kernel distance between two sets of features."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics.pairwise import polynomial_kernel

from cai_keras.metrics.feature_sets import check_feature_sets

_BLOCK_NUMBERS = 1 << 22  # kernel values in memory at once: 32 MB


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation (over subsets, divided by their number)."""

    mean: float
    deviation: float


def kernel_distance(
    first: np.ndarray, second: np.ndarray, subsets: int, subset_size: int, seed: int
) -> KernelDistance:
    """`squared_mmd` of random subsets of both sets.

    Binkowski et al. 2018 (arXiv:1801.01401), Section 4, there of Inception features
    (KID). Unlike the Frechet distance its mean does not depend on the number of
    examples. Their code takes 50 subsets of 1000.

    Args:
        first, second: real (n, d) and (m, d); n and m may differ.
        subsets: how many, each drawn anew.
        subset_size: examples of each set, drawn without replacement; 2 or more.
        seed: of the draws.
    Returns:
        in units of the kernel. The deviation is that of one subset: the mean's own
        error is smaller, but not by the root of `subsets`, because they overlap.
    Raises:
        ValueError: not such arrays, not finite, or sets smaller than a subset.
    """
    check_feature_sets(first=first, second=second)
    if subsets < 1:
        raise ValueError(f"subsets: expected 1 or more, received {subsets}")
    most = min(len(first), len(second))
    if not 2 <= subset_size <= most:
        raise ValueError(
            f"subset_size: expected from 2 to the smaller set's {most}, "
            f"received {subset_size}"
        )
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(subsets):
        pair = [
            features[rng.choice(len(features), subset_size, replace=False)]
            for features in (first, second)
        ]
        found.append(_squared_mmd(*pair))
    return KernelDistance(float(np.mean(found)), float(np.std(found)))


def squared_mmd(first: np.ndarray, second: np.ndarray) -> float:
    """Squared maximum mean discrepancy of two sets, without bias.

    Gretton et al. 2012, Eq. 3, with the kernel of Binkowski et al. 2018:
        mean k(x, x') + mean k(y, y') - 2 mean k(x, y),   k(a, b) = (a.b / d + 1)^3
    where x and x', y and y' are different members of a set. The work grows with
    (n + m)^2, the memory does not.

    Args:
        first, second: real (n, d) and (m, d), two or more examples each.
    Returns:
        0 on average for samples of one distribution, hence also negative.
    Raises:
        ValueError: not such arrays, not finite, or a set has one example.
    """
    check_feature_sets(2, first=first, second=second)
    return _squared_mmd(first, second)


def _squared_mmd(first, second) -> float:
    first, second = (np.asarray(each, np.float64) for each in (first, second))
    n, m = len(first), len(second)
    within_first = (_kernel_sum(first, first) - _own_kernels(first)) / (n * (n - 1))
    within_second = (_kernel_sum(second, second) - _own_kernels(second)) / (m * (m - 1))
    between = _kernel_sum(first, second) / (n * m)
    return float(within_first + within_second - 2 * between)


def _kernel_sum(first, second):
    rows = max(1, _BLOCK_NUMBERS // len(second))
    return sum(
        _kernels(first[start : start + rows], second).sum()
        for start in range(0, len(first), rows)
    )


def _kernels(first, second):
    return polynomial_kernel(first, second, degree=3, gamma=None, coef0=1)  # 1 / d


def _own_kernels(features):
    """The sum of k(x, x)."""
    return np.sum((np.mean(np.square(features), axis=1) + 1) ** 3)
