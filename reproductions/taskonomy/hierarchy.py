"""Analytic Hierarchy Process: from losses on images to affinities of transfers."""

import numpy as np

# Section 3.3: no transfer wins or loses on every image.
LEAST, MOST = 0.001, 0.999


def win_rates(losses: np.ndarray) -> np.ndarray:
    """Share of the images on which each candidate has a lower loss than each other.

    Equal losses count as half a win each, so that w_ij + w_ji = 1.

    Args:
        losses: float (candidates, images).
    Returns:
        float64 (candidates, candidates) in [0, 1]; 1/2 on the diagonal.
    Raises:
        ValueError: not two dimensions, no image, or a loss that is not finite.
    """
    losses = np.asarray(losses)
    if losses.ndim != 2 or losses.shape[1] == 0:
        raise ValueError(f"losses must be (candidates, images), not {losses.shape}")
    if not np.isfinite(losses).all():
        raise ValueError("losses must be finite")
    # One candidate after the other: all pairs at once would need their square.
    rows = [
        np.mean((own < losses) + 0.5 * (own == losses), axis=1, dtype=np.float64)
        for own in losses
    ]
    return np.stack(rows)


def affinities(wins: np.ndarray) -> np.ndarray:
    """Principal eigenvector of the ratios of win rates, summing to 1.

    Zamir et al. 2018 (arXiv:1804.08328), Section 3.3, after Saaty's AHP:
        W'_ij = w_ij / w_ji   with w clipped to [0.001, 0.999],
        W' p = lambda_max p.
    If each candidate has a strength s with w_ij = s_i / (s_i + s_j), then p is s
    divided by its sum: W'_ij = s_i / s_j has rank 1.

    Args:
        wins: float (n, n); w_ij is how often candidate i beats j.
    Returns:
        float64 (n,), positive.
    Raises:
        ValueError: not square, or not within [0, 1].
    """
    wins = np.asarray(wins, np.float64)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or not wins.size:
        raise ValueError(f"win rates must be a square matrix, not {wins.shape}")
    if not ((wins >= 0) & (wins <= 1)).all():
        raise ValueError("win rates must be within [0, 1]")
    clipped = np.clip(wins, LEAST, MOST)
    values, vectors = np.linalg.eig(clipped / clipped.T)
    # Perron: of a positive matrix the largest eigenvalue is real and its vector has
    # one sign.
    principal = np.abs(vectors[:, np.argmax(values.real)].real)
    return principal / principal.sum()
