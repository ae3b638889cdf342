"""MNIST and its relatives from their IDX files."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from cai_keras.data.builders.labelled_features import labelled_features
from cai_keras.errors import DataError

# Split -> how its files begin.
PREFIXES = {"train": "train", "test": "t10k"}
# Digest of the pixels and labels of both splits -> what the set is.
KNOWN = {
    "06b0d1f124c4e5fa": "mnist",
    "ca3ab2a37f845e1b": "fashion_mnist",
}
_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


class IdxImages(tfds.core.GeneratorBasedBuilder):
    """Grey images of ten classes: image (28, 28, 1) and label.

    The manual folder holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and
    the same for `t10k`, plain or with `.gz`.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte "
        "and t10k-labels-idx1-ubyte, plain or as .gz, into the manual folder."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            **labelled_features((28, 28, 1), "png", num_classes=10),
            homepage="https://yann.lecun.org/exdb/mnist/",
            citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied "
            "to document recognition. Proc. IEEE, 1998",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = Path(dl_manager.manual_dir)
        return {split: self._generate_examples(folder, split) for split in PREFIXES}

    def _generate_examples(self, folder: Path, split: str) -> Iterator:
        images, labels = read_split_files(folder, split)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image[..., None], "label": int(label)}


def read_split_files(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (n, 28, 28) and labels (n,).

    Raises:
        DataError: a file is missing, damaged, or of another shape.
    """
    prefix = PREFIXES[split]
    images = read_idx(find_file(folder, f"{prefix}-{_IMAGES}"))
    labels = read_idx(find_file(folder, f"{prefix}-{_LABELS}"))
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise DataError(
            f"{folder}: {split} has images {images.shape} and labels {labels.shape}, "
            "expected (n, 28, 28) and (n,)"
        )
    if labels.size and labels.max() > 9:
        raise DataError(f"{folder}: {split} has the label {labels.max()}, expected 0-9")
    return images, labels


def find_file(folder: Path, name: str) -> Path:
    """The file, plain or compressed."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder}: no {name} or {name}.gz; put it there")


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes.

    Raises:
        DataError: it is cut off, of another type, or no such file at all.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged ({error}); download it again") from None
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise DataError(f"{path}: no IDX file of bytes; download it again")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4")
    if len(shape) != data[3] or len(data) - start != int(np.prod(shape, dtype=int)):
        raise DataError(f"{path}: cut off; download it again")
    return np.frombuffer(data[start:], np.uint8).reshape(shape.astype(int))


def name_of(images_and_labels) -> str:
    """`mnist`, `fashion_mnist`, or `idx_images` for any other content.

    Args:
        images_and_labels: uint8 arrays: train images, train labels, test images, test
            labels.
    """
    return KNOWN.get(digest_of(images_and_labels), "idx_images")


def digest_of(arrays) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.uint8).tobytes())
    return digest.hexdigest()[:16]
