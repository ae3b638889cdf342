"""Drawings whose pixels tell which they are, for the tests of siamese_one_shot."""

import numpy as np
import pytest

from reproductions.siamese_one_shot.data import Drawings

SIDE = 4


@pytest.fixture(scope="session")
def make_drawings():
    """Function from the numbers of characters of some alphabets to drawings of them.

    Every pixel row 0 is (character, drawer, 255, 0), counted from 1: no two alike.
    The 255 in column 2 of row 0 tells how an image was turned.
    """

    def make(sizes):
        count = sum(sizes)
        images = np.zeros((count, 20, SIDE, SIDE), np.uint8)
        images[..., 0, 0] = np.arange(1, count + 1)[:, None]
        images[..., 0, 1] = np.arange(1, 21)
        images[..., 0, 2] = 255
        names = tuple(f"alphabet{index}" for index in range(len(sizes)))
        return Drawings(images, np.repeat(np.arange(len(sizes)), sizes), names)

    return make


@pytest.fixture
def drawings(make_drawings):
    """Alphabets of 3, 5 and 4 characters."""
    return make_drawings([3, 5, 4])
