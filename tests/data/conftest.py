"""Tiny folders of files in the form of published data sets."""

import gzip
import zipfile

import numpy as np
import pytest
from image_files import idx, jpeg

from cai_keras.data.builders.cifar10_jpeg import CLASSES


@pytest.fixture
def cifar_folder(tmp_path):
    """Two training images and one test image of each class c, of the level 20 c."""
    folder = tmp_path / "cifar"
    folder.mkdir()
    for split, count in (("train", 2), ("test", 1)):
        with zipfile.ZipFile(folder / f"{split}.zip", "w") as archive:
            for label, name in enumerate(CLASSES):
                for number in range(count):
                    member = f"{split}/{name}/{number:04d}.jpg"
                    archive.writestr(member, jpeg(20 * label))
    return folder


@pytest.fixture
def idx_folder(tmp_path):
    """12 training images and 4 test images; image n has the level n, label n mod 10."""
    folder = tmp_path / "idx"
    folder.mkdir()
    for prefix, count in (("train", 12), ("t10k", 4)):
        levels = np.arange(count)
        images = np.tile(levels[:, None, None], (1, 28, 28))
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx(images))
        )
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(levels % 10))
    return folder
