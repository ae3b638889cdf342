"""The EM stacks of the ISBI 2012 challenge, which users fetch themselves."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageSequence, UnidentifiedImageError

from cai_keras.errors import DataError

SLICES, SIDE = 30, 512  # of the published stacks
# Stacks of the split, images first; the labels of `test` are not public.
FILES = {
    "train": ("train-volume.tif", "train-labels.tif"),
    "test": ("test-volume.tif",),
}
FIX = (
    "Put train-volume.tif, train-labels.tif and test-volume.tif of the ISBI 2012 EM "
    "segmentation challenge (imagej.net/events/isbi-2012-segmentation-challenge) into "
    "the manual folder, or into isbi2012_em in it."
)


class Isbi2012Em(tfds.core.GeneratorBasedBuilder):
    """Serial section electron micrographs of a fruit fly's ventral nerve cord.

    image: uint8 (height, width, 1), 30 slices of 512 x 512 in the published stacks.
    label: 255 within cells, 0 on their membranes, and 0 everywhere where `is_labelled`
    is false: the labels of the split `test` are the challenge's secret. Slices are in
    the order of the stack, so that neighbours show nearly the same cells.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = FIX

    def _info(self) -> tfds.core.DatasetInfo:
        def grey():
            return tfds.features.Image(shape=(None, None, 1), encoding_format="png")

        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {"image": grey(), "label": grey(), "is_labelled": np.bool_}
            ),
            homepage="https://imagej.net/events/isbi-2012-segmentation-challenge",
            citation="Arganda-Carreras et al.: Crowdsourcing the creation of image "
            "segmentation algorithms for connectomics. Frontiers in Neuroanatomy 9, "
            "2015",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = folder_of(Path(dl_manager.manual_dir))
        return {split: self._generate_examples(folder, split) for split in FILES}

    def _generate_examples(
        self, folder: Path, split: str
    ) -> Iterator[tuple[int, dict]]:
        images, labels = read_split_files(folder, split)
        for index, image in enumerate(images):
            label = np.zeros_like(image) if labels is None else labels[index]
            yield (
                index,
                {
                    "image": image[..., None],
                    "label": label[..., None],
                    "is_labelled": labels is not None,
                },
            )


def folder_of(manual_dir: Path) -> Path:
    """Where in the manual folder the stacks are."""
    own = manual_dir / "isbi2012_em"
    return own if own.is_dir() else manual_dir


def check_stacks(folder: Path) -> None:
    """Reads all stacks.

    Raises:
        DataError: one is missing, damaged or does not fit; names the file and the fix.
    """
    for split in FILES:
        read_split_files(folder, split)


def read_split_files(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    """uint8 images (slices, height, width), and labels 0 or 255 where there are any.

    Raises:
        DataError: as for `check_stacks`.
    """
    paths = [folder / name for name in FILES[split]]
    for path in paths:
        if not path.is_file():
            raise DataError(f"{folder}: no {path.name}. {FIX}")
    images, *rest = (read_stack(path) for path in paths)
    if not rest:
        return images, None
    (labels,) = rest
    if labels.shape != images.shape:
        raise DataError(
            f"{paths[1]}: {labels.shape} (slices, height, width), expected "
            f"{images.shape} as in {paths[0].name}"
        )
    others = np.setdiff1d(labels, [0, 255])
    if others.size:
        raise DataError(
            f"{paths[1]}: has the level {others[0]}, expected 0 for membranes and 255 "
            "for cells"
        )
    return images, labels


def read_stack(path: Path) -> np.ndarray:
    """All pages of a grey TIFF file, uint8 (pages, height, width).

    Raises:
        DataError: it is no such file, or its pages differ in size.
    """
    try:
        with Image.open(path) as file:
            pages = [
                (page.mode, np.array(page)) for page in ImageSequence.Iterator(file)
            ]
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise DataError(
            f"{path}: not a readable TIFF file ({error}); download it again"
        ) from None
    kinds = {(mode, pixels.shape) for mode, pixels in pages}
    if len(kinds) > 1 or pages[0][0] != "L":
        raise DataError(
            f"{path}: pages of {sorted(kinds)}, expected grey (L) pages of one size"
        )
    return np.stack([pixels for _, pixels in pages])
