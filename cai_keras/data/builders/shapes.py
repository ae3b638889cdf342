"""Shapes: procedural colour images of ten classes, which need no download."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw, ImageFilter

from cai_keras.data.builders.labelled_features import labelled_features

SIDE = 32
CLASSES = (
    "circle", "square", "triangle", "plus", "star", "ring", "diamond", "bars",
    "crescent", "hexagon",
)  # fmt: skip
# Split -> number of images; classes take turns.
SPLITS = {"train": 5_000, "test": 1_000}
_SCALE = 4  # drawn so many times larger, then averaged


class Shapes(tfds.core.GeneratorBasedBuilder):
    """One shape of random colour, size, angle and place before a textured ground.

    Each image, uint8 (32, 32, 3), is a function of its split and number alone.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            **labelled_features((SIDE, SIDE, 3), "png", names=list(CLASSES)),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number in range(SPLITS[split]):
            label = number % len(CLASSES)
            seed = [0x736861, list(SPLITS).index(split), number]
            image = draw(CLASSES[label], np.random.default_rng(seed))
            yield number, {"image": image, "label": label}


def draw(name: str, rng: np.random.Generator) -> np.ndarray:
    """One image of a class, uint8 (32, 32, 3)."""
    side = SIDE * _SCALE
    ground, colour = _two_colours(rng)
    canvas = _texture(rng, ground, side)
    _add_clutter(canvas, rng)
    centre = side / 2 + rng.uniform(-0.15, 0.15, 2) * side
    radius = rng.uniform(0.22, 0.4) * side
    # A plus turned by 45 degrees is still one; a square turned so is a diamond.
    turn = _rotation(rng.uniform(-20, 20))
    mask = Image.new("L", (side, side), 0)
    for outline, fill in OUTLINES[name]:
        points = centre + radius * outline @ turn
        ImageDraw.Draw(mask).polygon([tuple(point) for point in points], fill=fill)
    canvas.paste(_texture(rng, colour, side), mask=mask)
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))
    small = np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    noisy = small + rng.normal(0, 6, small.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def _polygon(corners: int, radius: float = 1.0, start: float = 0.0) -> np.ndarray:
    """Corners on a circle, (corners, 2), from `start` degrees off the top."""
    angles = np.deg2rad(start - 90) + np.arange(corners) * 2 * np.pi / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> np.ndarray:
    points = np.empty((10, 2))
    points[::2], points[1::2] = _polygon(5), _polygon(5, 0.42, start=36)
    return points


def _plus(width: float = 0.32) -> np.ndarray:
    w = width
    quarter = np.array([[-w, -1], [w, -1], [w, -w]])
    return np.concatenate([quarter @ _rotation(90 * k) for k in range(4)])


def _bar(x: float, width: float = 0.2) -> np.ndarray:
    left, right = x - width, x + width
    return np.array([[left, -0.9], [right, -0.9], [right, 0.9], [left, 0.9]])


def _rotation(degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, s], [-s, c]])


_CRESCENT = np.array([0.45, 0.0])  # where its hole is
# Class -> polygons in the square from -1 to 1, y pointing down, painted in this order;
# 0 cuts a hole.
OUTLINES = {
    "circle": [(_polygon(48), 255)],
    "square": [(_polygon(4, 1.1, start=45), 255)],
    "triangle": [(_polygon(3), 255)],
    "plus": [(_plus(), 255)],
    "star": [(_star(), 255)],
    "ring": [(_polygon(48), 255), (_polygon(48, 0.55), 0)],
    "diamond": [(_polygon(4) * [0.7, 1.1], 255)],
    "bars": [(_bar(x), 255) for x in (-0.7, 0.0, 0.7)],
    "crescent": [(_polygon(48), 255), (_polygon(48, 0.85) + _CRESCENT, 0)],
    "hexagon": [(_polygon(6), 255)],
}


def _two_colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ground and shape, far enough apart to be told from one another."""
    while True:
        ground, colour = rng.uniform(20, 235, (2, 3))
        if np.abs(ground - colour).sum() > 150:
            return ground, colour


def _texture(rng: np.random.Generator, colour: np.ndarray, side: int) -> Image.Image:
    """A colour with soft stains."""
    coarse = rng.normal(0, 18, (6, 6, 3)) + colour
    small = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def _add_clutter(canvas: Image.Image, rng: np.random.Generator) -> None:
    """A few lines in any colour."""
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(0, 4)):
        ends = rng.uniform(0, canvas.width, 4).tolist()
        fill = tuple(int(level) for level in rng.integers(0, 256, 3))
        pen.line(ends, fill=fill, width=int(rng.integers(2, 6)))
