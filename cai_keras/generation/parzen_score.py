"""Parzen windows of generated pictures as Goodfellow et al. 2014 measured them."""

import numpy as np

from cai_keras.metrics.parzen import choose_deviation, parzen_log_likelihoods
from cai_keras.reporting.record import Metric

# What the authors' program tries: 10 of numpy.logspace(-1, 0).
CANDIDATES = tuple(np.logspace(-1.0, 0.0, 10).tolist())


def parzen_score(
    samples: np.ndarray, validation: np.ndarray, test: np.ndarray
) -> dict[str, Metric]:
    """Mean log density of test pictures under a window on each generated one.

    Goodfellow et al. 2014 (arXiv:1406.2661), Table 1, with the deviation of the
    windows chosen on validation pictures; see `parzen_log_likelihoods` for what is
    wrong with it.

    Args:
        samples, validation, test: (n, height, width, channels), real, in [0, 1].
    Returns:
        parzen_log_likelihood_nats, its standard error over test pictures, and
        parzen_deviation, of the windows.
    """
    flat = [pictures.reshape(len(pictures), -1) for pictures in (samples, validation)]
    deviation = choose_deviation(*flat, CANDIDATES)
    found = parzen_log_likelihoods(flat[0], test.reshape(len(test), -1), deviation)
    count = len(found)
    passport = {
        "samples": len(samples),
        "validation": len(validation),
        "pixels": "x".join(map(str, test.shape[1:])),
    }
    error = found.std() / np.sqrt(count)
    return {
        "parzen_log_likelihood_nats": Metric.of(found.mean(), count, passport),
        "parzen_standard_error_nats": Metric.of(error, count, passport),
        "parzen_deviation": Metric.of(deviation, len(validation), passport),
    }
