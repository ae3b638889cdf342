"""Generated pictures as a grid, as arrays or as a folder of pictures."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cai_keras.data.picture_files import WRITABLE, picture_bytes
from cai_keras.errors import UsageError, nearest
from cai_keras.generation.grids import picture_grid
from cai_keras.reporting.atomic import write_atomic

_ARRAYS = ".npz"
# More classes than these are counted, not named.
_FEW_CLASSES = 12


@dataclass(frozen=True)
class Drawn:
    """Pictures, and what they were made from.

    Attributes:
        pictures: uint8 (n, height, width, channels).
        latents: float32 (n, size).
        labels: int32 (n,); None without classes.
        class_names: of the labels; None without classes.
    """

    pictures: np.ndarray
    latents: np.ndarray
    labels: np.ndarray | None
    class_names: Sequence[str] | None

    def describe(self) -> str:
        """How many of what size, and of which classes."""
        count, height, width = self.pictures.shape[:3]
        size = f"{count} picture{'s' * (count > 1)} of {width} x {height}"
        return f"{size}, {self._describe_classes()}"

    def name_of(self, number: int) -> str:
        """The name of a picture's own file."""
        place = f"{number:04}"
        if self.labels is None:
            return f"{place}.png"
        label = self.class_names[self.labels[number]]
        label = re.sub(r"[^\w.-]+", "_", label)  # T-shirt/top
        return f"{place}_{label}.png"

    def _describe_classes(self) -> str:
        if self.labels is None:
            return "no classes"
        found, total = list(dict.fromkeys(self.labels.tolist())), len(self.class_names)
        if len(found) == total:
            return f"all {total} classes"
        if len(found) > _FEW_CLASSES:
            return f"{len(found)} of {total} classes"
        names = ((number, self.class_names[number]) for number in found)
        named = (f"{i}" if name == str(i) else f"{i} {name}" for i, name in names)
        return f"{'class' if len(found) == 1 else 'classes'} {', '.join(named)}"


def find_kind(out: Path, is_grid: bool | None) -> str:
    """grid, arrays or folder: what is to be written to `out`.

    Args:
        is_grid: as the user says; None: by the name.
    Raises:
        UsageError: a name that does not fit, or that we do not write.
    """
    suffix = out.suffix.lower()
    if is_grid is False and (suffix == _ARRAYS or suffix in WRITABLE):
        raise UsageError(f"--separate: expected a folder, found {out}")
    if out.is_dir() or not suffix or is_grid is False:
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out}: is a file; expected a folder")
        if is_grid:
            raise UsageError(f"--grid: expected a picture such as {out}.png")
        return "folder"
    if suffix in WRITABLE:
        return "grid"
    if suffix != _ARRAYS or is_grid:
        known = [*WRITABLE] if is_grid else [*WRITABLE, _ARRAYS]
        raise UsageError(
            f"--out {out}: cannot write {suffix}; {nearest(suffix, known)}"
        )
    return "arrays"


def write_drawn(
    drawn: Drawn, out: Path, kind: str, columns: int | None, scale: int
) -> None:
    """Writes what `find_kind` found; existing files of the same names are replaced.

    Raises:
        UsageError: the folder has other pictures of this command; they are kept.
        RunError: something cannot be written.
    """
    from cai_keras.training.failures import writing

    with writing(out):
        if kind == "grid":
            grid = picture_grid(drawn.pictures, columns, scale=scale)
            write_atomic(out, _encoded(grid, out.suffix))
        elif kind == "arrays":
            write_atomic(out, _arrays(drawn))
        else:
            _write_folder(drawn, out, scale)


def _write_folder(drawn: Drawn, out: Path, scale: int) -> None:
    names = [drawn.name_of(number) for number in range(len(drawn.pictures))]
    others = sorted({path.name for path in out.glob("[0-9]*.png")} - set(names))
    others = [name for name in others if re.fullmatch(r"\d{4,}(_.*)?\.png", name)]
    if others:
        # Else a folder would hold pictures of two calls, and no one could tell.
        raise UsageError(
            f"--out {out}: has pictures of another call, such as {others[0]}; name "
            "another folder"
        )
    for name, picture in zip(names, drawn.pictures, strict=True):
        cell = picture_grid(picture[None], 1, scale=scale)
        write_atomic(out / name, _encoded(cell, ".png"))


def _encoded(picture: np.ndarray, suffix: str) -> bytes:
    return picture_bytes(picture / np.float32(255), suffix)


def _arrays(drawn: Drawn) -> bytes:
    arrays = {"pictures": drawn.pictures, "latents": drawn.latents}
    if drawn.labels is not None:
        arrays["labels"] = drawn.labels
        arrays["class_names"] = np.array(list(drawn.class_names))  # unicode
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()
