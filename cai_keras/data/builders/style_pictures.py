"""Photographs and paintings that users fetch themselves, as in papers on style."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from cai_keras.data.picture_files import as_bytes, find_pictures, read_picture
from cai_keras.errors import DataError

PARTS = ("content", "styles")
FIX = (
    "Put the photograph of Gatys et al. 2016 into content/ and its five paintings into "
    "styles/ of style_pictures in the manual folder."
)


class StylePictures(tfds.core.GeneratorBasedBuilder):
    """Pictures of any size by name: splits `content` and `styles`.

    Gatys, Ecker, Bethge 2016 show a photograph of the Neckarfront in Tuebingen (Andreas
    Praefcke) in the styles of The Shipwreck of the Minotaur (Turner), The Starry Night
    (van Gogh), Der Schrei (Munch), Femme nue assise (Picasso) and Composition VII
    (Kandinsky). They are no data set that could be downloaded.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = FIX

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {"image": image, "name": tfds.features.Text()}
            ),
            homepage="https://arxiv.org/abs/1508.06576",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = Path(dl_manager.manual_dir) / self.name
        return {part: self._generate_examples(folder / part) for part in PARTS}

    def _generate_examples(self, folder: Path) -> Iterator[tuple[int, dict]]:
        for number, (name, path) in enumerate(named_files(folder).items()):
            yield number, {"image": as_bytes(read_picture(path)), "name": name}


def named_files(folder: Path) -> dict[str, Path]:
    """Name -> file of the pictures in one of the folders.

    Raises:
        DataError: there are none, or two of one name; says what is expected.
    """
    expected = "expected a folder with pictures in content/ and styles/"
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {expected}")
    files = find_pictures(folder)
    if not files:
        raise DataError(f"{folder}: no pictures; {expected}")
    names = {path.stem: path for path in files}
    if len(names) < len(files):
        (first, *_) = sorted(set(files) - set(names.values()))
        raise DataError(f"{folder}: two pictures have the name {first.stem!r}")
    return names
