"""Pixel weights that make a network learn the gaps between touching objects."""

import numpy as np
from scipy import ndimage


def border_weights(
    instances: np.ndarray, strength: float = 10.0, deviation: float = 5.0
) -> np.ndarray:
    """w(x) = w_c(x) + w_0 exp(-(d_1(x) + d_2(x))^2 / (2 sigma^2)).

    Ronneberger et al. 2015 (arXiv:1505.04597), equation 2. d_1 and d_2 are the
    distances to the nearest and the second nearest object, in pixels; the second term
    is for the background only and 0 where there are fewer than two objects. w_c
    balances the two classes: it is n / (2 n_c) for n pixels, n_c of them of the
    pixel's class, and 1 if a class is absent, so that its mean is 1.

    Args:
        instances: int (height, width), 0 for the background and a number for each
            object.
        strength: the paper's w_0.
        deviation: the paper's sigma, in pixels.
    Returns:
        float32 (height, width).
    """
    is_object = instances > 0
    weights = np.ones(instances.shape)
    if is_object.any() and not is_object.all():
        share = is_object.mean()
        weights = np.where(is_object, 0.5 / share, 0.5 / (1 - share))
    objects = np.unique(instances[is_object])
    if len(objects) > 1:
        distances = np.stack(
            [ndimage.distance_transform_edt(instances != number) for number in objects]
        )
        first, second = np.partition(distances, 1, axis=0)[:2]
        near = np.exp(-((first + second) ** 2) / (2 * deviation**2))
        weights = weights + strength * near * ~is_object
    return weights.astype(np.float32)
