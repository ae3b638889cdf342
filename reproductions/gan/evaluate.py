"""Points against their modes or densities, and how strongly a generator is told."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from scipy import special

from cai_keras.data.gaussian_ring import GaussianRing
from cai_keras.data.latents import LatentSpace
from cai_keras.generation.initial_weights import InitialWeights
from cai_keras.generation.picture_evaluation import (
    PictureEvaluation,
    discriminator_accuracy,
    scores_of,
)
from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES
from cai_keras.metrics.mode_coverage import mode_coverage
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.updates import backend_step

from .densities import NormalDensities

_BATCH = 500  # points or pictures computed at once
DENSITY_PLACES = 4001  # at which densities are compared
_SEED = 0  # of evaluation's draws: the same in all runs


def measure_pictures(
    evaluation: PictureEvaluation, discriminator: keras.Model
) -> dict[str, Metric]:
    """Scores of pictures, and whether the discriminator still tells them."""
    count = evaluation.count
    real = evaluation.pictures.test.head(count).astype(np.float32) / 255
    output = evaluation.sampler.output
    pair = [in_range(pictures, output) for pictures in (real, evaluation.made())]
    score = scores_of(discriminator, _BATCH)
    return {
        **evaluation.measure(),
        "discriminator_accuracy_percent": discriminator_accuracy(score, *pair),
    }


def in_range(pictures: np.ndarray, output: str) -> np.ndarray:
    """Pictures in [0, 1] as a generator with this output would make them."""
    return 2 * pictures - 1 if output == "tanh" else pictures


@dataclass(frozen=True)
class RingEvaluation:
    """A generator of points, and the modes that it should reach.

    Attributes:
        initial: the generator's weights before training.
        settings: the recipe's `evaluate.points`: how many `samples`, within which
            `distance` of a mode they count, and which share makes a mode found.
    """

    generator: keras.Model
    space: LatentSpace
    ring: GaussianRing
    initial: InitialWeights
    settings: object

    def points(self) -> np.ndarray:
        """float32 (samples, 2) of the trained generator."""
        latents = self.space.draw(self.settings.samples, _SEED)
        return predict_in_batches(self.generator, latents, _BATCH)

    def measure(self) -> dict[str, Metric]:
        """Modes found, and percent of points within reach of one: also of real ones."""
        with self.initial.swapped_in():
            untrained = self.points()
        sets = {
            "": self.points(),
            "_untrained": untrained,
            "_of_real": self.ring.draw(self.settings.samples, _SEED),
        }
        found = {}
        for suffix, points in sets.items():
            asked = self.settings
            coverage = mode_coverage(
                points, self.ring.centres, asked.distance, asked.least_share
            )
            count = len(points)
            found[f"modes{suffix}"] = Metric.of(coverage.modes, count)
            share = 100 * coverage.share_within
            found[f"percent_within{suffix}"] = Metric.of(share, count)
        return found


@dataclass(frozen=True)
class DensityEvaluation:
    """A discriminator of numbers, and the best one that there can be."""

    discriminator: keras.Model
    densities: NormalDensities

    def curve(self, x: np.ndarray) -> np.ndarray:
        """D at places (n,), in (0, 1)."""
        return special.expit(self._scores(x))

    def measure(self) -> dict[str, Metric]:
        """How far D and its value are from the best ones, and D = 1/2 from them.

        mean_density_error: of |D - p/(p + q)| where x is drawn from (p + q) / 2.
        value_error_nats: |V(D) - V(D*)|, equation 1 by numerical integration.
        """
        x = np.linspace(*self.densities.span, DENSITY_PLACES)
        theory, best = self.densities.optimal_value, self.densities.optimal(x)
        found = {}
        for suffix, scores in (("", self._scores(x)), ("_of_half", np.zeros(len(x)))):
            error = np.average(
                np.abs(special.expit(scores) - best), weights=self.densities.sum(x)
            )
            value = self.densities.value(x, scores)
            found[f"mean_density_error{suffix}"] = error
            found[f"value_error_nats{suffix}"] = abs(value - theory)
            found[f"value_nats{suffix}"] = value
        found["best_value_nats"] = theory
        return {name: Metric.of(value, len(x)) for name, value in found.items()}

    def _scores(self, x: np.ndarray) -> np.ndarray:
        given = x.astype(np.float32)[:, None]
        found = predict_in_batches(self.discriminator, given, _BATCH)
        return found.astype(np.float64)


@dataclass(frozen=True)
class GradientEvaluation:
    """How large the generator's gradient is under two losses, one discriminator.

    Attributes:
        real: in the discriminator's range, as many as latent vectors are drawn.
    """

    generator: keras.Model
    discriminator: keras.Model
    space: LatentSpace
    real: np.ndarray

    def measure(self) -> dict[str, Metric]:
        """Logarithms of the gradients' norms; both networks as in testing."""
        latents = self.space.draw(len(self.real), _SEED)
        fake = predict_in_batches(self.generator, latents, _BATCH)
        score = scores_of(self.discriminator, _BATCH)
        found = {
            "discriminator_accuracy_percent": discriminator_accuracy(
                score, self.real, fake
            )
        }
        for name in ("non_saturating", "minimax"):
            norm = self._norm(name, latents)
            key = f"log10_gradient_{name}"
            found[key] = Metric.of(np.log10(norm), len(latents))
        return found

    def _norm(self, loss: str, latents: np.ndarray) -> float:
        function = ADVERSARIAL_LOSSES[loss].generator

        def objective():
            fake = self.generator(ops.convert_to_tensor(latents), training=False)
            scores = self.discriminator(fake, training=False)
            return ops.mean(function(scores)), {}

        step, variables = backend_step(), self.generator.trainable_variables
        read = [*self.generator.variables, *self.discriminator.variables]
        gradients = step.compiled(lambda: step.gradients(objective, variables)[1], read)
        squares = [float(ops.sum(ops.square(each))) for each in gradients()]
        return float(np.sqrt(sum(squares)))
