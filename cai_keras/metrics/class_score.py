"""How sure a classifier is of generated pictures, and how many classes it finds."""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

_TOLERANCE = 1e-4  # of rows that sum to 1: single precision, 1000 classes


@dataclass(frozen=True)
class ClassScore:
    """Mean and standard deviation (over splits, divided by their number)."""

    mean: float
    deviation: float


def class_score(probabilities: np.ndarray, splits: int) -> ClassScore:
    """The Inception score, of any classifier's probabilities.

    Salimans et al. 2016 (arXiv:1606.03498), Section 4: exp(E_x KL(p(y|x) || p(y))),
    where p(y) is the mean over a split. It asks whether each picture is of one class
    and all classes occur alike; real pictures play no part. The authors take 10 splits
    of 5000 pictures: compare numbers of one size of splits only.

    Args:
        probabilities: float (n, classes), rows that sum to 1, in random order: splits
            are consecutive rows.
        splits: from 1 to n; sizes differ by one where n cannot be divided.
    Returns:
        from 1 (all rows alike) to the number of classes (sure, and all alike often).
    Raises:
        ValueError: rows are no probabilities, or there are fewer than splits.
    """
    if probabilities.ndim != 2 or probabilities.dtype.kind != "f":
        raise ValueError(
            f"probabilities: expected float (n, classes), received "
            f"{probabilities.dtype} {probabilities.shape}"
        )
    if not 1 <= splits <= len(probabilities):
        raise ValueError(
            f"splits: expected from 1 to the {len(probabilities)} rows, "
            f"received {splits}"
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    is_right = (probabilities >= 0).all(axis=1) & (np.abs(sums - 1) <= _TOLERANCE)
    if not is_right.all():
        raise ValueError(
            f"probabilities: expected rows >= 0 with sum 1, received "
            f"{np.sum(~is_right)} others, the first with sum {sums[~is_right][0]:.6g}"
        )
    scores = [_score(split) for split in np.array_split(probabilities, splits)]
    return ClassScore(float(np.mean(scores)), float(np.std(scores)))


def _score(probabilities) -> float:
    # The mean divergence from the mean is the mean's entropy less the mean entropy,
    # where 0 log 0 = 0.
    probabilities = np.asarray(probabilities, np.float64)
    of_mean = entr(probabilities.mean(axis=0)).sum()
    return np.exp(of_mean - entr(probabilities).sum(axis=1).mean())
