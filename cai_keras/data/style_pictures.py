"""Photographs and paintings by name: what style transfer takes from a data spec."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from cai_keras.data.builders.style_pictures import PARTS, named_files
from cai_keras.data.loaded import LoadedData
from cai_keras.data.picture_files import read_picture
from cai_keras.data.source import open_catalogue, open_embedded, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError

_OPEN = {
    "embedded:pictures": open_embedded,
    "tfds:style_pictures": open_catalogue,
}


@dataclass(frozen=True)
class StylePictures:
    """Pictures of any size, float32 (height, width, 3) in [0, 1], by name.

    Attributes:
        content: photographs, in alphabetical order.
        styles: paintings or textures, in alphabetical order.
        info: for the record.
    """

    content: Mapping[str, np.ndarray]
    styles: Mapping[str, np.ndarray]
    info: LoadedData

    def pair(self, number: int) -> tuple[str, str]:
        """Names of a photograph and a style; numbers from 0 give different pairs.

        Both lists are walked in turn; where one is at its end and begins again, the
        pair is still a new one until every photograph has met every style.
        """
        contents, styles = list(self.content), list(self.styles)
        # Where the lengths share a divisor d, the diagonal closes after lcm pairs:
        # the styles are then shifted by one.
        period = int(np.lcm(len(contents), len(styles)))
        shift = number // period
        return (
            contents[number % len(contents)],
            styles[(number + shift) % len(styles)],
        )


def load_style_pictures(spec_text: str) -> StylePictures:
    """`embedded:pictures`, `tfds:style_pictures`, or `folder:PATH`.

    A folder's pictures are any, and recorded as `own_pictures`; in the TFDS set are
    those of Gatys et al. 2016.

    Raises:
        UsageError: another kind of spec.
        DataError: a folder or all pictures are missing, or one cannot be read.
    """
    spec = DataSpec.parse(spec_text)
    if spec.kind == "folder":
        parts = {part: _read_folder(spec.folder / part) for part in PARTS}
        name, version = "own_pictures", "files"
    elif str(spec) in _OPEN:
        builder = _OPEN[str(spec)](spec)
        parts = {part: _read_split(builder, part) for part in PARTS}
        name, version = builder.name, str(builder.version)
    else:
        raise UsageError(
            f"data spec {spec}: expected {' or '.join(_OPEN)}, or folder:PATH, with "
            "pictures in content/ and styles/"
        )
    counts = {part: len(pictures) for part, pictures in parts.items()}
    info = LoadedData(name, version, counts, _digest(parts))
    return StylePictures(parts["content"], parts["styles"], info)


def problems_of(spec_text: str) -> list[str]:
    """What keeps `load_style_pictures` from reading a spec, each with its fix."""
    spec = DataSpec.parse(spec_text)
    try:
        if str(spec) == "tfds:style_pictures":
            for part in PARTS:
                read_split(open_catalogue(spec), part)
        if spec.kind != "folder":
            return []
        for part in PARTS:
            named_files(spec.folder / part)
    except DataError as error:
        return [str(error)]
    return []


def _read_folder(folder: Path) -> dict[str, np.ndarray]:
    return {name: read_picture(path) for name, path in named_files(folder).items()}


def _read_split(builder, split: str) -> dict[str, np.ndarray]:
    rows = tfds.as_numpy(read_split(builder, split))
    return {row["name"].decode(): row["image"].astype(np.float32) / 255 for row in rows}


def _digest(parts: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    found = hashlib.sha256()
    for part, pictures in parts.items():
        for name, picture in pictures.items():
            found.update(f"{part}/{name} {picture.shape}".encode())
            found.update(np.round(255 * picture).astype(np.uint8).tobytes())
    return found.hexdigest()
