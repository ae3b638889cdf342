"""Scenes: ray-cast rooms with exact targets, which need no download."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow_datasets as tfds

from cai_keras.data.scenes import features
from cai_keras.data.scenes.example import Settings, render
from cai_keras.data.scenes.scene import KINDS

# Split -> number of images, for every config.
SPLITS = {"train": 2_000, "validation": 500, "test": 500}
_SEED = 0x7363656E


@dataclass(kw_only=True)
class ScenesConfig(tfds.core.BuilderConfig):
    """A size of image, and whether there are second views of each scene."""

    settings: Settings


class Scenes(tfds.core.GeneratorBasedBuilder):
    """Solids in a room, seen by a perspective camera, with the targets of 26 tasks.

    docs/scenes.md has all features, their units and conventions. Each example is a
    function of its split and number alone; those of `side64` and `pairs64` are the same
    scenes and images, those of `side128` the same scenes in finer pixels.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS's form)
        ScenesConfig(name="side64", description="64 x 64", settings=Settings(side=64)),
        ScenesConfig(
            name="side128", description="128 x 128", settings=Settings(side=128)
        ),
        ScenesConfig(
            name="pairs64",
            description="64 x 64, with two more views of each scene",
            settings=Settings(side=64, with_pairs=True),
        ),
    ]
    # Feature -> its colouring in a contact sheet.
    SHOWN = {  # noqa: RUF012
        name: feature.shown
        for name, feature in {**features.MAPS, **features.PAIR_MAPS}.items()
    }

    def _info(self) -> tfds.core.DatasetInfo:
        settings = self.builder_config.settings
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(_features(settings)),
            supervised_keys=("rgb", "semantic"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number in range(SPLITS[split]):
            yield number, example_of(split, number, self.builder_config.settings)


def example_of(split: str, number: int, settings: Settings) -> dict[str, np.ndarray]:
    """The example `number` of a split; numbers beyond the stored ones go on."""
    return render([_SEED, list(SPLITS).index(split), number], settings)


def _features(settings: Settings) -> dict:
    maps, numbers = features.MAPS, features.NUMBERS
    if settings.with_pairs:
        maps = {**maps, **features.PAIR_MAPS}
        numbers = {**numbers, **features.PAIR_NUMBERS}
    return {
        **{
            name: _map_feature(feature, settings.side) for name, feature in maps.items()
        },
        **{
            name: tfds.features.Tensor(shape=shape, dtype=np.float32)
            for name, shape in numbers.items()
        },
        "object_class": tfds.features.ClassLabel(names=list(KINDS)),
        "object_count": tfds.features.Scalar(dtype=np.int64),
        "object_presence": tfds.features.Tensor(shape=(len(KINDS),), dtype=np.bool_),
    }


def _map_feature(feature: features.MapFeature, side: int):
    shape = (side, side, feature.channels)
    if feature.dtype in (np.uint8, np.uint16):
        return tfds.features.Image(
            shape=shape, dtype=feature.dtype, encoding_format="png"
        )
    encoding = "zlib" if feature.is_repetitive else "bytes"
    return tfds.features.Tensor(shape=shape, dtype=feature.dtype, encoding=encoding)
