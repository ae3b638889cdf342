"""Omniglot from its original zips, with the drawer of every drawing.

TFDS's own `omniglot` leaves the drawer out, which pair sampling needs.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds

from cai_keras.data.archive import open_archive, read_grey_image
from cai_keras.data.builders.drawing_features import SIDE, drawing_features
from cai_keras.errors import DataError

# Split -> archive names in the order in which they are looked for.
ARCHIVES = {
    "train": ("images_background.zip",),
    "test": ("images_evaluation.zip", "images_evaluation_10alphabets.zip"),
    "small1": ("images_background_small1.zip",),
    "small2": ("images_background_small2.zip",),
}

_CITATION = """\
@article{lake2015human,
  title={Human-level concept learning through probabilistic program induction},
  author={Lake, Brenden M and Salakhutdinov, Ruslan and Tenenbaum, Joshua B},
  journal={Science}, volume={350}, number={6266}, pages={1332--1338}, year={2015}
}"""


class OmniglotDrawings(tfds.core.GeneratorBasedBuilder):
    """Handwritten characters: image, alphabet, character and drawer.

    The manual folder holds `images_background.zip` and any of the other archives;
    a split exists where its archive does. Pixels are 0 for ink and 255 for paper.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put images_background.zip and images_evaluation.zip of "
        "github.com/brendenlake/omniglot (folder python/) into the manual folder."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            features=drawing_features(),
            homepage="https://github.com/brendenlake/omniglot",
            citation=_CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        found = find_archives(Path(dl_manager.manual_dir))
        return {split: self._generate_examples(path) for split, path in found.items()}

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict]]:
        yield from enumerate(_read_drawings(path))


def find_archives(folder: Path) -> dict[str, Path]:
    """The archive of each split that `folder` has.

    Raises:
        DataError: not even the background set is there; says what to put where.
    """
    found = {}
    for split, names in ARCHIVES.items():
        path = next((folder / n for n in names if (folder / n).is_file()), None)
        if path is not None:
            found[split] = path
    if "train" not in found:
        raise DataError(
            f"{folder}: no images_background.zip; put the zips of Omniglot's "
            "python/ folder there (github.com/brendenlake/omniglot)"
        )
    return found


def check_archives(folder: Path) -> None:
    """Reads every drawing of every archive; raises DataError naming what is wrong."""
    found = find_archives(folder)
    if "test" not in found:
        raise DataError(f"{folder}: no images_evaluation.zip of Omniglot there")
    for path in found.values():
        for _ in _read_drawings(path):
            pass


def _read_drawings(path: Path) -> Iterator[dict]:
    with open_archive(path) as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".png"))
        if not names:
            raise DataError(f"{path}: holds no PNG file")
        for name in names:
            labels = _labels(path, name)
            image = read_grey_image(archive, name)
            if image.shape != (SIDE, SIDE):
                raise DataError(
                    f"{path}: {name} has shape {image.shape}, expected 105 x 105"
                )
            yield {"image": image[..., None], **labels}


def _labels(path: Path, name: str) -> dict[str, str | int]:
    # .../<alphabet>/character<NN>/<id>_<drawer>.png
    parts = PurePosixPath(name).parts
    try:
        alphabet, character, file = parts[-3:]
        return {
            "alphabet": alphabet,
            "character": int(character.removeprefix("character")),
            "drawer": int(file.removesuffix(".png").split("_")[1]),
        }
    except (ValueError, IndexError):
        expected = "ALPHABET/characterNN/ID_DRAWER.png"
        raise DataError(f"{path}: member {name}: expected {expected}") from None
