"""Log-likelihood of data under a Parzen window of generated samples."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp
from sklearn.metrics import pairwise_distances_chunked

from cai_keras.metrics.feature_sets import check_feature_sets

_BLOCK_MEBIBYTES = 16


def parzen_log_likelihoods(
    samples: np.ndarray, data: np.ndarray, deviation: float
) -> np.ndarray:
    """Log density of each example under the mean of Gaussians about the samples.

    Breuleux, Bengio, Vincent 2011; Goodfellow et al. 2014 (arXiv:1406.2661), Table 1:
        log 1/n sum_i N(x; s_i, deviation^2 I)
    The table has its mean over the test set and the standard error of that. It says
    little in many dimensions, and is beaten by cluster centres of the training set
    (Theis et al. 2016, arXiv:1511.01844): for comparison with that table only.

    Args:
        samples: real (n, d), of the generator.
        data: real (m, d), of the test set, in one unit with the samples.
        deviation: of the Gaussians, > 0; of `choose_deviation`.
    Returns:
        float64 (m,), in nats; depends on the unit, as densities do. Memory: copies in
        float64 and a few blocks of 16 MiB.
    Raises:
        ValueError: not such arrays, not finite, or no such deviation.
    """
    check_feature_sets(samples=samples, data=data)
    _check_deviation("deviation", deviation)
    return _log_likelihoods(samples, data, [deviation])[0]


def choose_deviation(
    samples: np.ndarray, validation: np.ndarray, candidates: Sequence[float]
) -> float:
    """The candidate under which the mean log-likelihood of `validation` is largest.

    The paper's code tries 10 of numpy.logspace(-1, 0) on 1000 pictures in [0, 1]. A
    choice at either end of the candidates says that they do not reach far enough.

    Args:
        samples, validation: as for `parzen_log_likelihoods`.
        candidates: deviations, > 0; the first one of equally good ones is taken.
    Raises:
        ValueError: as there, or no candidate.
    """
    if len(candidates) == 0:
        raise ValueError("candidates: expected 1 or more, received none")
    check_feature_sets(samples=samples, validation=validation)
    for candidate in candidates:
        _check_deviation("candidates", candidate)
    found = _log_likelihoods(samples, validation, candidates).mean(axis=1)
    return float(candidates[int(np.argmax(found))])


def _check_deviation(name, deviation):
    if not 0 < deviation < np.inf:  # nor NaN
        raise ValueError(f"{name}: expected above 0, received {deviation}")


def _log_likelihoods(samples, data, deviations) -> np.ndarray:
    """(deviations, m): distances are worked out once for all deviations."""
    variances = np.square(np.asarray(deviations, np.float64))
    # Distances are worked out from products, which round less about the mean.
    centre = samples.mean(axis=0, dtype=np.float64)
    samples, data = (each - centre for each in (samples, data))
    found = [
        [logsumexp(squared / (-2 * variance), axis=1) for variance in variances]
        for squared in pairwise_distances_chunked(
            data, samples, squared=True, working_memory=_BLOCK_MEBIBYTES
        )
    ]
    n, d = samples.shape
    constants = np.log(n) + d / 2 * np.log(2 * np.pi * variances)
    return np.concatenate(found, axis=1) - constants[:, None]
