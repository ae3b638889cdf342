"""Small trained networks as files: their weights, mostly in half precision, and more.

`NAME.npz` holds the weights, `NAME.json` beside it who made them and how, with the
SHA-256 of the first. Neither can run code when it is read.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cai_keras.errors import DataError

PRECISIONS = {"half": np.float16, "single": np.float32}
_ORDER = ("kernel", "bias")


def weight_bytes(
    weights: Mapping[str, Sequence[np.ndarray]], precision: str = "half"
) -> bytes:
    """The content of `NAME.npz`; the same for the same weights.

    Args:
        weights: name of a layer -> [kernel, bias].
        precision: one of `PRECISIONS`.
    Raises:
        ValueError: another precision, or a weight does not fit into it.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"precision: expected {' or '.join(PRECISIONS)}, received {precision!r}"
        )
    arrays = {}
    for layer, values in weights.items():
        for name, value in zip(_ORDER, values, strict=True):
            with np.errstate(over="ignore"):  # named below
                stored = np.asarray(value).astype(PRECISIONS[precision])
            if not np.isfinite(stored).all():
                raise ValueError(
                    f"{layer}/{name}: beyond the range of {precision} precision"
                )
            arrays[f"{layer}/{name}"] = stored
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def digest(content: bytes) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_weight_file(
    path: Path,
) -> tuple[dict[str, list[np.ndarray]], dict[str, Any]]:
    """Weights by layer in float32, and what the JSON file says of them.

    Raises:
        DataError: a file is missing, is no such file, or has other content than its
            JSON file says.
    """
    beside = path.with_suffix(".json")
    for each in (path, beside):
        if not each.is_file():
            raise DataError(f"{each}: no such file (expected weights and their JSON)")
    content = path.read_bytes()
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
        expected = about["sha256"]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{beside}: expected JSON with the key 'sha256'") from None
    if digest(content) != expected:
        raise DataError(
            f"{path}: its SHA-256 begins {digest(content)[:12]}, expected "
            f"{str(expected)[:12]} as in {beside.name}; the file is damaged"
        )
    weights: dict[str, list[np.ndarray]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays.files:
            layer, _, _ = name.rpartition("/")
            weights.setdefault(layer, []).append(arrays[name].astype(np.float32))
    return weights, about
