"""CIFAR-10 as a folder of JPEG files in two zips, as several repositories have it."""

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.data.archive import open_archive, read_member
from cai_keras.data.builders.labelled_features import labelled_features
from cai_keras.errors import DataError

# In the order of the labels of CIFAR-10 itself.
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
    "truck",
)  # fmt: skip
SIDE = 32


class Cifar10Jpeg(tfds.core.GeneratorBasedBuilder):
    """CIFAR-10, compressed as JPEG: image (32, 32, 3) and label.

    The manual folder holds `train.zip` and `test.zip` with members
    `<split>/<class>/<number>.jpg`. Pixels differ from CIFAR-10's by what JPEG loses,
    and a copy may have fewer images: this is a stand-in for `tfds:cifar10`.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put train.zip and test.zip with members SPLIT/CLASS/NUMBER.jpg into the "
        "manual folder."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            **labelled_features((SIDE, SIDE, 3), "jpeg", names=list(CLASSES)),
            homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
            citation="Krizhevsky: Learning Multiple Layers of Features from Tiny "
            "Images. Technical report, 2009",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = Path(dl_manager.manual_dir)
        return {
            split: self._generate_examples(folder / f"{split}.zip")
            for split in ("train", "test")
        }

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict]]:
        with open_archive(path) as archive:
            names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
            if not names:
                raise DataError(f"{path}: holds no JPEG file")
            # Classes take turns, so that the first n images have all of them.
            for key, name in enumerate(sorted(names, key=_turn)):
                label = PurePosixPath(name).parts[-2]
                if label not in CLASSES:
                    raise DataError(f"{path}: member {name}: no class {label!r}")
                data = read_member(archive, name)
                _check_image(path, name, data)
                yield key, {"image": data, "label": label}


def _turn(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return path.stem, path.parent.name


def _check_image(path: Path, name: str, data: bytes) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            size, mode = image.size, image.mode
    except (OSError, ValueError, Image.DecompressionBombError):
        raise DataError(f"{path}: {name} is not a readable JPEG") from None
    if (size, mode) != ((SIDE, SIDE), "RGB"):
        raise DataError(f"{path}: {name} is {mode} of {size}, expected RGB, 32 x 32")
