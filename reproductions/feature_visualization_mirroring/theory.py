"""The least squared error with which white noise can be mirrored, by what a net sees.

All floors are fractions of the variance of independent pixels. Output column x of W
needs input column W - 1 - x, which is |W - 1 - 2x| away.
"""

import numpy as np


def reach_of(dilations) -> int:
    """Radius of the receptive field of 3 x 3 convolutions: the sum of dilations."""
    return int(sum(dilations))


def column_floors(width: int, radius: int) -> np.ndarray:
    """Floor of each column for a network that knows positions, (width,) of 0 and 1.

    A pixel within the radius can be copied; of one beyond it nothing is known, and
    the best guess is the mean.
    """
    distance = np.abs(width - 1 - 2 * np.arange(width))
    return (distance > radius).astype(np.float64)


def position_aware_floor(width: int, radius: int) -> float:
    """Floor over all columns for a network that knows positions."""
    return float(column_floors(width, radius).mean())


def shift_equivariant_floor(width: int, radius: int) -> float:
    """Floor for a network that commutes with circular shifts.

    It sees a window but not where it is: the wanted pixel is d to the right with the
    frequency p(d) of the displacement W - 1 - 2x, modulo W, among columns. Given the
    window w, E[target] = sum_d p(d) w_d over the d within reach, which leaves
        1 - sum_d p(d)^2
    of the variance.
    """
    displacement = (width - 1 - 2 * np.arange(width)) % width
    frequency = np.bincount(displacement, minlength=width) / width
    offsets = np.arange(width)
    circular_distance = np.minimum(offsets, width - offsets)
    return float(1 - np.square(frequency[circular_distance <= radius]).sum())


def permutation_equivariant_floor(num_positions: int) -> float:
    """Floor for attention without positions: it sees a set, and its own pixel.

    The wanted pixel is any of the n - 1 others with equal probability; their mean is
    the best guess and leaves 1 - 1 / (n - 1) of the variance. Needs an even width: no
    pixel is its own mirror image.
    """
    return 1 - 1 / (num_positions - 1)


def correlation(measured, floors) -> float:
    """Pearson's correlation of two profiles; 0 where one of them does not vary."""
    measured, floors = np.asarray(measured, float), np.asarray(floors, float)
    if np.ptp(measured) == 0 or np.ptp(floors) == 0:
        return 0.0
    return float(np.corrcoef(measured, floors)[0, 1])
