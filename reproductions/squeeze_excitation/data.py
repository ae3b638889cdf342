"""Three kinds of data: the library's two for images, and the global-cue task."""

import numpy as np

from cai_keras.data import image_task
from cai_keras.data.classification import Classification, LabelledImages
from cai_keras.data.image_task import ImageTask, in_memory_task
from cai_keras.data.loaded import LoadedData
from cai_keras.data.spec import DataSpec
from cai_keras.errors import UsageError

CUE_SIDE = 24
_CELL = CUE_SIDE // 2
_BLOTCH = 4  # pixels of the background that share their noise


def load_global_cue(data, seed: int) -> ImageTask:
    """The task of `make_cue_images`; the same images for every seed."""
    if DataSpec.parse(data.spec).kind == "folder":
        raise UsageError(
            f"data spec {data.spec}: the global-cue variants make their own images; "
            "leave --data out"
        )
    settings = data.global_cue
    train, test = (
        make_cue_images(count, settings.tint, settings.noise, stream)
        for stream, count in enumerate((settings.train, settings.test))
    )
    examples = {"train": settings.train, "test": settings.test}
    info = LoadedData("global_cue", "1.0.0", examples)
    return in_memory_task(Classification(train, test, info), data, seed)


LOADERS = {**image_task.LOADERS, "global_cue": load_global_cue}
problems_of = image_task.problems_of


def make_cue_images(
    count: int, tint: float, noise: float, stream: int
) -> LabelledImages:
    """A red and a green object, one a circle and one a square; which is meant?

    The mean blue of the whole background says it: above grey the red object, below
    grey the green one. The label is the shape of the object that is meant. In any small
    part of the background the tint is hidden under noise whose mean over the whole is
    exactly 0, so that the cue can be seen in the whole image only.

    Args:
        tint: of the background's mean blue, in levels of 255, to either side.
        noise: standard deviation of the background's 4x4 blotches, in levels of 255.
        stream: images of different streams are different.
    Returns:
        uint8 images (count, 24, 24, 3), and int32 labels: 0 circle, 1 square.
    """
    rng = np.random.default_rng([0x637565, stream])
    is_bluish, red_is_square = rng.integers(0, 2, (2, count)).astype(bool)
    is_red, is_green = _two_objects(rng, count, red_is_square)
    blotches = rng.normal(0, noise, (count, CUE_SIDE // _BLOTCH, CUE_SIDE // _BLOTCH))
    blue = blotches.repeat(_BLOTCH, axis=1).repeat(_BLOTCH, axis=2)
    background = ~(is_red | is_green)
    blue -= blue.mean(axis=(1, 2), where=background, keepdims=True)
    blue += np.where(is_bluish, tint, -tint)[:, None, None]
    levels = np.zeros((count, CUE_SIDE, CUE_SIDE, 3))
    levels[..., 2] = blue * background
    contrast = is_red.astype(float) - is_green  # 1 red, -1 green
    levels[..., :2] = contrast[..., None] * [70, -70]
    # Of red and green only: it would blur the cue.
    levels[..., :2] += rng.normal(0, 10, levels[..., :2].shape)
    images = np.clip(np.round(128 + levels), 0, 255).astype(np.uint8)
    return LabelledImages(images, (is_bluish == red_is_square).astype(np.int32))


def _two_objects(rng, count: int, red_is_square) -> tuple[np.ndarray, np.ndarray]:
    """Masks (count, 24, 24) of the red and the green object, in different quarters."""
    quarters = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)[:, :2]
    corners = _CELL * np.stack([quarters // 2, quarters % 2], axis=-1)
    middles = corners + _CELL / 2 - 0.5 + rng.uniform(-1.5, 1.5, corners.shape)
    radius = rng.uniform(3.5, 4.5, (count, 2))
    grid = np.stack(np.mgrid[:CUE_SIDE, :CUE_SIDE], axis=-1)
    offset = grid - middles[:, :, None, None]  # (count, 2, 24, 24, 2)
    circles = np.hypot(*np.moveaxis(offset, -1, 0)) <= radius[..., None, None]
    # Of the circle's area, so that no mean of a colour tells the shape.
    half_sides = radius * np.sqrt(np.pi) / 2
    squares = np.abs(offset).max(axis=-1) <= half_sides[..., None, None]
    is_square = np.stack([red_is_square, ~red_is_square], axis=1)
    masks = np.where(is_square[..., None, None], squares, circles)
    return masks[:, 0], masks[:, 1]
