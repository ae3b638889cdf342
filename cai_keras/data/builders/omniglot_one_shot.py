"""Lake's twenty one-shot classification runs, from the original `all_runs.zip`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from cai_keras.data.archive import open_archive, read_grey_image, read_member
from cai_keras.data.builders.drawing_features import SIDE
from cai_keras.errors import DataError

ARCHIVE = "all_runs.zip"
NUM_RUNS = 20
NUM_WAYS = 20


class OmniglotOneShot(tfds.core.GeneratorBasedBuilder):
    """One example per run: 20 test items, 20 training classes, the right answers.

    `answers[i]` is the index of the class of `items[i]`, from the run's
    `class_labels.txt`. The 20 classes of a run are of one alphabet.
    Pixels are 0 for ink and 255 for paper.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put all_runs.zip of github.com/brendenlake/omniglot "
        "(folder python/one-shot-classification/) into the manual folder."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        picture = tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png")
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "run": tfds.features.Scalar(np.int32),
                    "items": tfds.features.Sequence(picture, length=NUM_WAYS),
                    "classes": tfds.features.Sequence(picture, length=NUM_WAYS),
                    "answers": tfds.features.Tensor(shape=(NUM_WAYS,), dtype=np.int32),
                }
            ),
            homepage="https://github.com/brendenlake/omniglot",
            citation="Lake, Salakhutdinov, Tenenbaum, Science 350(6266), 2015",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples(Path(dl_manager.manual_dir))}

    def _generate_examples(self, folder: Path) -> Iterator[tuple[int, dict]]:
        path = folder / ARCHIVE
        with open_archive(path) as archive:
            for run in range(1, NUM_RUNS + 1):
                pairs = _read_labels(archive, run)
                # The label file's own order of classes is that of the items, so
                # the right answer would always be the item's index. Sorting the
                # classes by file name keeps that out of the data.
                classes = sorted({training for _, training in pairs})
                yield (
                    run,
                    {
                        "run": run,
                        "items": [_picture(archive, test) for test, _ in pairs],
                        "classes": [_picture(archive, name) for name in classes],
                        "answers": np.array(
                            [classes.index(training) for _, training in pairs], np.int32
                        ),
                    },
                )


def check_runs(folder: Path) -> None:
    """Reads every run of the archive; raises DataError naming what is wrong."""
    with open_archive(folder / ARCHIVE) as archive:
        for run in range(1, NUM_RUNS + 1):
            for name in {name for pair in _read_labels(archive, run) for name in pair}:
                _picture(archive, name)


def _read_labels(archive, run: int) -> list[tuple[str, str]]:
    name = f"run{run:02d}/class_labels.txt"
    where = f"{archive.filename}: {name}"
    text = read_member(archive, name).decode("utf-8", errors="replace")
    pairs = [tuple(line.split()) for line in text.splitlines() if line.strip()]
    if len(pairs) != NUM_WAYS or any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{where}: expected 20 lines of two file names")
    if len({training for _, training in pairs}) != NUM_WAYS:
        raise DataError(f"{where}: a training image stands twice")
    return pairs


def _picture(archive, name: str) -> np.ndarray:
    image = read_grey_image(archive, name)
    if image.shape != (SIDE, SIDE):
        raise DataError(
            f"{archive.filename}: {name} has shape {image.shape}, expected 105 x 105"
        )
    return image[..., None]
