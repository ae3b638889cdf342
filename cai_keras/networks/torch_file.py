"""Tensors of a file of PyTorch (.pth, .pt), read without PyTorch.

Such a file is a pickle that says which part of which block of numbers each tensor is,
and these blocks: since PyTorch 1.6 as members of a ZIP archive, before that one after
the other in one file. A pickle is a program: it names functions, which the reader
calls. This one has small classes of its own for the few names that a dictionary of
tensors needs; whatever else a file names is an error before it is imported.
"""

import math
import pickle
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cai_keras.errors import DataError

# PyTorch's name of a block -> its type; little endian, as all files that we know.
_STORAGES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
}
# First and second number of a file of the older kind.
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_OLD_VERSION = 1001
_ZIP_BEGINS = b"PK\x03\x04"


def read_torch_file(path: Path) -> dict[str, np.ndarray]:
    """A dictionary of tensors by name, as `torch.save(network.state_dict(), path)`.

    Returns:
        name -> array of the tensor's shape, in the order and the precision of the file.
    Raises:
        DataError: no such file; it is damaged; or it asks for anything but tensors.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            is_zip = file.read(len(_ZIP_BEGINS)) == _ZIP_BEGINS
            file.seek(0)
            tensors, blocks = _read_zip(file) if is_zip else _read_old(file)
        return {name: tensor.cut_from(blocks) for name, tensor in tensors.items()}
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:
        # A damaged pickle can raise nearly anything.
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: not a whole file of PyTorch: {text}") from error


def _read_zip(file) -> tuple[dict, dict]:
    with zipfile.ZipFile(file) as archive:
        members = [x for x in archive.namelist() if x.split("/")[1:] == ["data.pkl"]]
        if len(members) != 1:
            raise DataError("a ZIP archive, but not of PyTorch")
        (member,) = members
        folder = member.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            _check_order(archive.read(f"{folder}byteorder") == b"little")
        # PyTorch does not compress: no member is larger than the file.
        whole = file.seek(0, 2)
        if max(info.file_size for info in archive.infolist()) > whole:
            raise DataError("a member of the archive is compressed")
        with archive.open(member) as pickled:
            tensors, asked = _unpickle(pickled)
        blocks = {
            key: np.frombuffer(archive.read(f"{folder}data/{key}"), block.kind)
            for key, block in asked.items()
        }
    return _checked(tensors), blocks


def _read_old(file) -> tuple[dict, dict]:
    whole = file.seek(0, 2)
    file.seek(0)
    try:
        is_known = _unpickle(file)[0] == _OLD_MAGIC
    except DataError:
        raise
    except Exception:  # whatever it is, it is no pickle
        is_known = False
    if not is_known or _unpickle(file)[0] != _OLD_VERSION:
        raise DataError("not a file of PyTorch")
    _check_order(_unpickle(file)[0]["little_endian"] is True)
    tensors, asked = _unpickle(file)
    keys, _ = _unpickle(file)
    blocks = {}
    for key in keys:
        kind = np.dtype(asked[key].kind)
        count = int.from_bytes(file.read(8), "little")
        if count * kind.itemsize > whole - file.tell():
            raise DataError(f"ends within a block of {count} numbers")
        blocks[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return _checked(tensors), blocks


def _check_order(is_little_endian: bool) -> None:
    if not is_little_endian:
        raise DataError("written on a big-endian machine; only little-endian is read")


def _unpickle(file) -> tuple[object, dict[str, "_Block"]]:
    """What the pickle says, and the blocks that it refers to."""
    reader = _TensorsOnly(file)
    return reader.load(), reader.blocks


def _checked(found) -> dict[str, "_Tensor"]:
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise DataError(f"expected a dictionary of tensors, found a {kind}")
    for name, tensor in found.items():
        if type(name) is not str or type(tensor) is not _Tensor:
            kind = type(tensor).__name__
            raise DataError(f"expected tensors by name, found a {kind} for {name!r}")
    return dict(found)


class _TensorsOnly(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.blocks: dict[str, _Block] = {}

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return _Entries
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise DataError(
            f"the pickle asks for {module}.{name}; only dictionaries of tensors are "
            "read"
        )

    def persistent_load(self, pid):
        word, kind, key, _, count, *view = pid
        if word != "storage" or kind not in _STORAGES.values() or any(view):
            raise DataError(f"the pickle refers to {word!r}; expected whole storages")
        return self.blocks.setdefault(key, _Block(key, kind, count))


class _Block(NamedTuple):
    """Numbers one after the other, which tensors are parts of."""

    key: str
    kind: str
    count: int


class _Entries(dict):
    """A dictionary with an order; what else a file says of it is left out."""

    def __setstate__(self, state):
        """PyTorch keeps the versions of modules there."""


class _Tensor:
    """A part of a block: the arguments are those of `_rebuild_tensor_v2`."""

    def __init__(self, block, offset, shape, strides, *_):
        self._part = block, offset, tuple(shape), tuple(strides)

    def __setstate__(self, state):
        raise DataError("the pickle changes a tensor")

    def cut_from(self, blocks: dict[str, np.ndarray]) -> np.ndarray:
        block, offset, shape, strides = self._part
        numbers = blocks[block.key]
        last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        is_inside = offset >= 0 and offset + last < len(numbers) == block.count
        if math.prod(shape) > len(numbers) or min((*strides, 0)) < 0 or not is_inside:
            raise DataError(
                f"a tensor of {shape} lies outside its block of {len(numbers)} numbers"
            )
        steps = [step * numbers.itemsize for step in strides]
        view = np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps)
        return np.array(view)
