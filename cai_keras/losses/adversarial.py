"""Adversarial losses: what two players want of the scores of real and fake examples.

A score is unbounded; D(x) = sigmoid(score) where a loss speaks of probabilities. Each
loss is three functions of scores, so that any architecture goes with any of them:

    name            real                  fake                  generator
    minimax         -log D(x)             -log(1 - D(G(z)))     log(1 - D(G(z)))
    non_saturating  -log D(x)             -log(1 - D(G(z)))     -log D(G(z))
    least_squares   (s - 1)^2 / 2         s^2 / 2               (s - 1)^2 / 2
    hinge           max(0, 1 - s)         max(0, 1 + s)         -s
    wasserstein     -s                    s                     -s

The discriminator minimises the sum of `real` and `fake`, each a mean over its examples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True)
class AdversarialLoss:
    """One game: what is minimised, per example, as functions of scores (batch,).

    Attributes:
        real: by the discriminator, of real examples.
        fake: by the discriminator, of generated ones.
        generator: by the generator, of generated ones.
    """

    real: Callable[[Any], Any]
    fake: Callable[[Any], Any]
    generator: Callable[[Any], Any]


def log_real_loss(scores):
    """-log D(x) = log(1 + exp(-s)), in nats.

    Goodfellow et al. 2014 (arXiv:1406.2661), equation 1, with the sign that is
    minimised. Of generated scores it is the generator's non-saturating loss
    (Section 3), whose gradient does not vanish where the discriminator is sure.

    Args:
        scores: float (batch,), unbounded.
    Returns:
        float32 (batch,).
    """
    return ops.softplus(-_scores(scores))


def log_fake_loss(scores):
    """-log(1 - D(G(z))) = log(1 + exp(s)), in nats; see `log_real_loss`."""
    return ops.softplus(_scores(scores))


def minimax_generator_loss(scores):
    """log(1 - D(G(z))), in nats: what equation 1 says, and what saturates."""
    return -ops.softplus(_scores(scores))


def least_squares_real_loss(scores):
    """(s - 1)^2 / 2.

    Mao et al. 2017 (arXiv:1611.04076), equation 9 (a = 0, b = c = 1), also of the
    generator. Arguments and result as in `log_real_loss`.
    """
    return 0.5 * ops.square(_scores(scores) - 1.0)


def least_squares_fake_loss(scores):
    """s^2 / 2; see `least_squares_real_loss`."""
    return 0.5 * ops.square(_scores(scores))


def hinge_real_loss(scores):
    """max(0, 1 - s): nothing is gained beyond the margin.

    Lim and Ye 2017 (arXiv:1705.02894); Zhang et al. 2019 (arXiv:1805.08318), equation
    4. Arguments and result as in `log_real_loss`.
    """
    return ops.relu(1.0 - _scores(scores))


def hinge_fake_loss(scores):
    """max(0, 1 + s); see `hinge_real_loss`."""
    return ops.relu(1.0 + _scores(scores))


def real_score_loss(scores):
    """-s: of the critic and of the generator of a Wasserstein GAN, and of hinge's.

    Arjovsky, Chintala and Bottou 2017 (arXiv:1701.07875), equations 2 and 3. Arguments
    and result as in `log_real_loss`.
    """
    return -_scores(scores)


def fake_score_loss(scores):
    """s; see `real_score_loss`."""
    return _scores(scores)


ADVERSARIAL_LOSSES = {
    "minimax": AdversarialLoss(log_real_loss, log_fake_loss, minimax_generator_loss),
    "non_saturating": AdversarialLoss(log_real_loss, log_fake_loss, log_real_loss),
    "least_squares": AdversarialLoss(
        least_squares_real_loss, least_squares_fake_loss, least_squares_real_loss
    ),
    "hinge": AdversarialLoss(hinge_real_loss, hinge_fake_loss, real_score_loss),
    "wasserstein": AdversarialLoss(real_score_loss, fake_score_loss, real_score_loss),
}


def _scores(scores):
    """float32: exponentials and sums of half-precision scores overflow."""
    if len(scores.shape) != 1:
        raise ValueError(
            f"expected scores of shape (batch,), received {tuple(scores.shape)}"
        )
    return ops.cast(scores, "float32")
