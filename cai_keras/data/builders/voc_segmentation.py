"""PASCAL VOC 2012 for segmentation, with the annotations of SBD; users fetch both."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from cai_keras.errors import DataError

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat",
    "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant",
    "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_VOC = Path("VOCdevkit", "VOC2012")
_SBD = Path("benchmark_RELEASE", "dataset")


class VocSegmentation(tfds.core.GeneratorBasedBuilder):
    """VOC 2012: 20 classes of things, background 0, and 255 where no class is known.

    Splits: `train` and `validation` are VOC's own 1,464 and 1,449 images;
    `train_augmented` is `train` and the images that only SBD (Hariharan et al. 2011)
    has annotated, without those of VOC's validation: 10,582. Labels of SBD know no
    255. Stored for random access.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Unpack VOCtrainval_11-May-2012.tar (VOCdevkit/VOC2012) and benchmark.tgz of "
        "SBD (benchmark_RELEASE/dataset) in the manual folder."
    )

    def __init__(self, **options):
        super().__init__(**{"file_format": "array_record", **options})

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "label": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
            "name": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
            citation="Everingham et al.: The PASCAL Visual Object Classes Challenge "
            "2012. Hariharan et al.: Semantic Contours from Inverse Detectors. ICCV "
            "2011",
        )

    def _split_generators(self, dl_manager):
        voc, sbd = (Path(dl_manager.manual_dir) / part for part in (_VOC, _SBD))
        lists = voc / "ImageSets" / "Segmentation"
        train, validation = (_names(lists / f"{s}.txt") for s in ("train", "val"))
        annotated = {n for s in ("train", "val") for n in _names(sbd / f"{s}.txt")}
        more = sorted(annotated - {*train, *validation})
        voc_labels = {n: voc / "SegmentationClass" / f"{n}.png" for n in train}
        sbd_labels = {n: sbd / "cls" / f"{n}.mat" for n in more}
        tested = {n: voc / "SegmentationClass" / f"{n}.png" for n in validation}
        images = voc / "JPEGImages"
        return {
            "train": self._generate_examples(images, voc_labels),
            "train_augmented": self._generate_examples(
                images, {**voc_labels, **sbd_labels}
            ),
            "validation": self._generate_examples(images, tested),
        }

    def _generate_examples(
        self, images: Path, labels: dict[str, Path]
    ) -> Iterator[tuple[str, dict]]:
        for name, path in labels.items():
            image = images / f"{name}.jpg"
            label = _read_label(path)
            expected = _size_of(image)
            if label.shape != expected:
                raise DataError(f"{path}: {label.shape}, but {image} is {expected}")
            yield name, {"image": str(image), "label": label[..., None], "name": name}


def _read_label(path: Path) -> np.ndarray:
    """uint8 (height, width) of VOC's palette images and of SBD's MATLAB files."""
    _check_file(path)
    try:
        if path.suffix == ".mat":
            found = loadmat(path)["GTcls"][0, 0]["Segmentation"]
        else:
            with Image.open(path) as image:
                found = np.asarray(image)
    except (OSError, ValueError, LookupError, TypeError, MatReadError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: no label map ({reason})") from None
    known = found[found != 255]
    if found.ndim != 2 or found.dtype != np.uint8 or known.max(initial=0) > 20:
        raise DataError(f"{path}: expected classes 0 to 20 and 255 as 8-bit indices")
    return found


def _size_of(path: Path) -> tuple[int, int]:
    _check_file(path)
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            return image.height, image.width
    except (OSError, ValueError):
        raise DataError(f"{path}: not a readable JPEG") from None


def _names(path: Path) -> list[str]:
    _check_file(path)
    return path.read_text(encoding="utf-8").split()


def _check_file(path: Path) -> None:
    if not path.is_file():
        fix = VocSegmentation.MANUAL_DOWNLOAD_INSTRUCTIONS
        raise DataError(f"{path}: no such file. {fix}")
