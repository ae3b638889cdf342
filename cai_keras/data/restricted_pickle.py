"""Reads a pickled dictionary of numbers without running anything that it names."""

import pickle
import struct
from pathlib import Path

from cai_keras.errors import DataError

# The published files have 100 to 200 KiB.
LARGEST_FILE = 64 * 2**20

# Type codes of NumPy's floating point scalars -> those of `struct`.
_CODES = {"f4": "f", "f8": "d"}


def read_pickled_numbers(path: Path) -> dict[str, float]:
    """The pickled flat dictionary of strings and floats at `path`.

    A pickle is a program: it names functions, which the reader calls. This one knows
    two names, those of which NumPy's float scalars are made, and has small classes of
    its own for them; whatever else a file names is an error before it is imported.

    Raises:
        DataError: the file is too large, names anything else, or holds another thing.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise DataError(f"{path}: {size:,} bytes; at most {LARGEST_FILE:,} are read")
    try:
        with path.open("rb") as file:
            found = _NumbersOnly(file, encoding="latin1").load()
    except DataError:
        raise
    except Exception as error:
        # A damaged pickle can raise nearly anything.
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: not a whole pickle: {text}") from error
    if type(found) is not dict:
        kind = type(found).__name__
        raise DataError(f"{path}: expected a dictionary of numbers, found a {kind}")
    return {_text(path, key): _number(path, key, found[key]) for key in found}


class _NumbersOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        # NumPy 2 renamed numpy.core.
        if name == "scalar" and module in _SCALAR_MODULES:
            return _make_float
        if (module, name) == ("numpy", "dtype"):
            return _FloatType
        raise DataError(
            f"{self._name()}: the pickle asks for {module}.{name}; "
            "only dictionaries of strings and floating point numbers are read"
        )

    def persistent_load(self, pid):
        raise DataError(f"{self._name()}: the pickle refers to another file")

    def __init__(self, file, **options):
        super().__init__(file, **options)
        self._file_name = file.name

    def _name(self) -> str:
        return str(self._file_name)


_SCALAR_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


class _FloatType:
    """What a pickle says of `numpy.dtype`: a floating point type, little endian."""

    def __init__(self, code: str, *_):
        if code not in _CODES:
            raise DataError(f"expected floating point numbers, found type {code!r}")
        self.format = "<" + _CODES[code]

    def __setstate__(self, state):
        if state[1] == ">":
            self.format = ">" + self.format[1:]


def _make_float(kind: _FloatType, raw) -> float:
    # Strings are bytes in pickles of Python 2.
    data = raw.encode("latin1") if isinstance(raw, str) else raw
    (number,) = struct.unpack(kind.format, data)
    return number


def _text(path: Path, key) -> str:
    if type(key) is not str:
        raise DataError(f"{path}: expected names as keys, found {key!r}")
    return key


def _number(path: Path, key, value) -> float:
    if type(value) not in (float, int):
        kind = type(value).__name__
        raise DataError(f"{path}: expected a number for {key!r}, found a {kind}")
    return float(value)
