"""Three kinds of data: the library's two for images, and the task of paired lines."""

import numpy as np

from cai_keras.data import image_task
from cai_keras.data.classification import Classification, LabelledImages
from cai_keras.data.image_task import ImageTask, in_memory_task
from cai_keras.data.loaded import LoadedData
from cai_keras.data.spec import DataSpec
from cai_keras.errors import UsageError

LINES_SIDE = 32
SPACINGS = (2, 3, 4)  # pixels between the lines of a pair
DIRECTIONS = ("vertical", "horizontal")
_PERIOD = 8  # pixels from pair to pair
_GROUND, _LINE = 96, 64  # levels of 255; a line is brighter by its contrast times this


def load_line_pairs(data, seed: int) -> ImageTask:
    """The task of `make_line_images`; the same images for every seed."""
    refuse_folder(data.spec)
    settings = data.line_pairs
    train, test = (
        make_line_images(count, settings.noise, stream)
        for stream, count in enumerate((settings.train, settings.test))
    )
    examples = {"train": settings.train, "test": settings.test}
    info = LoadedData("line_pairs", "1.0.0", examples)
    return in_memory_task(Classification(train, test, info), data, seed)


LOADERS = {**image_task.LOADERS, "line_pairs": load_line_pairs}
problems_of = image_task.problems_of


def refuse_folder(spec_text: str) -> None:
    """For variants that read no data.

    Raises:
        UsageError: the user named a folder, which would not be looked at.
    """
    if DataSpec.parse(spec_text).kind == "folder":
        raise UsageError(
            f"data spec {spec_text}: the variants lines_* and cost_* make their own "
            "inputs; leave --data out"
        )


def image_shape_of(data) -> tuple[int, int, int]:
    """What a recipe's networks are given, before any image is read."""
    if data.loader == "line_pairs":
        return (LINES_SIDE, LINES_SIDE, 1)
    return (data.image_side, data.image_side, 3)


def make_line_images(count: int, noise: float, stream: int) -> LabelledImages:
    """Pairs of parallel lines: how far apart, and in which direction?

    The pairs repeat every 8 pixels, the second line 2, 3 or 4 pixels after the first,
    in either direction; phase, contrast and noise are random. In all images a quarter
    of the pixels is on a line. A part of 3 pixels that lies across the lines shows both
    of a pair at spacing 2 only: at 3 and at 4 every such part holds at most one line,
    in each place as often. Parts of 5 pixels show all three spacings.

    Args:
        noise: standard deviation, in levels of 255; a line is about 64 above the
            ground.
        stream: images of different streams are different.
    Returns:
        uint8 images (count, 32, 32, 1), and int32 labels 2 i + j: the spacing is
        `SPACINGS[i]`, the direction `DIRECTIONS[j]`; classes take turns.
    """
    rng = np.random.default_rng([0x6C696E, stream])
    labels = np.arange(count) % (len(SPACINGS) * len(DIRECTIONS))
    spacing, is_horizontal = np.array(SPACINGS)[labels // 2], labels % 2 == 1
    phase = rng.integers(0, _PERIOD, count)
    place = (np.arange(LINES_SIDE) + phase[:, None]) % _PERIOD  # (count, 32)
    is_line = (place == 0) | (place == spacing[:, None])
    across = np.where(
        is_horizontal[:, None, None], is_line[..., None], is_line[:, None]
    )
    contrast = rng.uniform(0.7, 1.3, (count, 1, 1))
    levels = _GROUND + _LINE * contrast * across
    levels = levels + rng.normal(0, noise, (count, LINES_SIDE, LINES_SIDE))
    images = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return LabelledImages(images[..., None], labels.astype(np.int32))
