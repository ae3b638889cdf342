"""A run's steps, divided among the stages of its training."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from cai_keras.errors import UsageError


def divide_steps(total: int, shares: Mapping[str, int]) -> dict[str, int]:
    """Stage -> steps, in proportion to `shares` and in their order.

    Args:
        total: of the run.
        shares: `model.stages` of a recipe; 0 leaves a stage out.
    Raises:
        UsageError: no stage has a share.
    """
    ends = np.cumsum([0, *shares.values()])
    if not ends[-1]:
        raise UsageError("model.stages: one of the stages must be above 0")
    steps = [round(total * int(end) / int(ends[-1])) for end in ends]
    return {name: b - a for name, (a, b) in zip(shares, pairwise(steps), strict=True)}
