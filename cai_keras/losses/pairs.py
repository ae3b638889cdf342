"""Losses on pairs of examples: verification, and matching within a group."""

import keras
from keras import ops


def verification_loss(logits, same):
    """Cross-entropy of "same class or not", one value per pair.

    Koch et al. 2015, Section 3.2, without the regulariser:
        -y log p - (1 - y) log(1 - p),   p = sigmoid(logit)
    (The paper prints the likelihood, without the minus signs.)

    Args:
        logits: float (batch,), unbounded.
        same: (batch,), 1 for the same class and 0 for different ones.
    Returns:
        float (batch,).
    Raises:
        ValueError: the shapes differ.
    """
    if len(logits.shape) != 1 or len(same.shape) != 1:
        raise ValueError(
            f"expected logits and same of shape (batch,), received "
            f"{tuple(logits.shape)} and {tuple(same.shape)}"
        )
    target = ops.cast(same, logits.dtype)
    return keras.ops.binary_crossentropy(target, logits, from_logits=True)


def matching_loss(logits, twin):
    """Cross-entropy of finding each member's twin among the others of its group.

    For group g and member i with twin t(i):
        -log( exp(s_i,t(i)) / sum over j != i of exp(s_ij) ),   mean over i
    This is the criterion of Matching Networks (Vinyals et al. 2016,
    arXiv:1606.04080, Eqs. 1 and 6) with every member as the query once and one
    support image per class, on the logits of a Siamese network.

    Args:
        logits: float (batch, members, members), s_ij; the diagonal is not used.
        twin: int (members,), t(i), the member of the same class as i.
    Returns:
        float (batch,), one value per group.
    Raises:
        ValueError: `logits` is not square in its last two axes.
    """
    if len(logits.shape) != 3 or logits.shape[1] != logits.shape[2]:
        raise ValueError(
            "expected logits of shape (batch, members, members), received "
            f"{tuple(logits.shape)}"
        )
    # Log-sums of many terms need more than float16's range.
    logits = ops.cast(logits, "float32")
    members = logits.shape[1]
    diagonal = ops.eye(members, dtype="bool")
    others = ops.where(diagonal, ops.full_like(logits, -1e9), logits)
    chosen = ops.cast(ops.one_hot(twin, members), "float32")
    log_probability = ops.log_softmax(others, axis=-1)
    return -ops.mean(ops.sum(log_probability * chosen, axis=-1), axis=-1)
