"""Generated pictures: how near to real ones, and whether labels are obeyed."""

from functools import cached_property

import numpy as np

from cai_keras.data.classification import LabelledImages
from cai_keras.generation.extractors import load_extractor
from cai_keras.generation.frechet_monitor import FrechetMonitor
from cai_keras.generation.picture_judge import PictureJudge, open_judge
from cai_keras.generation.sampler import Sampler
from cai_keras.generation.set_scores import SetProtocol, score_set, short_count
from cai_keras.metrics.class_score import class_score
from cai_keras.reporting.record import Metric
from cai_keras.training.classifier import count_errors

from .data import Pictures

_SPLITS = 10  # of the class score
_PART = 1000  # pictures in memory as floats at once


class PictureEvaluation:
    """What a trained generator is measured by.

    Args:
        settings: the recipe's section `evaluate`. `features` is a name of
            `load_extractor`, `judge` one of `open_judge`, or `none`.
        seed: of the latent vectors.
    Raises:
        DataError: weights of a feature extractor are missing; before any training.
    """

    def __init__(self, sampler: Sampler, pictures: Pictures, settings, seed: int):
        self.sampler = sampler
        self.pictures = pictures
        self.settings = settings
        self.seed = seed
        self.extractor = load_extractor(settings.features)
        self._fit = None
        if settings.judge != "none":
            self._fit = open_judge(settings.judge, self.extractor)
        self.monitor = FrechetMonitor(
            self.extractor,
            self._bytes,
            lambda count: pictures.train(count).images,
            "train",
            min(settings.while_training, settings.pictures),
        )

    def measure(self) -> dict[str, Metric]:
        """All scores of `score_set`, and under names without the extractor's:

        frechet_distance, log10_...: FID with the features that the passport names, and
            of real pictures in the place of generated ones (..._of_real).
        class_score: the Inception score of these features' classes, or the judge's.
        label_accuracy_percent: how many pictures are of the class that was asked for,
            for the judge; ..._of_real: of its own class, of real pictures;
            ..._by_chance: 100 over the number of classes.
        """
        count, protocol = self.settings.pictures, SetProtocol("train")
        real, held_out = self.pictures.train(count).images, self.pictures.test(count)
        fake, labels = self.generated(count)
        found = score_set(self.extractor, fake, real, held_out.images, protocol)
        found |= self._neutral_names(found, count)
        if self._fit is not None:
            judged = self._judged(fake, labels, held_out)
            found = {**judged, **found}
        return found

    def generated(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """uint8 pictures without a border, of all classes in turn, and labels."""
        # As bytes, part by part: floats take four times the memory.
        parts = [
            self._bytes(first, min(first + _PART, count))
            for first in range(0, count, _PART)
        ]
        return np.concatenate(parts), self.sampler.balanced_labels(count)

    def _bytes(self, first: int, last: int) -> np.ndarray:
        made = self.sampler.stretch(first, last, self.seed)
        return self.pictures.without_border(np.round(255 * made).astype(np.uint8))

    @cached_property
    def judge(self) -> PictureJudge:
        """Of the recipe's name; one that has to learn has seen training pictures."""
        known = self.pictures.train(self.settings.judge_pictures)
        return self._fit(known.images, known.labels)

    def _neutral_names(self, found: dict[str, Metric], count: int) -> dict[str, Metric]:
        metrics, tail = {}, f"{self.extractor.name}_{short_count(count)}"
        for suffix in ("", "_of_real"):
            fid = found[f"fid_{tail}{suffix}"]
            metrics[f"frechet_distance{suffix}"] = fid
            log10 = Metric.of(np.log10(fid.value), count, fid.passport)
            metrics[f"log10_frechet_distance{suffix}"] = log10
            if (name := f"class_score_{tail}{suffix}") in found:
                metrics[f"class_score{suffix}"] = found[name]
        return metrics

    def _judged(self, fake, labels, held_out: LabelledImages) -> dict[str, Metric]:
        metrics, passport = {}, self.judge.passport
        for suffix, pictures, asked in (
            ("", fake, labels),
            ("_of_real", held_out.images, held_out.labels),
        ):
            right, count = self.judge.read(pictures) == asked, len(asked)
            metrics[f"label_accuracy_percent{suffix}"] = Metric.of(
                100 * float(np.mean(right)), count, passport
            )
            if self.judge.probabilities is not None:
                found = self.judge.probabilities(pictures)
                score = class_score(found, min(_SPLITS, count)).mean
                metrics[f"class_score{suffix}"] = Metric.of(score, count, passport)
        chance = 100 / len(self.sampler.class_names)
        metrics["label_accuracy_percent_by_chance"] = Metric.of(
            chance, len(labels), passport
        )
        return metrics


def classifier_metrics(network, pictures: Pictures, settings) -> dict[str, Metric]:
    """accuracy_percent of a classifier of pictures in [-1, 1]."""
    tested = pictures.test(settings.pictures)
    images = np.float32(2) * tested.pixels - 1
    counts = count_errors(network, [(images, tested.labels)], settings.batch_size)
    error = counts.error_percent()
    return {"accuracy_percent": Metric.of(100 - error.value, error.count)}
