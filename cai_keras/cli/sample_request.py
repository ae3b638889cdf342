"""What `cai sample` is asked for: how many latent vectors, and which class for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cai_keras.errors import DataError, UsageError, nearest

_NUMBER, _COLUMNS = 64, 8
# An error's line names all classes of a data set that has no more than these.
_FEW_CLASSES = 20


@dataclass(frozen=True)
class SampleRequest:
    """Which pictures to draw.

    Attributes:
        num_vectors: latent vectors that are needed.
        places: (n,), the latent vector of each picture.
        labels: int32 (n,), the class of each; None without classes.
        columns: of a grid; None: as many as rows.
    """

    num_vectors: int
    places: np.ndarray
    labels: np.ndarray | None
    columns: int | None


def request_samples(
    class_names: Sequence[str] | None,
    labels: str | None = None,
    number: int | None = None,
    columns: int | None = None,
    num_own: int | None = None,
) -> SampleRequest:
    """What the options of `cai sample` mean for a generator of these classes.

    Args:
        class_names: None for a generator without classes.
        num_own: latent vectors that the user brings along; None: they are drawn.
    Raises:
        UsageError: options that do not fit each other or the generator.
    """
    if labels is not None and class_names is None:
        raise UsageError("--labels: this run's generator has no classes")
    if labels == "all":
        return _every_class(len(class_names), number, columns, num_own)
    if num_own is not None and (number or 0) > num_own:
        raise UsageError(f"--n {number}: --latents has only {num_own} vectors")
    count = number or num_own or _NUMBER
    chosen = None
    if class_names is not None:
        chosen = np.resize(_chosen_classes(labels, class_names), count)
    return SampleRequest(count, np.arange(count), chosen, columns)


def read_latents(path: Path) -> np.ndarray:
    """float32 (n, size) from a .npy file.

    Raises:
        DataError: no such file, or not such an array.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        latents = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: not a file of numpy.save") from error
    if not isinstance(latents, np.ndarray):
        raise DataError(f"{path}: expected one array, found an .npz file")
    if latents.ndim != 2 or latents.size == 0 or latents.dtype.kind not in "fiu":
        found = f"{latents.dtype} {latents.shape}"
        raise DataError(f"{path}: expected numbers (n, size), found {found}")
    if not np.isfinite(latents).all():
        raise DataError(f"{path}: expected finite numbers")
    return latents.astype(np.float32)


def _every_class(
    classes: int, number: int | None, columns: int | None, num_own: int | None
) -> SampleRequest:
    """A row for each class; the same latent vector in all of a column."""
    if num_own is not None and columns not in (None, num_own):
        raise UsageError(
            f"--columns {columns}: --labels all has a column for each of the "
            f"{num_own} vectors of --latents"
        )
    columns = num_own or columns or max(1, (number or _COLUMNS * classes) // classes)
    total = classes * columns
    if number not in (None, total):
        raise UsageError(
            f"--n {number}: --labels all has a row for each of {classes} classes; "
            f"expected {total}, or --columns alone"
        )
    places = np.tile(np.arange(columns), classes)
    labels = np.repeat(np.arange(classes, dtype=np.int32), columns)
    return SampleRequest(columns, places, labels, columns)


def _chosen_classes(labels: str | None, names: Sequence[str]) -> np.ndarray:
    if labels is None:
        return np.arange(len(names), dtype=np.int32)
    parts = labels.split(",")
    return np.array([_class_of(part.strip(), names) for part in parts], np.int32)


def _class_of(text: str, names: Sequence[str]) -> int:
    """The number of a class; a name goes first, where names are numbers."""
    if text in names:
        return list(names).index(text)
    last = len(names) - 1
    if text.isdecimal():
        if int(text) <= last:
            return int(text)
        raise UsageError(f"--labels: expected 0 to {last}, found {text}")
    hint = nearest(text, names)
    if len(names) > _FEW_CLASSES and "did you mean" not in hint:
        hint = f"expected 0 to {last}, or a name such as {names[0]!r}"
    raise UsageError(f"--labels: unknown class {text!r}; {hint}")
