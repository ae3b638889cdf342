"""How different the members of a set are from each other, by their features."""

import numpy as np

from cai_keras.metrics.random_pairs import random_pairs

_BLOCK_NUMBERS = 1 << 22  # features of pairs in memory at once: 32 MB


def pair_distances(features: np.ndarray, pairs: int, seed: int) -> np.ndarray:
    """The distances of random pairs of different members of a set.

    As in LPIPS, Zhang et al. 2018 (arXiv:1801.03924), Eq. 1, with all weights 1: the
    squared difference, summed over channels, mean over positions. A vector is a map of
    one position. For LPIPS the caller divides a map's channels by their length at each
    position, and adds what this gives for several layers: the pairs depend on n,
    `pairs` and `seed` only.

    Args:
        features: real (n, d), or maps (n, height, width, channels).
        pairs: no pair is drawn twice; at most n (n - 1) / 2.
        seed: of the draw.
    Returns:
        float64 (pairs,), >= 0, in squared units of the features; of features of
        length 1 at most 4. The mean over all pairs is twice the variance, summed over
        the features.
    Raises:
        ValueError: not such an array, not finite, or fewer pairs.
    """
    if features.ndim not in (2, 4) or features.dtype.kind not in "fiu":
        raise ValueError(
            f"features: expected real (n, d) or (n, height, width, channels), "
            f"received {features.dtype} {features.shape}"
        )
    if 0 in features.shape or not np.isfinite(features).all():
        raise ValueError(
            f"features: expected finite numbers, received NaN, infinity or none in "
            f"{features.shape}"
        )
    chosen = random_pairs(len(features), pairs, seed)
    positions = int(np.prod(features.shape[1:-1]))  # 1 of vectors
    flat = features.reshape(len(features), -1)
    found = []
    step = max(1, _BLOCK_NUMBERS // flat.shape[1])
    for start in range(0, pairs, step):
        first, second = chosen[start : start + step].T
        difference = np.subtract(flat[first], flat[second], dtype=np.float64)
        found.append(np.square(difference).sum(axis=1) / positions)
    return np.concatenate(found)


def feature_diversity(
    features: np.ndarray, pairs: int, seed: int, labels: np.ndarray | None = None
) -> float:
    """Mean of `pair_distances`; with labels within each label, then mean over labels.

    Zhu et al. 2017 (BicycleGAN, arXiv:1711.11586), Section 5: how much the outputs for
    one input differ, mean over inputs. There a label is the input, and pairs are
    consecutive samples; here pairs are random.

    Args:
        features: as for `pair_distances`.
        pairs: of the whole set, or of each label.
        seed: labels of equal size have the same places.
        labels: (n,) of any type, or None. Labels weigh the same, whatever their size.
    Returns:
        float >= 0; 0 if all members (of each label) are equal.
    Raises:
        ValueError: as for `pair_distances`; also a label with fewer pairs.
    """
    if labels is None:
        return float(pair_distances(features, pairs, seed).mean())
    if labels.shape != features.shape[:1]:
        raise ValueError(
            f"labels: expected {features.shape[:1]}, received {labels.shape}"
        )
    means = []
    for label in np.unique(labels):
        try:
            found = pair_distances(features[labels == label], pairs, seed)
        except ValueError as error:
            raise ValueError(f"label {label}: {error}") from error
        means.append(found.mean())
    return float(np.mean(means))
