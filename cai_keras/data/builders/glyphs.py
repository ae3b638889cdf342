"""Glyphs: a procedural Omniglot, so that one-shot learning needs no download.

An alphabet is a style and a small pool of strokes; its characters combine strokes
of that pool, so that characters of one alphabet resemble one another. A drawer has
a hand (slant, aspect, size, tremor) and draws every stroke a little differently.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from cai_keras.data.builders.drawing_features import SIDE, drawing_features

NUM_DRAWERS = 20
NUM_CHARACTERS = 20
# Split -> alphabets. No alphabet is in two splits.
SPLITS = {"train": range(0, 20), "test": range(20, 30)}

_POINTS_PER_STROKE = 24
_PEN_WIDTH = 3  # pixels, as in Omniglot


class Glyphs(tfds.core.GeneratorBasedBuilder):
    """Random stroke characters: image, alphabet, character (1..20), drawer (1..20).

    Each image is a function of its alphabet, character and drawer alone. As in
    Omniglot, pixels are 0 for ink and 255 for paper, and binary.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            features=drawing_features(),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(part) for name, part in SPLITS.items()}

    def _generate_examples(self, alphabets) -> Iterator[tuple[int, dict]]:
        for alphabet in alphabets:
            for character, strokes in enumerate(make_alphabet(alphabet), start=1):
                for drawer in range(1, NUM_DRAWERS + 1):
                    key = (alphabet * NUM_CHARACTERS + character) * NUM_DRAWERS
                    yield (
                        key + drawer,
                        {
                            "image": draw(strokes, (alphabet, character, drawer)),
                            "alphabet": f"alphabet{alphabet:02d}",
                            "character": character,
                            "drawer": drawer,
                        },
                    )


def make_alphabet(alphabet: int) -> list[np.ndarray]:
    """The characters of an alphabet, as strokes without any drawer's hand.

    Returns:
        one float64 (strokes, 4, 2) per character: control points (x, y) of cubic
        Bezier curves, roughly in the unit square, y pointing down.
    """
    rng = np.random.default_rng([0x617068, alphabet])
    curvature = rng.uniform(0.0, 0.55)
    pool = [_random_stroke(rng, curvature) for _ in range(rng.integers(7, 11))]
    return [_compose(rng, pool) for _ in range(NUM_CHARACTERS)]


def draw(strokes: np.ndarray, seed: tuple[int, int, int]) -> np.ndarray:
    """One drawing of a character.

    Args:
        strokes: float (strokes, 4, 2), from `make_alphabet`.
        seed: alphabet, character, drawer; the hand depends on alphabet and drawer
            (as in Omniglot another person draws each alphabet), the rest on all.
    Returns:
        uint8 (105, 105, 1), 0 for ink and 255 for paper.
    """
    alphabet, character, drawer = seed
    hand = _Hand.of(np.random.default_rng([0x68616E64, alphabet, drawer]))
    rng = np.random.default_rng([0x64726177, alphabet, character, drawer])
    paths = [_trace(stroke, hand, rng) for stroke in strokes]
    points = np.concatenate(paths)
    centre = (points.min(0) + points.max(0)) / 2
    extent = max(float(np.ptp(points, axis=0).max()), 1e-3)
    scale = SIDE * hand.size / extent
    offset = SIDE / 2 + rng.normal(0, SIDE * 0.045, 2)
    image = Image.new("L", (SIDE, SIDE), 255)
    pen = ImageDraw.Draw(image)
    for path in paths:
        pixels = (path - centre) * scale + offset
        pen.line([tuple(p) for p in pixels], fill=0, width=_PEN_WIDTH, joint="curve")
    return np.asarray(image)[..., None]


@dataclass(frozen=True)
class _Hand:
    """How one person draws one alphabet."""

    shape: np.ndarray  # (2, 2): slant and aspect
    size: float  # of the drawing, as a share of the image's side
    looseness: float  # displacement of control points, in unit squares
    tremor: float

    @classmethod
    def of(cls, rng: np.random.Generator) -> "_Hand":
        angle = rng.normal(0, np.deg2rad(7))
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        shear = np.array([[1.0, rng.normal(0, 0.16)], [0.0, 1.0]])
        aspect = np.exp(rng.normal(0, 0.13))
        return cls(
            shape=turn @ shear @ np.diag([aspect, 1 / aspect]),
            size=rng.uniform(0.42, 0.8),
            looseness=rng.uniform(0.03, 0.085),
            tremor=rng.uniform(0.0, 0.008),
        )


def _random_stroke(rng: np.random.Generator, curvature: float) -> np.ndarray:
    """A stroke about its own origin: (4, 2) control points."""
    length = rng.uniform(0.35, 0.95)
    # Handwriting prefers horizontal, vertical and diagonal strokes.
    angle = rng.integers(0, 8) * np.pi / 4 + rng.normal(0, 0.12)
    along = np.array([np.cos(angle), np.sin(angle)]) * length
    across = np.array([-along[1], along[0]])
    bend = rng.normal(0, curvature, 2)
    if rng.random() < 0.25 * curvature / 0.55:  # a hook or a loop
        bend = bend * 2.2
    inner = [along / 3 + across * bend[0], 2 * along / 3 + across * bend[1]]
    return np.stack([np.zeros(2), *inner, along]) - along / 2


def _compose(rng: np.random.Generator, pool: list[np.ndarray]) -> np.ndarray:
    """A character: two to four strokes, most of them attached to an earlier one."""
    count = rng.choice([2, 3, 4], p=[0.3, 0.45, 0.25])
    strokes: list[np.ndarray] = []
    for index in rng.choice(len(pool), count, replace=False):
        stroke = pool[index].copy()
        if strokes and rng.random() < 0.75:
            anchor = _bezier(strokes[rng.integers(len(strokes))], 3)[rng.integers(3)]
            end = stroke[rng.choice([0, 3])]
            stroke = stroke + anchor - end
        else:
            stroke = stroke + rng.uniform(0.3, 0.7, 2)
        strokes.append(stroke)
    return np.stack(strokes)


def _trace(stroke, hand: _Hand, rng: np.random.Generator) -> np.ndarray:
    """The points of one drawn stroke: the hand's shape, looseness and tremor."""
    loose = stroke + rng.normal(0, hand.looseness, 2)
    loose = loose + rng.normal(0, hand.looseness * 0.8, stroke.shape)
    points = _bezier(loose, _POINTS_PER_STROKE)
    # A random walk tied to 0 at both ends: the line wavers, its ends stay.
    walk = np.cumsum(rng.normal(0, hand.tremor, points.shape), axis=0)
    walk -= np.linspace(0, 1, len(points))[:, None] * walk[-1]
    return (points + walk) @ hand.shape.T


def _bezier(control: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) points of the cubic Bezier curve of (4, 2) control points."""
    t = np.linspace(0, 1, count)[:, None]
    weights = np.concatenate(
        [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1
    )
    return weights @ control
