"""Pixel weights that make a network learn the gaps between touching objects."""

import numpy as np
from scipy import ndimage

# exp(-6^2 / 2) is 1.5e-8: beyond so many deviations an object is as good as absent.
_REACH = 6.0


def border_weights(
    instances: np.ndarray, strength: float = 10.0, deviation: float = 5.0
) -> np.ndarray:
    """w(x) = w_c(x) + w_0 exp(-(d_1(x) + d_2(x))^2 / (2 sigma^2)).

    Ronneberger et al. 2015 (arXiv:1505.04597), equation 2: `class_weights` of each
    pixel's class and, in the background only, `strength` times `nearness_to_two`.

    Args:
        instances: int (height, width), 0 for the background and a number for each
            object.
        strength: the paper's w_0.
        deviation: the paper's sigma, in pixels.
    Returns:
        float32 (height, width).
    """
    is_object = instances > 0
    background, objects = class_weights(is_object)
    weights = np.where(is_object, objects, background)
    near = strength * nearness_to_two(instances, deviation)
    return (weights + near * ~is_object).astype(np.float32)


def class_weights(is_object: np.ndarray) -> tuple[float, float]:
    """w_c of background and objects: n / (2 n_c) for n pixels, n_c of them of class c.

    Their mean over the pixels is 1; both are 1 where a class is absent.
    """
    share = float(np.mean(is_object))
    if share in (0.0, 1.0):
        return 1.0, 1.0
    return 0.5 / (1 - share), 0.5 / share


def nearness_to_two(instances: np.ndarray, deviation: float) -> np.ndarray:
    """exp(-(d_1 + d_2)^2 / (2 sigma^2)), at every pixel, within objects too.

    d_1 and d_2 are the distances to the nearest and the second nearest object, in
    pixels. It is continuous, and so may be interpolated; 0 where fewer than two
    objects are within 6 deviations (the value would be below 1.6e-8).

    Args:
        instances, deviation: as for `border_weights`.
    Returns:
        float32 (height, width) in [0, 1].
    """
    first = np.full(instances.shape, np.inf)
    second = first.copy()
    reach = int(np.ceil(_REACH * deviation))
    for index, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        # Distances are needed around the object only: whole ones take minutes.
        around = tuple(slice(max(0, s.start - reach), s.stop + reach) for s in box)
        distance = ndimage.distance_transform_edt(instances[around] != index)
        nearest = first[around]
        second[around] = np.minimum(second[around], np.maximum(nearest, distance))
        first[around] = np.minimum(nearest, distance)
    return np.exp(-((first + second) ** 2) / (2 * deviation**2)).astype(np.float32)
