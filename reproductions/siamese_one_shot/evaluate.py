"""Verification accuracy, and Lake's 20-way one-shot classification."""

from typing import Protocol

import keras
import numpy as np

from cai_keras.metrics.modified_hausdorff import ink_points, modified_hausdorff
from cai_keras.metrics.one_shot import count_correct
from cai_keras.reporting.projector import Embeddings
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

from .data import NUM_DRAWERS, Drawings, OneShotRuns
from .sampling import sample_pairs

_BATCH = 256
_EMBEDDED_CHARACTERS = 30  # x 20 drawings: what a person can look at
_VERIFICATION_SEED = 7  # the test pairs are the same for every run


class Scorer(Protocol):
    """A way to compare drawings; larger is more similar.

    Both methods take uint8 images with ink 255.
    """

    def one_shot(self, items: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """(n, side, side) against (m, side, side) gives (n, m)."""
        ...

    def pair_logits(self, images: np.ndarray, pairs: np.ndarray) -> np.ndarray | None:
        """(n, side, side) and index pairs (m, 2) give (m,) logits, None without."""
        ...


class SiameseScorer:
    """The trained network; embeddings are computed once per image.

    Args:
        network: a `SiameseNetwork`.
        is_calibrated: whether p = 1/2 means anything. A network trained to match
            ranks candidates only: its bias gets no gradient.
    """

    def __init__(self, network, is_calibrated: bool):
        self.network = network
        self.is_calibrated = is_calibrated

    def one_shot(self, items, classes):
        h = self.embed(np.concatenate([items, classes]))
        first, second = h[: len(items)], h[len(items) :]
        logits = self.network.similarity((first[:, None], second[None]))
        return keras.ops.convert_to_numpy(logits)

    def pair_logits(self, images, pairs):
        if not self.is_calibrated:
            return None
        h = self.embed(images)
        logits = self.network.similarity((h[pairs[:, 0]], h[pairs[:, 1]]))
        return keras.ops.convert_to_numpy(logits)

    def embed(self, images: np.ndarray) -> np.ndarray:
        """(n, side, side) gives float (n, d)."""
        pixels = images[..., None].astype(np.float32) / 255
        return predict_in_batches(self.network.encoder, pixels, _BATCH)


class PixelScorer:
    """1-nearest neighbour by the Euclidean distance of pixels."""

    def one_shot(self, items, classes):
        a = items.reshape(len(items), -1).astype(np.float64) / 255
        b = classes.reshape(len(classes), -1).astype(np.float64) / 255
        return -np.linalg.norm(a[:, None] - b[None], axis=-1)

    def pair_logits(self, images, pairs):
        return None


class HausdorffScorer:
    """1-nearest neighbour by the modified Hausdorff distance of ink points."""

    def one_shot(self, items, classes):
        a = [ink_points(image > 127) for image in items]
        b = [ink_points(image > 127) for image in classes]
        return np.array([[-modified_hausdorff(x, y) for y in b] for x in a])

    def pair_logits(self, images, pairs):
        return None


def one_shot_accuracy(scorer: Scorer, runs: OneShotRuns, seed: int) -> Metric:
    """Percent of items that get the right one of 20 classes, over all runs."""
    rng = np.random.default_rng([0x74696573, seed])
    correct = sum(
        count_correct(scorer.one_shot(items, classes), answers, rng)
        for items, classes, answers in zip(
            runs.items, runs.classes, runs.answers, strict=True
        )
    )
    total = runs.answers.size
    return Metric.of(100 * correct / total, total)


def verification_accuracy(scorer: Scorer, drawings: Drawings, count: int) -> Metric:
    """Percent of pairs, half same and half different, with p on the right side."""
    rng = np.random.default_rng(_VERIFICATION_SEED)
    pairs, same = sample_pairs(drawings, count, rng)
    logits = scorer.pair_logits(drawings.flat, pairs)
    if logits is None:
        return Metric(value=None, reason="this method ranks: it has no threshold")
    return Metric.of(100 * np.mean((logits > 0) == same), count)


def embed_characters(scorer: SiameseScorer, drawings: Drawings) -> Embeddings:
    """Every drawing of some characters, evenly spaced over the alphabets."""
    count = min(_EMBEDDED_CHARACTERS, len(drawings.images))
    chosen = np.linspace(0, len(drawings.images) - 1, count).astype(int)
    images = drawings.images[chosen]
    images = images.reshape(-1, *images.shape[2:])
    alphabets = [drawings.names[index] for index in drawings.alphabets[chosen]]
    numbers = chosen - drawings.starts[drawings.alphabets[chosen]] + 1
    names = [f"{a} {n}" for a, n in zip(alphabets, numbers, strict=True)]
    return Embeddings(
        vectors=scorer.embed(images),
        metadata={
            "character": np.repeat(names, NUM_DRAWERS).tolist(),
            "alphabet": np.repeat(alphabets, NUM_DRAWERS).tolist(),
        },
        thumbnails=255 - images,  # black ink on white paper
    )
