"""TFDS's own test case for our builders: metadata, encoding, splits, reloading."""

import io
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from facade_files import write_facades
from image_files import idx, jpeg
from PIL import Image
from voc_files import write_voc

from cai_keras.data.builders import context_scenes, glyphs, shapes
from cai_keras.data.builders.cifar10_jpeg import Cifar10Jpeg
from cai_keras.data.builders.digits import Digits
from cai_keras.data.builders.facade_labels import FacadeLabels
from cai_keras.data.builders.idx_images import IdxImages
from cai_keras.data.builders.omniglot_drawings import OmniglotDrawings
from cai_keras.data.builders.omniglot_one_shot import OmniglotOneShot
from cai_keras.data.builders.pictures import Pictures
from cai_keras.data.builders.voc_segmentation import VocSegmentation

pytest.importorskip("dill", reason="tfds.testing's test case imports dill")


@pytest.fixture(scope="module", autouse=True)
def _tiny_archives(tmp_path_factory):
    """Dummy data of every case; their names say which builder reads them."""
    folder = tmp_path_factory.mktemp("dummy_data")
    # Every drawing differs: TFDS's case finds examples that are in two splits.
    for seed, name in enumerate(("background", "evaluation")):
        rng = np.random.default_rng(seed)
        with zipfile.ZipFile(folder / f"images_{name}.zip", "w") as archive:
            for drawer in (1, 2, 3):
                member = f"images_{name}/Greek/character01/0001_{drawer:02d}.png"
                archive.writestr(member, _png(rng))
    rng = np.random.default_rng(2)
    with zipfile.ZipFile(folder / "all_runs.zip", "w") as archive:
        for run in range(1, 21):
            lines = []
            for number in range(1, 21):
                item = f"run{run:02d}/test/item{number:02d}.png"
                training = f"run{run:02d}/training/class{number:02d}.png"
                archive.writestr(item, _png(rng))
                archive.writestr(training, _png(rng))
                lines.append(f"{item} {training}")
            archive.writestr(f"run{run:02d}/class_labels.txt", "\n".join(lines))
    _write_labelled_images(folder)
    write_voc(folder)
    for case in (
        Cifar10JpegCase, ContextScenesCase, DigitsCase, GlyphsCase, IdxImagesCase,
        OmniglotDrawingsCase, OmniglotOneShotCase, PicturesCase, ShapesCase,
        VocSegmentationCase,
    ):  # fmt: skip
        case.EXAMPLE_DIR = str(folder)
    # Its archives have the names of CIFAR-10's.
    write_facades(folder / "facades")
    FacadeLabelsCase.EXAMPLE_DIR = str(folder / "facades")


@pytest.fixture(scope="module", autouse=True)
def _small_sets():
    # Whole sets take seconds; the generators are the same for a part.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glyphs, "SPLITS", {"train": range(0, 1), "test": range(20, 21)})
        patch.setattr(shapes, "SPLITS", {"train": 30, "test": 20})
        patch.setattr(context_scenes, "SPLITS", {"train": 14, "test": 7})
        yield


def _png(rng):
    buffer = io.BytesIO()
    Image.fromarray(rng.random((105, 105)) < 0.9).save(buffer, "PNG")
    return buffer.getvalue()


def _write_labelled_images(folder):
    """Two images of each split for the builders of classified images."""
    rng = np.random.default_rng(3)
    for number, (split, prefix) in enumerate((("train", "train"), ("test", "t10k"))):
        with zipfile.ZipFile(folder / f"{split}.zip", "w") as archive:
            for name in ("bird", "ship"):
                level = int(rng.integers(256))
                archive.writestr(f"{split}/{name}/0000.jpg", jpeg(level))
        images = rng.integers(0, 256, (2, 28, 28))
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
        labels = np.array([number, 7])
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))


class Cifar10JpegCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Cifar10Jpeg
    SPLITS = {"train": 2, "test": 2}  # noqa: RUF012


class IdxImagesCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = IdxImages
    SPLITS = {"train": 2, "test": 2}  # noqa: RUF012


class PicturesCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Pictures
    SPLITS = {"content": 7, "styles": 5}  # noqa: RUF012


class ShapesCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = shapes.Shapes
    SPLITS = {"train": 30, "test": 20}  # noqa: RUF012


class ContextScenesCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = context_scenes.ContextScenes
    SPLITS = {"train": 14, "test": 7}  # noqa: RUF012


class FacadeLabelsCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = FacadeLabels
    SPLITS = {"train": 3, "validation": 1}  # noqa: RUF012


class VocSegmentationCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = VocSegmentation
    SPLITS = {"train": 2, "train_augmented": 3, "validation": 1}  # noqa: RUF012
    OVERLAPPING_SPLITS = ["train", "train_augmented"]  # noqa: RUF012

    def _make_builder(self, config=None):
        # The case reads with `as_dataset`, which array records do not have.
        return VocSegmentation(data_dir=self.tmp_dir, file_format="tfrecord")


class DigitsCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Digits
    SPLITS = {"train": 1297, "test": 500}  # noqa: RUF012 (the base class's form)


class GlyphsCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = glyphs.Glyphs
    SPLITS = {"train": 400, "test": 400}  # noqa: RUF012


class OmniglotDrawingsCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = OmniglotDrawings
    SPLITS = {"train": 3, "test": 3}  # noqa: RUF012


class OmniglotOneShotCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = OmniglotOneShot
    SPLITS = {"test": 20}  # noqa: RUF012
