"""Scores of a set of generated pictures against real ones, with their passports.

Every score has a twin that ends in `_of_real`: of real pictures against other real
ones, as many. It is the best that a generator could get, and it is not 0 or 1: a
Frechet distance of n examples is biased upwards, about as 1 / n, and precision and
recall stay below 1 (reproductions/gan_metrics). Scores of another number of pictures
cannot be compared, so the number is in the name: fid_cai_vgg_5k.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cai_keras.data.picture_files import as_bytes
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.metrics.class_score import class_score
from cai_keras.metrics.feature_diversity import feature_diversity
from cai_keras.metrics.feature_moments import FeatureMoments
from cai_keras.metrics.frechet_distance import frechet_distance
from cai_keras.metrics.kernel_distance import kernel_distance
from cai_keras.metrics.ms_ssim import FILTER_SIZE, pair_ms_ssim
from cai_keras.metrics.precision_recall import precision_recall
from cai_keras.metrics.sliced_wasserstein import LEAST_SIDE, set_swd
from cai_keras.reporting.record import Metric

_SUBSETS, _SUBSET_SIZE = 50, 1000  # of the kernel distance, as Binkowski et al. 2018
_SPLITS = 10  # of the class score, as Salimans et al. 2016
_NEIGHBOURS = 3  # of precision and recall, as Kynkaanniemi et al. 2019
_PAIRS = 1000  # of diversity and of multi-scale similarity
_PATCHED = 16_384  # pictures of a sliced Wasserstein distance, as Karras et al. 2018
OF_REAL = "_of_real"


@dataclass(frozen=True)
class SetProtocol:
    """What decides the value of a score, beside the extractor.

    Attributes:
        reference: the split that real pictures are from, for the passport.
        seed: of random subsets and pairs; the same for all runs that are compared.
    """

    reference: str
    seed: int = 0


def score_set(
    extractor: FeatureExtractor,
    fake: np.ndarray,
    real: np.ndarray,
    floor: np.ndarray,
    protocol: SetProtocol,
) -> dict[str, Metric]:
    """All scores of generated pictures, and of real ones in their place.

    fid_..., kid_...: Frechet and kernel distance to `real`; lower is better.
    precision_..., recall_..., density_..., coverage_...: see `precision_recall`.
    diversity_...: mean distance of pairs within the set.
    class_score_...: where the extractor has classes; compares with nothing real.
    swd_..., ms_ssim_...: of the pictures themselves, without the extractor: see
        `pixel_scores`.

    Args:
        fake: float (n, height, width, channels) in [0, 1], or uint8.
        real: of the reference split, (n, ...).
        floor: other real pictures, (n, ...), none of which are in `real`.
    Raises:
        UsageError: sets of different sizes, or of too few pictures.
    """
    count = len(fake)
    if not count == len(real) == len(floor):
        raise UsageError(
            f"scores compare sets of one size; received {count} generated and "
            f"{len(real)} and {len(floor)} real pictures"
        )
    if count <= _NEIGHBOURS:
        raise UsageError(f"scores need more than {_NEIGHBOURS} pictures, not {count}")
    real_features, _ = extractor(real)
    passport = {
        **extractor.passport(),
        "pictures": count,
        "reference": protocol.reference,
    }
    found = {}
    for suffix, pictures in (("", fake), (OF_REAL, floor)):
        features, probabilities = extractor(pictures)
        scores = _distances(features, real_features, protocol.seed)
        if probabilities is not None:
            splits = min(_SPLITS, count)
            scores["class_score"] = class_score(probabilities, splits).mean
        for name, value in scores.items():
            key = f"{name}_{extractor.name}_{short_count(count)}{suffix}"
            found[key] = Metric.of(value, count, passport)
    return {**found, **pixel_scores(fake, real, floor, protocol)}


def pixel_scores(
    fake: np.ndarray, real: np.ndarray, floor: np.ndarray, protocol: SetProtocol
) -> dict[str, Metric]:
    """What needs no extractor; as `score_set`.

    swd_...: mean sliced Wasserstein distance of patches over levels of a pyramid, in
        1e-3 standard deviations, of at most 16,384 pictures; of sides from 16 pixels.
    ms_ssim_..., ms_ssim_2_scales_... of smaller ones: mean similarity of pairs within
        the set; lower is more diverse. Of sides from 11 pixels.
    """
    count, side = len(fake), min(fake.shape[1:3])
    pairs = min(_PAIRS, count * (count - 1) // 2)
    passport = {"pictures": count, "reference": protocol.reference}
    reference, found = _levels(real[:_PATCHED]), {}
    for suffix, pictures in (("", fake), (OF_REAL, floor)):
        levels, tail = _levels(pictures), f"{short_count(count)}{suffix}"
        if side >= LEAST_SIDE:
            distance = set_swd(levels[:_PATCHED], reference, protocol.seed)["mean"]
            found[f"swd_{tail}"] = Metric.of(distance, count, passport)
        if side >= FILTER_SIZE:
            alike = pair_ms_ssim(levels / np.float32(255), pairs, protocol.seed)
            found[f"{alike.name}_{tail}"] = Metric.of(
                alike.mean, count, {"pictures": count, "pairs": pairs}
            )
    return found


def set_evaluator(
    extractor: FeatureExtractor,
    make: Callable[[int], np.ndarray],
    real: np.ndarray,
    floor: np.ndarray,
    protocol: SetProtocol,
) -> Callable[[], dict[str, Metric]]:
    """An evaluator of an experiment: the scores of as many pictures as are real.

    Args:
        make: number of pictures -> the generator's.
    """
    return lambda: score_set(extractor, make(len(real)), real, floor, protocol)


def short_count(count: int) -> str:
    """5000 -> 5k, 2500 -> 2500: as it stands in names of scores."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)


def _levels(pictures: np.ndarray) -> np.ndarray:
    """float32 in [0, 255], rounded to the levels of an 8-bit file."""
    levels = pictures if pictures.dtype == np.uint8 else as_bytes(pictures)
    return levels.astype(np.float32)


def _distances(features, real, seed: int) -> dict[str, float]:
    moments = FeatureMoments.of(features), FeatureMoments.of(real)
    size = min(_SUBSET_SIZE, len(features))
    manifold = precision_recall(real, features, _NEIGHBOURS)
    pairs = min(_PAIRS, len(features) * (len(features) - 1) // 2)
    return {
        "fid": frechet_distance(*moments),
        "kid": kernel_distance(features, real, _SUBSETS, size, seed).mean,
        "precision": manifold.precision,
        "recall": manifold.recall,
        "density": manifold.density,
        "coverage": manifold.coverage,
        "diversity": feature_diversity(features, pairs, seed),
    }
