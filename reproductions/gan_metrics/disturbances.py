"""Five ways to spoil pictures, by degrees: Heusel et al. 2017, Figure 3.

Each takes pictures, a level and a generator of random numbers, and gives pictures.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.transform import swirl

_RECTANGLES = 5
# Pixels on a side that the levels of blur and swirl are meant for.
_SIDE = 64


def add_noise(pictures: np.ndarray, share: float, rng) -> np.ndarray:
    """(1 - share) of the picture and `share` of noise, N(0.5, 0.25), clipped."""
    noise = rng.normal(0.5, 0.25, pictures.shape)
    return np.clip((1 - share) * pictures + share * noise, 0, 1).astype(np.float32)


def blur(pictures: np.ndarray, deviation: float, rng) -> np.ndarray:
    """By a Gaussian with this deviation in pixels of a picture of 64 x 64."""
    pixels = deviation * pictures.shape[1] / _SIDE
    return gaussian_filter(pictures, (0, pixels, pixels, 0)).astype(np.float32)


def cover(pictures: np.ndarray, share: float, rng) -> np.ndarray:
    """Five black squares anywhere, each with `share` of the picture's side."""
    covered = pictures.copy()
    side = pictures.shape[1]
    length = max(1, round(share * side))
    places = rng.integers(0, side - length + 1, (len(pictures), _RECTANGLES, 2))
    for picture, corners in zip(covered, places, strict=True):
        for top, left in corners:
            picture[top : top + length, left : left + length] = 0
    return covered


def twist(pictures: np.ndarray, strength: float, rng) -> np.ndarray:
    """Turned about the middle, by `strength` radians there and less further out."""
    radius = pictures.shape[1] / 2
    turned = [
        swirl(picture, strength=strength, radius=radius, mode="reflect")
        for picture in pictures
    ]
    return np.clip(turned, 0, 1).astype(np.float32)


def salt_and_pepper(pictures: np.ndarray, share: float, rng) -> np.ndarray:
    """This share of the pixels becomes black or white."""
    shape = pictures.shape[:3]
    is_changed = rng.random(shape) < share
    is_white = rng.random(shape) < 0.5
    changed = np.where(is_white[..., None], 1.0, 0.0)
    return np.where(is_changed[..., None], changed, pictures).astype(np.float32)


# Name -> the function and its levels, mildest first.
DISTURBANCES = {
    "noise": (add_noise, (0.25, 0.5, 0.75)),
    "blur": (blur, (1.0, 2.0, 4.0)),
    "rectangles": (cover, (0.25, 0.5, 0.75)),
    "swirl": (twist, (1.0, 2.0, 4.0)),
    "salt_and_pepper": (salt_and_pepper, (0.1, 0.2, 0.3)),
}
