"""Cells: procedural micrographs of touching cells, which need no download."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from scipy import ndimage

SIDE = 64
# Split -> number of images.
SPLITS = {"train": 64, "test": 100}
_RADII = (5.0, 10.0)  # of the ellipses, in pixels
_COUNT = (6, 10)  # cells
_TRIES = 10  # to find room for a cell; without any it is left out
_BESIDE = 0.6  # share of the cells that are put beside another one
_OVERLAP = 0.15  # of a cell's area, at most; the older cell keeps what both want
_SMALLEST = 20  # pixels
# Grey levels, 1 is white.
_GROUND, _INSIDE, _RIM = 0.2, 0.5, 0.15
_CELL_SPREAD, _NOISE = 0.05, 0.08


class Cells(tfds.core.GeneratorBasedBuilder):
    """Bright ellipses before a dark ground, many of them a pixel apart, under noise.

    image: uint8 (64, 64, 1). instances: uint8 (64, 64, 1), 0 for the ground and a
    number for each cell. Between two cells that touch lies a line of ground one pixel
    wide. Each image is a function of its split and number alone.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        def grey():
            return tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png")

        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict({"image": grey(), "instances": grey()}),
            supervised_keys=("image", "instances"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number in range(SPLITS[split]):
            seed = [0x63656C, list(SPLITS).index(split), number]
            rng = np.random.default_rng(seed)
            instances = place_cells(rng)
            image = render(instances, rng)
            yield number, {"image": image[..., None], "instances": instances[..., None]}


def place_cells(rng: np.random.Generator) -> np.ndarray:
    """Instance numbers of one image, uint8 (64, 64); 0 is the ground."""
    instances = np.zeros((SIDE, SIDE), np.uint8)
    placed: list[tuple[np.ndarray, float]] = []  # middles and sizes
    for _ in range(rng.integers(*_COUNT, endpoint=True)):
        for _ in range(_TRIES):
            radii = rng.uniform(*_RADII, 2)
            middle = _choose_middle(placed, radii.mean(), rng)
            mask = _ellipse(middle, radii, rng.uniform(0, np.pi))
            free = mask & (instances == 0)
            if free.sum() >= max(_SMALLEST, (1 - _OVERLAP) * mask.sum()):
                placed.append((middle, radii.mean()))
                instances[free] = len(placed)
                break
    return _whole_cells(separate(instances))


def _choose_middle(placed, size: float, rng: np.random.Generator) -> np.ndarray:
    """Row and column: beside a cell that is there already, or anywhere."""
    if not placed or rng.random() >= _BESIDE:
        return rng.uniform(0, SIDE, 2)
    middle, other_size = placed[rng.integers(len(placed))]
    angle = rng.uniform(0, 2 * np.pi)
    return middle + (size + other_size) * np.array([np.sin(angle), np.cos(angle)])


def separate(instances: np.ndarray) -> np.ndarray:
    """Erases every pixel that has a smaller number above, below, left or right of it.

    Objects that touched are then a pixel apart: no two are 4-connected.

    Args:
        instances: unsigned (height, width), 0 for the ground.
    """
    highest = np.iinfo(instances.dtype).max
    numbers = np.where(instances > 0, instances, highest)
    cross = ndimage.generate_binary_structure(2, 1)
    smallest = ndimage.minimum_filter(numbers, footprint=cross, mode="nearest")
    return np.where(smallest < numbers, 0, instances)


def render(instances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A micrograph of the cells, uint8 (height, width)."""
    count = int(instances.max())
    levels = np.concatenate([[_GROUND], rng.normal(_INSIDE, _CELL_SPREAD, count)])
    image = levels[instances]
    is_cell = instances > 0
    # The ground between cells ends a cell; the border of the image does not.
    depth = ndimage.distance_transform_edt(np.pad(is_cell, 2, mode="edge"))[2:-2, 2:-2]
    image += _RIM * (is_cell & (depth <= 2))
    image = ndimage.gaussian_filter(image, 1.0)
    image += rng.normal(0, _NOISE, image.shape)
    return np.clip(np.round(255 * image), 0, 255).astype(np.uint8)


def _ellipse(middle: np.ndarray, radii: np.ndarray, angle: float) -> np.ndarray:
    """bool (64, 64)."""
    rows, columns = np.indices((SIDE, SIDE)) - middle[:, None, None]
    sine, cosine = np.sin(angle), np.cos(angle)
    along, across = cosine * rows + sine * columns, cosine * columns - sine * rows
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def _whole_cells(instances: np.ndarray) -> np.ndarray:
    """The largest connected part of each cell, numbered anew; crumbs are ground."""
    cells = np.zeros_like(instances)
    for number in np.unique(instances[instances > 0]):
        parts, _ = ndimage.label(instances == number)
        areas = np.bincount(parts.ravel())[1:]
        if areas.max() >= _SMALLEST:
            cells[parts == 1 + areas.argmax()] = cells.max() + 1
    return cells
