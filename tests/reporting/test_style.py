"""The figures' colours, as people with red-green blindness see them.

Dichromacy is simulated by the matrices of Machado, Oliveira and Fernandes 2009, "A
Physiologically-based Model for Simulation of Color Vision Deficiency", at severity 1;
they apply to linear RGB.
"""

from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from cai_keras.reporting.style import COLOURS, RIGHT, WRONG, figure_style

SEEN = {
    "everybody": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
# A CIEDE2000 distance of 1 is about what can just be told apart side by side. Thin
# lines and markers that lie apart need far more.
LEAST = 10.0


def _lab(colour, seen):
    """CIELAB of an sRGB colour after the matrix; the sRGB curve is IEC 61966-2-1."""
    encoded = np.array(to_rgb(colour))
    low = encoded <= 0.04045
    linear = np.where(low, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN[seen]) @ linear, 0, 1)
    low = linear <= 0.0031308
    return rgb2lab(np.where(low, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def _nearest(colours, seen):
    """The smallest distance of two of the colours."""
    pairs = combinations([_lab(colour, seen) for colour in colours], 2)
    return min(float(deltaE_ciede2000(a, b)) for a, b in pairs)


@pytest.mark.parametrize("seen", SEEN)
def test_all_colours_of_lines_can_be_told_apart(seen):
    assert _nearest(COLOURS, seen) > LEAST


@pytest.mark.parametrize("seen", SEEN)
def test_right_and_wrong_can_be_told_apart(seen):
    assert _nearest((RIGHT, WRONG), seen) > LEAST


@pytest.mark.parametrize("seen", ["protanopia", "deuteranopia"])
def test_the_simulation_finds_colours_that_run_together(seen):
    # Matplotlib's default colours: blue and purple, orange and green.
    default = matplotlib.rcParamsDefault["axes.prop_cycle"].by_key()["color"]

    assert _nearest(default[: len(COLOURS)], seen) < LEAST


def test_grey_looks_the_same_to_everybody():
    # A dichromat sees no colour in grey: the matrices' rows add up to 1.
    greys = [_lab("#808080", seen) for seen in SEEN]

    np.testing.assert_allclose(greys, [greys[0]] * len(SEEN), atol=0.01)


def test_lines_drawn_in_the_style_have_these_colours():
    with figure_style():
        cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()

    assert tuple(cycle["color"]) == COLOURS
