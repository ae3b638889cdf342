"""Gatys' method through the same objective: the pictures that L-BFGS finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cai_keras.stylization.evaluation import WholePicture
from cai_keras.stylization.minimisation import (
    Minimiser,
    minimise_picture,
    start_picture,
)
from cai_keras.stylization.objective import PerceptualObjective


@dataclass(frozen=True)
class Search:
    """One picture's minimisation.

    Attributes:
        picture: where it ended, in [0, 1].
        best: the lowest objective up to each evaluation, (evaluations,).
    """

    picture: np.ndarray
    best: np.ndarray


class Optimisation:
    """Minimises the objective over the pixels of test pictures, from white noise.

    Computed when first asked for and kept: it does not depend on any trained network.

    Args:
        contents: name -> (height, width, 3) in [0, 1].
        style: (height, width, 3).
        settings: `iterations`, evaluations of the objective, and L-BFGS's `memory`.
    """

    def __init__(
        self,
        objective: PerceptualObjective,
        contents: Mapping[str, np.ndarray],
        style: np.ndarray,
        settings,
        seed: int,
    ):
        self.objective = objective
        self.contents = contents
        self.style = style
        self.minimiser = Minimiser("lbfgs", settings.iterations, settings.memory)
        self.seed = seed

    @cached_property
    def searches(self) -> dict[str, Search]:
        """Of every picture; a search that ends early keeps its last value."""
        return {
            name: self._search(content, number)
            for number, (name, content) in enumerate(self.contents.items())
        }

    @property
    def log10_best(self) -> np.ndarray:
        """log10 of the best objective, (pictures, evaluations)."""
        return np.log10([search.best for search in self.searches.values()])

    @property
    def curve(self) -> list[float]:
        """The mean over pictures after each evaluation."""
        return [float(value) for value in self.log10_best.mean(axis=0)]

    def _search(self, content: np.ndarray, number: int) -> Search:
        objective, values = self.objective, []
        evaluate = WholePicture(objective, content, self.style)

        def watch(count, terms, picture):
            values.append(objective.total(terms))

        start = start_picture("noise", content, self.style, self.seed + number)
        found = minimise_picture(
            evaluate, objective.weights, start, self.minimiser, watch
        )
        missing = self.minimiser.iterations - len(values)
        best = np.minimum.accumulate(values + values[-1:] * missing)
        return Search(np.clip(found, 0, 1), best)


def equal_iterations(best: np.ndarray, value: float) -> int:
    """The first evaluation, from 1, at which a search is as low as `value`.

    One more than it has if it never is: a lower bound.
    """
    reached = np.flatnonzero(best <= value)
    return int(reached[0]) + 1 if len(reached) else len(best) + 1
