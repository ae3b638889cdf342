"""Whose opinion is asked which class a generated picture shows.

    support_vectors: fitted to real training pictures in the run; nothing to download
    linear: multinomial logistic regression on a frozen network's features, likewise
    classifier:NAME, classifier:FILE.npz, or another extractor with classes: see
        `extractors`

A judge never sees a generated picture before it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from cai_keras.data.picture_files import as_bytes
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor, load_extractor

SUPPORT_VECTORS, LINEAR = "support_vectors", "linear"
_SOFTNESS = 10.0  # C of support vectors: chosen once, the usual value for digits
_STRENGTH, _ITERATIONS = 0.1, 300  # of the regression; more do not change what it says
_SIDE = 32  # pixels of a picture for extractors that take any


@dataclass(frozen=True)
class PictureJudge:
    """Reads the class of pictures, float (n, height, width, channels) in [0, 1] or
    uint8.

    Attributes:
        passport: which judge it is; what it says can be compared with no other's.
        read: pictures -> int32 (n,).
        certainty: pictures -> float (n, classes), larger where it is surer of a class:
            probabilities, or distances to the planes between support vectors. A class
            that it has never seen has -inf.
        probabilities: the same where they are probabilities; None where not.
    """

    passport: dict
    read: Callable[[np.ndarray], np.ndarray]
    certainty: Callable[[np.ndarray], np.ndarray]
    probabilities: Callable[[np.ndarray], np.ndarray] | None = None


Fit = Callable[[np.ndarray, np.ndarray], PictureJudge]


def open_judge(spec: str, features: FeatureExtractor | None = None) -> Fit:
    """A judge by its name, before any training: see this module's text.

    Args:
        features: what a linear judge looks at.
    Returns:
        (pictures uint8 (n, height, width, channels), labels int (n,)), real ones of the
        training split -> the judge; only support_vectors and linear learn from them.
    Raises:
        DataError: weights are missing or damaged.
        UsageError: a linear judge without features, or an extractor without classes.
    """
    if spec == SUPPORT_VECTORS:
        return _support_vectors
    if spec == LINEAR:
        if features is None:
            raise UsageError("judge linear: there are no features that it can look at")
        return partial(_linear, features)
    judge = _given(spec, load_extractor(spec))
    return lambda pictures, labels: judge


def _given(spec: str, extractor: FeatureExtractor) -> PictureJudge:
    size = extractor.size or (_SIDE, _SIDE)
    if extractor(np.zeros((1, *size, extractor.channels), np.uint8))[1] is None:
        raise UsageError(
            f"judge {spec}: has no classes; expected {SUPPORT_VECTORS}, {LINEAR} or "
            "classifier:FILE.npz"
        )
    passport = {"judge": extractor.name, "judge_weights": extractor.digest[:12]}
    return _by_probabilities(lambda given: extractor(given)[1], passport)


def _linear(
    extractor: FeatureExtractor, pictures: np.ndarray, labels: np.ndarray
) -> PictureJudge:
    regression = make_pipeline(
        StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS)
    )
    regression.fit(extractor(pictures)[0], labels)
    passport = {
        "judge": LINEAR,
        "judge_features": extractor.name,
        "judge_weights": extractor.digest[:12],
        "judge_pictures": len(labels),
    }
    return _by_probabilities(
        lambda given: regression.predict_proba(extractor(given)[0]), passport
    )


def _by_probabilities(probabilities, passport: dict) -> PictureJudge:
    def read(given: np.ndarray) -> np.ndarray:
        return np.argmax(probabilities(given), axis=1).astype(np.int32)

    return PictureJudge(passport, read, probabilities, probabilities)


def _support_vectors(pictures: np.ndarray, labels: np.ndarray) -> PictureJudge:
    machine = SVC(C=_SOFTNESS).fit(_flat(pictures), labels)
    passport = {"judge": SUPPORT_VECTORS, "judge_pictures": len(labels)}

    def read(given: np.ndarray) -> np.ndarray:
        return machine.predict(_flat(given)).astype(np.int32)

    def certainty(given: np.ndarray) -> np.ndarray:
        known = machine.decision_function(_flat(given))
        if known.ndim == 1:  # of two classes: the second against the first
            known = np.stack([-known, known], axis=1)
        found = np.full((len(given), machine.classes_.max() + 1), -np.inf)
        found[:, machine.classes_] = known
        return found

    return PictureJudge(passport, read, certainty)


def _flat(pictures: np.ndarray) -> np.ndarray:
    """As 8-bit files have them, in [0, 1]."""
    levels = pictures if pictures.dtype == np.uint8 else as_bytes(pictures)
    return levels.reshape(len(levels), -1).astype(np.float32) / 255
