"""CMP facades with the classes of their pixels, from pix2pix's pairs of pictures."""

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.data.archive import open_archive, read_member
from cai_keras.errors import DataError

# In the order of CMP's numbers, from memory; nothing but people reads them.
CLASSES = (
    "background", "facade", "window", "door", "cornice", "sill", "balcony", "blind",
    "deco", "molding", "pillar", "shop",
)  # fmt: skip
# In which colours the pairs show them, measured far from edges (within one level):
# every fifth of MATLAB's jet(64), from the sixth on.
COLOURS = np.array(
    [
        (0, 0, 223), (0, 47, 255), (0, 127, 255), (0, 207, 255), (31, 255, 223),
        (111, 255, 143), (191, 255, 63), (255, 239, 0), (255, 159, 0), (255, 79, 0),
        (255, 0, 0), (175, 0, 0),
    ]
)  # fmt: skip
SIDE = 64
_PAIR = (256, 512)  # height and width of a member: photograph, then label map
_BLOCK = _PAIR[0] // SIDE
_MEMBERS = {"train": "train", "validation": "val"}


class FacadeLabels(tfds.core.GeneratorBasedBuilder):
    """Photographs of facades, 64 x 64, and one of 12 classes for every pixel.

    The manual folder holds pix2pix's pairs (Isola et al. 2017) as `train.zip` and
    `val.zip` with members `train/1.jpg` and `val/1.jpg`: 512 x 256 pixels, the
    photograph left and its label map right. A pixel here is the mean of 4 x 4 of the
    photograph, with the class that most of them have. Label maps are JPEG files too:
    each of their pixels is given the class of the nearest of twelve colours.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put train.zip and val.zip with pix2pix's pairs of facades, members "
        "train/NUMBER.jpg and val/NUMBER.jpg, into the folder."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        def picture(channels):
            shape = (SIDE, SIDE, channels)
            return tfds.features.Image(shape=shape, encoding_format="png")

        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {"image": picture(3), "label": picture(1)}
            ),
            supervised_keys=("image", "label"),
            homepage="https://cmp.felk.cvut.cz/~tylecr1/facade/",
            citation="Tylecek and Sara: Spatial Pattern Templates for Recognition of "
            "Objects with Regular Structure. GCPR 2013",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = Path(dl_manager.manual_dir)
        return {
            split: self._generate_examples(folder / f"{name}.zip")
            for split, name in _MEMBERS.items()
        }

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict]]:
        with open_archive(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(".jpg")]
            if not names:
                raise DataError(f"{path}: holds no JPEG file")
            for key, name in enumerate(sorted(names, key=_number)):
                pair = _decode(path, name, read_member(archive, name))
                photograph, label_map = np.split(pair, 2, axis=1)
                label = most_frequent(classes_of(label_map))
                image = np.round(_blocks(photograph).mean(axis=2)).astype(np.uint8)
                yield key, {"image": image, "label": label[..., None]}


def classes_of(label_map: np.ndarray) -> np.ndarray:
    """The nearest colour of each pixel: (height, width, 3) gives uint8 of 0 to 11."""
    distances = [
        np.square(label_map - colour.astype(np.float32)).sum(axis=-1)
        for colour in COLOURS
    ]
    return np.argmin(distances, axis=0).astype(np.uint8)


def most_frequent(classes: np.ndarray) -> np.ndarray:
    """Of each 4 x 4 pixels; the first class where two are as frequent."""
    votes = [(_blocks(classes[..., None]) == c).sum(axis=(2, 3)) for c in range(12)]
    return np.argmax(votes, axis=0).astype(np.uint8)


def _blocks(picture: np.ndarray) -> np.ndarray:
    """(height, width, channels) as (height / 4, width / 4, 16, channels)."""
    height, width, channels = picture.shape
    parts = picture.reshape(
        height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, channels
    ).swapaxes(1, 2)
    return parts.reshape(*parts.shape[:2], _BLOCK**2, channels)


def _decode(path: Path, name: str, data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            pair = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        raise DataError(f"{path}: {name} is not a readable JPEG") from None
    if pair.shape[:2] != _PAIR:
        raise DataError(f"{path}: {name} is {pair.shape[:2]}, expected {_PAIR}")
    return pair


def _number(name: str) -> tuple[int, str]:
    """Members in the order of their numbers: 2 before 10."""
    stem = PurePosixPath(name).stem
    return int(stem) if stem.isdecimal() else 0, name
