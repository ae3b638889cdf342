"""Pairs of touching objects, and those that a segmentation has merged."""

import numpy as np
from scipy import ndimage

from cai_keras.metrics.segmented_objects import connected_objects, matched_parts

_SQUARE = ndimage.generate_binary_structure(2, 2)  # all eight directions


def touching_pairs(instances: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of objects with at most one pixel of background between them.

    Two objects touch where both, widened by one pixel in all eight directions, share
    a pixel: their pixels are at most 2 apart in rows and in columns.

    Args:
        instances: int (height, width), 0 for the background and a number for each
            object.
    Returns:
        pairs of numbers, the smaller one first, sorted.
    """
    pairs = set()
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        around = tuple(slice(max(0, s.start - 2), s.stop + 2) for s in box)
        part = instances[around]
        near = ndimage.binary_dilation(part == number, _SQUARE, iterations=2)
        others = np.unique(part[near])
        pairs |= {(number, int(other)) for other in others if other > number}
    return sorted(pairs)


def merged_pairs(predicted: np.ndarray, instances: np.ndarray) -> list[tuple[int, int]]:
    """The touching pairs that lie in one connected part of the prediction.

    A pair is merged if one 4-connected part of `predicted` covers more than half of
    the pixels of each of the two. An object that was not found is merged with none.

    Args:
        predicted: bool (height, width), true for objects.
        instances: as for `touching_pairs`.
    Returns:
        some of the pairs of `touching_pairs`.
    Raises:
        ValueError: the shapes differ.
    """
    part_of = matched_parts(connected_objects(predicted), instances)
    return [
        (a, b) for a, b in touching_pairs(instances) if part_of[a] == part_of[b] != 0
    ]
