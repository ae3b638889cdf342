"""Whether what is generated is what was asked for, as an independent judge reads it."""

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from cai_keras.data.gaussian_ring import GaussianRing
from cai_keras.data.latents import LatentSpace
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.generation.picture_evaluation import PictureEvaluation
from cai_keras.generation.picture_judge import PictureJudge, open_judge
from cai_keras.metrics.mode_coverage import class_coverage, mode_coverage
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches

_BATCH = 500  # points computed at once
_SEED = 0  # of evaluation's draws: the same in all runs


def asked_for(count: int, classes: int) -> np.ndarray:
    """int32 (count,): all classes in turn."""
    return (np.arange(count) % classes).astype(np.int32)


def at_random(labels: np.ndarray) -> np.ndarray:
    """The same labels in another order: what a generator that is deaf would obey."""
    return np.random.default_rng(_SEED).permutation(labels)


@dataclass(frozen=True)
class LabelEvaluation:
    """A generator of pictures, and a judge of their classes.

    Attributes:
        scores: of the pictures without regard to their classes.
        classes: how many.
        settings: the recipe's section `evaluate`: `judge`, a name for `open_judge`,
            and `judge_pictures`, how many real ones it may learn from.
    Raises:
        DataError, UsageError: a judge whose weights are missing, or that has no
            classes; before any training.
    """

    scores: PictureEvaluation
    classes: int
    settings: object

    def __post_init__(self):
        object.__setattr__(self, "_fit", open_judge(self.settings.judge))

    @cached_property
    def judge(self) -> PictureJudge:
        train = self.scores.pictures.train
        count = min(self.settings.judge_pictures, train.count)
        return self._fit(train.head(count), train.labels[:count])

    def measure(self) -> dict[str, Metric]:
        """Scores; how many labels are obeyed; how evenly the judge finds classes.

        label_accuracy_percent: pictures that the judge finds to be of the class asked
            for, all classes in turn; of a generator without labels, by chance.
        label_accuracy_percent_at_random: of the same labels in another order.
        judge_accuracy_percent: of real test pictures: what the judge itself can.
        class_entropy_nats: of the classes found; log 10 = 2.303 of ten alike.
        """
        count, test = self.scores.count, self.scores.pictures.test
        labels = asked_for(count, self.classes)
        found = self.judge.read(self.scores.made())
        real = self.judge.read(test.head(count))
        entropies = {
            f"class_entropy_nats{suffix}": class_coverage(read, self.classes)
            for suffix, read in (("", found), ("_of_real", real))
        }
        rights = {
            "label_accuracy_percent": found == labels,
            "label_accuracy_percent_at_random": found == at_random(labels),
            "judge_accuracy_percent": real == test.labels[:count],
        }
        metrics = {
            **{name: 100 * np.mean(right) for name, right in rights.items()},
            **{name: coverage.entropy_nats for name, coverage in entropies.items()},
            "classes_found": class_coverage(found, self.classes).classes,
        }
        passport = self.judge.passport
        return {
            **self.scores.measure(),
            **{n: Metric.of(value, count, passport) for n, value in metrics.items()},
        }


@dataclass(frozen=True)
class RingEvaluation:
    """A generator of points, the modes, and which of them was asked for.

    Attributes:
        initial: the generator's weights before training.
        is_labelled: whether the generator takes the mode.
        settings: the recipe's `evaluate.points`: how many `samples`, within which
            `distance` of a mode they count, and which share makes a mode found.
    """

    generator: keras.Model
    space: LatentSpace
    ring: GaussianRing
    initial: InitialWeights
    is_labelled: bool
    settings: object

    @property
    def labels(self) -> np.ndarray:
        return asked_for(self.settings.samples, self.ring.modes)

    def points(self) -> np.ndarray:
        """float32 (samples, 2), all modes asked for in turn."""
        latents = self.space.draw(self.settings.samples, _SEED)
        inputs = [latents, self.labels] if self.is_labelled else latents
        return predict_in_batches(self.generator, inputs, _BATCH)

    def measure(self) -> dict[str, Metric]:
        """Modes found, percent of points within a mode, and within the one asked for.

        percent_at_random_mode: within the modes asked for in another order.
        """
        asked, points, labels = self.settings, self.points(), self.labels
        centres = self.ring.centres
        coverage = mode_coverage(points, centres, asked.distance, asked.least_share)

        def percent_at(modes) -> float:
            steps = np.linalg.norm(points - centres[modes], axis=1)
            return 100 * np.mean(steps <= asked.distance)

        values = {
            "modes": coverage.modes,
            "percent_within": 100 * coverage.share_within,
            "percent_at_mode": percent_at(labels),
            "percent_at_random_mode": percent_at(at_random(labels)),
        }
        return {name: Metric.of(v, len(points)) for name, v in values.items()}
