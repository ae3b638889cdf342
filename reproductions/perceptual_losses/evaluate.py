"""Stylised test pictures under the objective, beside L-BFGS and the content itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from cai_keras.reporting.record import Metric
from cai_keras.stylization.apply import apply_network
from cai_keras.stylization.objective import PerceptualObjective

from .optimisation import Optimisation, equal_iterations
from .speed import measure_speed


@dataclass(frozen=True)
class StyleEvaluation:
    """What a trained style network is measured by.

    Attributes:
        network: picture -> picture.
        optimisation: of the same pictures, with the objective that was trained on.
        settings: the recipe's section `evaluate`.
        seed: of the run; also of the noise that is timed.
    """

    network: keras.Model
    optimisation: Optimisation
    settings: object
    seed: int

    @property
    def objective(self) -> PerceptualObjective:
        return self.optimisation.objective

    @property
    def passport(self) -> dict:
        """What decides the value of the objective."""
        features = self.objective.network
        return {"features": features.name, "weights": features.digest[:12]}

    def stylised(self, content: np.ndarray) -> np.ndarray:
        """The network's picture, clipped to [0, 1]."""
        return apply_network(self.network, content)

    def measure(self) -> dict[str, Metric]:
        """All metrics of a run; logarithms are means over the test pictures."""
        contents = self.optimisation.contents
        made = [self.stylised(content) for content in contents.values()]
        ours = terms_of(self.optimisation, made)
        theirs = terms_of(self.optimisation, list(contents.values()))
        metrics = {f"log10_{name}": self._mean(v) for name, v in ours.items()}
        for name in ("objective", "style"):
            metrics[f"log10_{name}_of_content_picture"] = self._mean(theirs[name])
        return {
            **metrics,
            **self._optimised(ours["objective"]),
            **measure_speed(self.network, self.optimisation, self.settings.speed),
        }

    def _optimised(self, ours: np.ndarray) -> dict[str, Metric]:
        best = self.optimisation.log10_best
        evaluations = best.shape[1]
        metrics = {
            f"log10_objective_after_{count}_iterations": self._mean_of(
                best[:, count - 1]
            )
            for count in self.settings.minimiser.marks
            if count <= evaluations
        }
        found = [
            equal_iterations(curve, value)
            for curve, value in zip(best, np.log10(ours), strict=True)
        ]
        # Where the search never gets as low, its length and one is a lower bound.
        beyond = sum(count > evaluations for count in found)
        passport = {
            **self.passport,
            "evaluations": evaluations,
            "never_reached": beyond,
        }
        metrics["equal_iterations"] = Metric.of(np.mean(found), len(found), passport)
        return metrics

    def _mean(self, values: np.ndarray) -> Metric:
        return self._mean_of(np.log10(values))

    def _mean_of(self, logarithms: np.ndarray) -> Metric:
        return Metric.of(np.mean(logarithms), len(logarithms), self.passport)


def terms_of(
    optimisation: Optimisation, pictures: list[np.ndarray]
) -> Mapping[str, np.ndarray]:
    """Unweighted terms and `objective`, their weighted sum, of pictures; (n,) each.

    Args:
        pictures: one for each of the optimisation's contents.
    """
    objective = optimisation.objective
    compute: Callable = objective.terms
    rows = []
    for picture, content in zip(pictures, optimisation.contents.values(), strict=True):
        targets = objective.targets(content, optimisation.style)
        terms = compute(picture[None], targets)
        values = {name: float(ops.convert_to_numpy(v)[0]) for name, v in terms.items()}
        rows.append({**values, "objective": float(objective.total(values))})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
