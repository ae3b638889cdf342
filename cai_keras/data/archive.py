"""Zip archives from users: every member is checked before it is trusted."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from cai_keras.errors import DataError

# A drawing is 105 x 105; nothing in these archives comes near this size.
_MAX_MEMBER_BYTES = 64 << 20
# What zipfile raises for damaged archives, beside its own error.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip for reading, after checking the names of all members.

    Raises:
        DataError: the file is missing, cut off or no zip, or a member's name leads
            out of the archive, is a link, or is larger than 64 MiB unpacked.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; download it and put it there") from None
    except _DAMAGED as error:
        raise DataError(
            f"{path}: not a whole zip file ({error}); download it again"
        ) from None
    with archive:
        for member in archive.infolist():
            _check_member(path, member)
        yield archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of one member, checked against the archive's own checksum."""
    try:
        return archive.read(name)
    except KeyError:
        raise DataError(
            f"{archive.filename}: the member {name} is missing; download it again"
        ) from None
    except _DAMAGED as error:
        raise DataError(
            f"{archive.filename}: {name} is damaged ({error}); download it again"
        ) from None


def read_grey_image(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One image member as uint8 (height, width), 0 black to 255 white."""
    data = read_member(archive, name)
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("L"))
    except (*_DAMAGED, Image.DecompressionBombError, SyntaxError) as error:
        raise DataError(
            f"{archive.filename}: {name} is not a readable image ({error}); "
            "download it again"
        ) from None


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    problem = None
    if name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1]):
        problem = "leads out of the zip"
    elif stat.S_ISLNK(member.external_attr >> 16):
        problem = "is a link"
    elif member.file_size > _MAX_MEMBER_BYTES:
        problem = "is over 64 MiB"
    if problem:
        raise DataError(
            f"{path}: the member {member.filename!r} {problem}; "
            "download it again from its publisher"
        )
