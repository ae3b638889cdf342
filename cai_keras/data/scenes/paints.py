"""Random paints."""

import colorsys

import numpy as np

from cai_keras.data.scenes.scene import Paint, Solid

# Pattern -> how often, and its period in metres on the room and on solids.
_CHANCES = {"solid": 0.35, "checker": 0.25, "stripes": 0.2, "noise": 0.2}
_PERIODS = {
    "solid": ((1.0, 1.0), (1.0, 1.0)),
    "checker": ((0.3, 0.8), (0.12, 0.3)),
    "stripes": ((0.2, 0.6), (0.1, 0.25)),
    "noise": ((1.5, 3.0), (0.4, 0.9)),
}
_GREY = 0.3  # share of the colours
# Saturation and brightest channel (HSV); 0.8 keeps every picture below 1.
_ROOM_COLOURS = (0.4, (0.35, 0.8))
_SOLID_COLOURS = (0.9, (0.15, 0.8))
_GLOSSY = 0.35  # share of the solids
_GLOSS, _EXPONENT = (0.05, 0.25), (8.0, 60.0)


def random_room_paint(rng: np.random.Generator) -> Paint:
    """Of a floor, a ceiling or the walls: pale and without gloss."""
    return _random_paint(rng, _ROOM_COLOURS, 0, rng.choice([0.0, np.pi / 4]))


def random_solid_paint(rng: np.random.Generator, solid: Solid) -> Paint:
    """Its checkers and stripes are turned as the solid is."""
    gloss = rng.uniform(*_GLOSS) if rng.random() < _GLOSSY else 0.0
    return _random_paint(
        rng, _SOLID_COLOURS, 1, solid.yaw, gloss, rng.uniform(*_EXPONENT)
    )


def _random_paint(rng, colours, which_period, yaw, gloss=0.0, exponent=1.0) -> Paint:
    pattern = _random_pattern(rng)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    axes = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    if pattern == "noise":
        axes = rng.normal(size=(3, 3))
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    elif pattern == "stripes":
        axes = np.roll(axes, rng.integers(3), axis=0)
    period = rng.uniform(*_PERIODS[pattern][which_period])
    # A phase for each axis: no plane through the origin lies on a cell's border.
    phase = rng.uniform(0.05, 0.95, 3)
    pair = _two_colours(rng, *colours)
    return Paint(pattern, pair, axes / period, phase, gloss, exponent)


def _random_pattern(rng) -> str:
    # Not rng.choice, which takes 20 times as long with chances.
    number = np.searchsorted(np.cumsum(list(_CHANCES.values())), rng.random())
    return list(_CHANCES)[min(number, len(_CHANCES) - 1)]


def _two_colours(rng, saturation: float, values: tuple[float, float]) -> np.ndarray:
    """A dark and a bright one, in any order."""
    low, high = values
    third = (high - low) / 3
    pair = [
        _colour(rng, saturation, rng.uniform(low, low + third)),
        _colour(rng, saturation, rng.uniform(high - third, high)),
    ]
    return np.array(pair if rng.random() < 0.5 else pair[::-1])


def _colour(rng, saturation: float, value: float) -> tuple[float, float, float]:
    share = 0.0 if rng.random() < _GREY else rng.uniform(0, saturation)
    return colorsys.hsv_to_rgb(rng.random(), share, value)
