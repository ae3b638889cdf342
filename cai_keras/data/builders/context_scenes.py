"""Scenes whose labels need context: procedural segmentation without a download."""

import colorsys
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

SIDE = 48
KINDS = 7
# Split -> number of images; kinds take turns.
SPLITS = {"train": 1_000, "test": 400}
BEACON_SIDE = 5
# The beacon's top left corner: no pixel is then further from it than 36, which is what
# a front end of 7 x 7 and a context module of 67 x 67 see to each side.
_FIRST, _LAST = 7, 36
_NOISE = 6.0  # standard deviation, in levels of 255


class ContextScenes(tfds.core.GeneratorBasedBuilder):
    """Grey rectangles, and one small coloured beacon that says what they all are.

    The label of a pixel is 0 for the dark ground, and 1 to 7 for a rectangle or the
    beacon: the kind, which only the beacon's hue tells. Two scenes that differ in
    their kind alone differ in the beacon's 5 x 5 pixels alone: what does not see one
    of these can only guess. `distance` is that of a pixel from the nearest pixel of
    the beacon, the larger of rows and columns; so whoever sees r pixels to each side
    sees the cue where it is r or less. Of the rectangles' pixels 67 % are further than
    10 away (what a front end of 7 x 7 and seven 3 x 3 layers without dilation see),
    and none further than 36.

    Each example (image uint8 (48, 48, 3), label and distance uint8 (48, 48, 1)) is a
    function of its split and number alone.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        def picture(channels):
            shape = (SIDE, SIDE, channels)
            return tfds.features.Image(shape=shape, encoding_format="png")

        features = {"image": picture(3), "label": picture(1), "distance": picture(1)}
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number in range(SPLITS[split]):
            seed = [0x736365, list(SPLITS).index(split), number]
            kind = 1 + number % KINDS
            yield number, draw(kind, np.random.default_rng(seed))


def draw(kind: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One scene; no random number depends on the kind, which is 1 to 7."""
    levels = np.full((SIDE, SIDE, 3), rng.uniform(20, 50))
    is_thing = np.zeros((SIDE, SIDE), bool)
    for _ in range(rng.integers(4, 9)):
        height, width = rng.integers(6, 17, 2)
        top, left = rng.integers(0, (SIDE - height + 1, SIDE - width + 1))
        place = np.s_[top : top + height, left : left + width]
        levels[place] = rng.uniform(90, 220)
        is_thing[place] = True
    corner = rng.integers(_FIRST, _LAST + 1, 2)
    distance = _distance_from(corner)
    levels[distance == 0] = hue(kind)
    levels += rng.normal(0, _NOISE, levels.shape)
    label = np.where(is_thing | (distance == 0), kind, 0)
    return {
        "image": np.clip(np.round(levels), 0, 255).astype(np.uint8),
        "label": label[..., None].astype(np.uint8),
        "distance": distance[..., None].astype(np.uint8),
    }


def hue(kind: int) -> np.ndarray:
    """The beacon's colour, in levels of 255."""
    return 230 * np.array(colorsys.hsv_to_rgb((kind - 1) / KINDS, 0.85, 1.0))


def _distance_from(corner: np.ndarray) -> np.ndarray:
    grid = np.moveaxis(np.mgrid[:SIDE, :SIDE], 0, -1)
    before, after = corner - grid, grid - (corner + BEACON_SIDE - 1)
    return np.maximum(np.maximum(before, after), 0).max(axis=-1)
