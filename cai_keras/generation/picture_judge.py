"""Whose opinion is asked which class a generated picture shows.

    support_vectors: fitted to real training pictures in the run; nothing to download
    classifier:FILE.npz, or another extractor with classes: see `extractors`

A judge never sees a generated picture before it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.svm import SVC

from cai_keras.data.picture_files import as_bytes
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import load_extractor

SUPPORT_VECTORS = "support_vectors"
_SOFTNESS = 10.0  # C: chosen once, the usual value for digits


@dataclass(frozen=True)
class PictureJudge:
    """Reads the class of pictures.

    Attributes:
        passport: which judge it is; what it says can be compared with no other's.
        read: float (n, height, width, channels) in [0, 1], or uint8 -> int32 (n,).
    """

    passport: dict
    read: Callable[[np.ndarray], np.ndarray]


def load_judge(spec: str, pictures: np.ndarray, labels: np.ndarray) -> PictureJudge:
    """A judge by its name: see this module's text.

    Args:
        pictures, labels: uint8 (n, height, width, channels) and int (n,), real ones of
            the training split; only support_vectors learns from them.
    Raises:
        UsageError: an extractor without classes.
    """
    if spec == SUPPORT_VECTORS:
        return _support_vectors(pictures, labels)
    extractor = load_extractor(spec)
    if extractor(pictures[:1])[1] is None:
        raise UsageError(
            f"judge {spec}: has no classes; expected {SUPPORT_VECTORS} or "
            "classifier:FILE.npz"
        )
    passport = {"judge": extractor.name, "judge_weights": extractor.digest[:12]}

    def read(given: np.ndarray) -> np.ndarray:
        return np.argmax(extractor(given)[1], axis=1).astype(np.int32)

    return PictureJudge(passport, read)


def _support_vectors(pictures: np.ndarray, labels: np.ndarray) -> PictureJudge:
    machine = SVC(C=_SOFTNESS).fit(_flat(pictures), labels)
    passport = {"judge": SUPPORT_VECTORS, "judge_pictures": len(labels)}

    def read(given: np.ndarray) -> np.ndarray:
        return machine.predict(_flat(given)).astype(np.int32)

    return PictureJudge(passport, read)


def _flat(pictures: np.ndarray) -> np.ndarray:
    """As 8-bit files have them, in [0, 1]."""
    levels = pictures if pictures.dtype == np.uint8 else as_bytes(pictures)
    return levels.reshape(len(levels), -1).astype(np.float32) / 255
