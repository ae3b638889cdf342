"""N-way one-shot accuracy that a constant scorer cannot cheat."""

import numpy as np


def count_correct(
    scores: np.ndarray, answers: np.ndarray, rng: np.random.Generator
) -> int:
    """How many items got the right class, ties broken at random.

    With argmax a network whose output has collapsed to a constant always names the
    first class, which is perfect where the right one stands first. Random ties give
    it 1 / ways on average.

    Args:
        scores: float (items, ways); larger is more similar.
        answers: int (items,), the index of the right class.
        rng: decides ties.
    Returns:
        number of items, of `len(answers)`.
    Raises:
        ValueError: shapes do not fit, or a score is NaN: NaN is never the largest,
            so it would quietly count as wrong.
    """
    scores = np.asarray(scores)
    answers = np.asarray(answers)
    if scores.ndim != 2 or answers.shape != scores.shape[:1]:
        raise ValueError(
            f"expected scores (items, ways) and answers (items,), received "
            f"{scores.shape} and {answers.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    best = scores == scores.max(axis=1, keepdims=True)
    lottery = np.where(best, rng.random(scores.shape), -1.0)
    return int((lottery.argmax(axis=1) == answers).sum())
