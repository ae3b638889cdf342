"""Two normal densities on a line, for which the best discriminator is known."""

from dataclasses import dataclass

import numpy as np
from scipy import integrate, special, stats

from cai_keras.data.loaded import LoadedData
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches

NAME = "normal_densities"
_REACH = 8.0  # deviations on both sides: 1e-15 of a normal density lies beyond


@dataclass(frozen=True)
class NormalDensities:
    """p, of the data, and q, of a generator, on the real line.

    Attributes:
        real, generated: (mean, deviation) of p and of q.
    """

    real: tuple[float, float]
    generated: tuple[float, float]

    def p(self, x) -> np.ndarray:
        return stats.norm.pdf(x, *self.real)

    def q(self, x) -> np.ndarray:
        return stats.norm.pdf(x, *self.generated)

    def optimal(self, x) -> np.ndarray:
        """D*(x) = p(x) / (p(x) + q(x)): Proposition 1."""
        logarithms = stats.norm.logpdf(x, *self.real)
        return special.expit(logarithms - stats.norm.logpdf(x, *self.generated))

    def sum(self, x) -> np.ndarray:
        """p + q."""
        return self.p(x) + self.q(x)

    def value(self, x: np.ndarray, scores: np.ndarray) -> float:
        """V(D, G) of equation 1 in nats, where D(x) = sigmoid(score).

        Args:
            x: places (n,) in order that hold practically all of p and q, closely.
            scores: (n,), at these.
        """
        inside = self.p(x) * np.logaddexp(0, -scores)
        inside += self.q(x) * np.logaddexp(0, scores)
        return float(-integrate.trapezoid(inside, x))

    @property
    def optimal_value(self) -> float:
        """V(D*, G) in nats: -log 4 + 2 JSD(p || q), Theorem 1."""

        def inside(x):
            p, q, middle = self.p(x), self.q(x), self.sum(x) / 2
            return special.rel_entr(p, middle) + special.rel_entr(q, middle)

        divergence, _ = integrate.quad(inside, *self.span, limit=200)
        return float(divergence - np.log(4))

    @property
    def span(self) -> tuple[float, float]:
        """What holds practically all of both densities."""
        ends = [
            mean + side * _REACH * deviation
            for mean, deviation in (self.real, self.generated)
            for side in (-1, 1)
        ]
        return min(ends), max(ends)

    def batches(self, batch_size: int, seed: int) -> StepBatches:
        """Endless batches of {"image": (batch, 1)}, drawn from p."""
        mean, deviation = self.real

        def make(step, rows):
            random = RowRandom(seed, step, rows, batch_size)
            return {"image": random.normal(0, [1], mean=mean, stddev=deviation)}

        return StepBatches(make, batch_size)

    def info(self, train: int, test: int) -> LoadedData:
        """For the record: points that training sees, and that evaluation draws."""
        return LoadedData(NAME, "1.0.0", {"train": train, "test": test})
