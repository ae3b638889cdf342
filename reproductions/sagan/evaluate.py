"""Generated pictures: how near to real ones, and whether labels are obeyed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cai_keras.data.classification import LabelledImages
from cai_keras.generation.extractors import FeatureExtractor, load_extractor
from cai_keras.generation.sampler import Sampler
from cai_keras.generation.set_scores import SetProtocol, score_set, short_count
from cai_keras.metrics.class_score import class_score
from cai_keras.reporting.record import Metric
from cai_keras.training.classifier import count_errors

from .data import Pictures

_SPLITS = 10  # of the class score
_ITERATIONS = 300  # of the linear judge; more do not change what it says


@dataclass(frozen=True)
class Judge:
    """Says of which class a picture is.

    Attributes:
        probabilities: pictures, in [0, 1] or uint8 -> float (n, classes).
        passport: which one it is.
    """

    probabilities: Callable[[np.ndarray], np.ndarray]
    passport: dict


class PictureEvaluation:
    """What a trained generator is measured by.

    Args:
        settings: the recipe's section `evaluate`. `features` and `judge` are names of
            `load_extractor`; a judge may also be `linear`, on the features, or `none`.
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
        given = settings.judge not in ("linear", "none")
        self._judging = load_extractor(settings.judge) if given else None

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
        if self.settings.judge != "none":
            judged = self._judged(fake, labels, held_out)
            found = {**judged, **found}
        return found

    def generated(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """uint8 pictures without a border, of all classes in turn, and labels."""
        labels = self.sampler.balanced_labels(count)
        latents, parts = self.sampler.space.draw(count, self.seed), []
        # As bytes, part by part: floats take four times the memory.
        for first in range(0, count, 1000):
            part = slice(first, first + 1000)
            made = self.sampler.pictures(latents[part], labels[part])
            parts.append(np.round(255 * made).astype(np.uint8))
        return self.pictures.without_border(np.concatenate(parts)), labels

    @cached_property
    def judge(self) -> Judge:
        """A classifier of its own, or a linear one on features of training pictures."""
        if self._judging is not None:
            return Judge(lambda x: self._judging(x)[1], self._judging.passport())
        return fit_judge(
            self.extractor, self.pictures.train(self.settings.judge_pictures)
        )

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
        metrics, judge = {}, self.judge
        passport = {f"judge_{key}": value for key, value in judge.passport.items()}
        for suffix, pictures, asked in (
            ("", fake, labels),
            ("_of_real", held_out.images, held_out.labels),
        ):
            found, count = judge.probabilities(pictures), len(asked)
            accuracy = 100 * float(np.mean(found.argmax(axis=1) == asked))
            score = class_score(found, min(_SPLITS, count)).mean
            metrics[f"label_accuracy_percent{suffix}"] = Metric.of(
                accuracy, count, passport
            )
            metrics[f"class_score{suffix}"] = Metric.of(score, count, passport)
        chance = 100 / len(self.sampler.class_names)
        metrics["label_accuracy_percent_by_chance"] = Metric.of(
            chance, len(labels), passport
        )
        return metrics


def fit_judge(extractor: FeatureExtractor, known: LabelledImages) -> Judge:
    """Multinomial logistic regression on a frozen network's features."""
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, max_iter=_ITERATIONS)
    )
    classifier.fit(extractor(known.images)[0], known.labels)
    passport = {**extractor.passport(), "classifier": f"linear, {len(known.labels)}"}
    return Judge(
        lambda pictures: classifier.predict_proba(extractor(pictures)[0]), passport
    )


def classifier_metrics(network, pictures: Pictures, settings) -> dict[str, Metric]:
    """accuracy_percent of a classifier of pictures in [-1, 1]."""
    tested = pictures.test(settings.pictures)
    images = np.float32(2) * tested.pixels - 1
    counts = count_errors(network, [(images, tested.labels)], settings.batch_size)
    error = counts.error_percent()
    return {"accuracy_percent": Metric.of(100 - error.value, error.count)}
