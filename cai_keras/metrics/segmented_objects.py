"""Objects of a segmentation, and how well they match annotated ones."""

import numpy as np
from scipy import ndimage

_CROSS = ndimage.generate_binary_structure(2, 1)  # 4-connected


def connected_objects(mask: np.ndarray) -> np.ndarray:
    """The 4-connected parts of a mask, numbered from 1; 0 outside.

    Args:
        mask: bool (height, width).
    Returns:
        int32 (height, width).
    """
    return ndimage.label(mask, _CROSS)[0].astype(np.int32)


def matched_parts(parts: np.ndarray, instances: np.ndarray) -> dict[int, int]:
    """Annotated object -> the predicted part that covers more than half of it, or 0.

    Args:
        parts: int (height, width), 0 for the background and a number for each part.
        instances: int (height, width), the same of annotated objects.
    Raises:
        ValueError: the shapes differ.
    """
    if parts.shape != instances.shape:
        raise ValueError(
            f"expected one shape, received {parts.shape} and {instances.shape}"
        )
    found = {}
    for number in np.unique(instances[instances > 0]):
        counts = np.bincount(parts[instances == number])
        largest = int(counts.argmax())
        is_most = 2 * counts[largest] > counts.sum()
        found[int(number)] = largest if is_most else 0
    return found


def object_ious(parts: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Intersection over union of each annotated object with its predicted part.

    The measure SEG of the cell tracking challenge (Maska et al. 2014): the part must
    cover more than half of the object, else the object's value is 0; the score is the
    mean over all objects of all images. Parts that match no object cost nothing.

    Args:
        parts, instances: as for `matched_parts`.
    Returns:
        float (objects,) in [0, 1], in the order of their numbers.
    """
    ious = []
    for number, part in matched_parts(parts, instances).items():
        if part == 0:
            ious.append(0.0)
            continue
        theirs, ours = instances == number, parts == part
        ious.append(np.sum(theirs & ours) / np.sum(theirs | ours))
    return np.array(ious, float)
