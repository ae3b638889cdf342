"""Random pairs of the members of a set."""

import numpy as np


def random_pairs(members: int, pairs: int, seed: int) -> np.ndarray:
    """Pairs of two different members, no pair twice, all pairs equally probable.

    Args:
        members: size of the set.
        pairs: how many, at most members * (members - 1) / 2: then each pair once.
        seed: the same seed gives the same pairs.
    Returns:
        int (pairs, 2), indices of members, the smaller one first.
    Raises:
        ValueError: there are not as many pairs.
    """
    most = members * (members - 1) // 2
    if not 1 <= pairs <= most:
        raise ValueError(
            f"pairs: expected from 1 to the {most} of {members} members, "
            f"received {pairs}"
        )
    rng = np.random.default_rng(seed)
    numbers = rng.choice(most, pairs, replace=False)
    # Pairs are numbered (0, 1), (0, 2), (1, 2), (0, 3) ...: (0, larger) has the number
    # larger * (larger - 1) / 2. The root is exact there: 1 + 8 * number is a square.
    larger = ((1 + np.sqrt(1 + 8 * numbers)) / 2).astype(np.int64)
    return np.stack([numbers - larger * (larger - 1) // 2, larger], axis=1)
