"""Minimises an objective over the pixels of one picture, from coarse to fine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from cai_keras.data.picture_files import fit_longer_side, resize_picture
from cai_keras.errors import RunError, choose
from cai_keras.stylization.evaluation import TILE_SIDE, TiledPicture, WholePicture
from cai_keras.stylization.objective import PerceptualObjective
from cai_keras.training.lbfgs import Minimisation

Evaluate = Callable[[np.ndarray], tuple[Mapping[str, float], np.ndarray]]
# Called after every evaluation with its number from 1, its terms, and the picture.
Watch = Callable[[int, Mapping[str, float], np.ndarray], None]
STARTS = ("content", "noise", "style")


@dataclass(frozen=True)
class Minimiser:
    """How a picture is minimised.

    Attributes:
        name: a key of `MINIMISERS`.
        iterations: evaluations of the objective and its gradient, as authors count.
        memory: of L-BFGS, pairs of pictures.
        learning_rate: of Adam, in units of the range [0, 1].
    """

    name: str
    iterations: int
    memory: int = 20
    learning_rate: float = 0.02

    def __post_init__(self):
        choose("minimiser", self.name, MINIMISERS)


def minimise_picture(
    evaluate: Evaluate,
    weights: Mapping[str, float],
    start: np.ndarray,
    minimiser: Minimiser,
    watch: Watch | None = None,
) -> np.ndarray:
    """The picture where the search ended; nothing keeps it in [0, 1].

    Args:
        evaluate: `WholePicture` or `TiledPicture`.
        weights: factor of each of its terms.
        start: (height, width, 3).
        watch: may raise to end the search.
    Returns:
        float32 (height, width, 3): of L-BFGS the newest point that was accepted.
    Raises:
        RunError: the objective is not finite.
    """
    count = 0

    def told(picture):
        nonlocal count
        terms, gradient = evaluate(picture)
        count += 1
        total = sum(weights[name] * value for name, value in terms.items())
        if not np.isfinite(total):
            raise RunError(f"the objective is {total} at evaluation {count}: {terms}")
        if watch is not None:
            watch(count, terms, picture)
        return total, gradient

    return MINIMISERS[minimiser.name](told, start, minimiser)


def _by_lbfgs(told, start: np.ndarray, minimiser: Minimiser) -> np.ndarray:
    search = Minimisation(start.ravel(), minimiser.memory)
    try:
        for _ in range(minimiser.iterations):
            point = search.ask()
            if point is None:
                break
            total, gradient = told(point.reshape(start.shape).astype(np.float32))
            search.tell(total, gradient.ravel())
        else:
            search.ask()  # whether the last one was accepted
    finally:
        search.close()
    return search.accepted.reshape(start.shape).astype(np.float32)


def _by_adam(told, start: np.ndarray, minimiser: Minimiser) -> np.ndarray:
    picture = keras.Variable(start.astype(np.float32), name="picture")
    optimizer = keras.optimizers.Adam(minimiser.learning_rate)
    optimizer.build([picture])
    for _ in range(minimiser.iterations):
        _, gradient = told(keras.ops.convert_to_numpy(picture))
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [picture])
    return keras.ops.convert_to_numpy(picture)


MINIMISERS = {"lbfgs": _by_lbfgs, "adam": _by_adam}


def start_picture(name: str, content, style, seed: int) -> np.ndarray:
    """Where a search begins, as large as `content`.

    Args:
        name: one of `STARTS`; noise is white and uniform in [0, 1].
        content, style: (height, width, 3).
    """
    choose("start", name, dict.fromkeys(STARTS))
    if name == "noise":
        return np.random.default_rng(seed).random(content.shape, np.float32)
    if name == "content":
        return np.array(content)
    return np.clip(resize_picture(style, *content.shape[:2]), 0, 1)


def stylise(
    objective: PerceptualObjective,
    content: np.ndarray,
    style: np.ndarray,
    minimiser: Minimiser,
    start: str = "content",
    seed: int = 0,
    smallest_side: int = 256,
    tile_side: int = TILE_SIDE,
    watch: Callable[[int, int, Mapping[str, float], np.ndarray], None] | None = None,
) -> np.ndarray:
    """A picture with the content of one and the style of another.

    Coarse to fine (Gatys et al. 2017, Section 6): the picture is minimised at half the
    size first, and enlarged, until its longer side is at most `smallest_side`. Each
    stage has half the iterations of the coarser one before it, since it only adds
    detail. The style is always as large as the content, by its longer side.

    Args:
        objective: its content convention should be a mean, or stages of different
            sizes weigh content differently.
        content, style: (height, width, 3) in [0, 1]; the content's size is kept.
        minimiser: its iterations are those of the coarsest stage.
        start: one of `STARTS`, of the coarsest stage.
        tile_side: larger pictures are computed in tiles of this side.
        watch: called with the evaluation's number over all stages, how many there will
            be, its terms, and the picture; may raise to end the search.
    Returns:
        float32 (height, width, 3), clipped to [0, 1].
    """
    sizes = stage_sizes(*content.shape[:2], smallest_side)
    budgets = [max(1, minimiser.iterations >> stage) for stage in range(len(sizes))]
    picture, done = None, 0
    for size, budget in zip(sizes, budgets, strict=True):
        small = np.clip(resize_picture(content, *size), 0, 1)
        painted = fit_longer_side(style, max(size))
        if picture is None:
            begin = start_picture(start, small, painted, seed)
        else:
            begin = resize_picture(picture, *size)
        is_large = max(*size, *painted.shape[:2]) > tile_side
        evaluate = (
            TiledPicture(objective, small, painted, tile_side)
            if is_large
            else WholePicture(objective, small, painted)
        )

        def told(number, terms, picture, done=done):
            if watch is not None:
                watch(done + number, sum(budgets), terms, picture)

        stage = Minimiser(
            minimiser.name, budget, minimiser.memory, minimiser.learning_rate
        )
        picture = minimise_picture(evaluate, objective.weights, begin, stage, told)
        done += budget
    return np.clip(picture, 0, 1)


def stage_sizes(height: int, width: int, smallest_side: int) -> list[tuple[int, int]]:
    """Sizes from coarse to fine, each about half of the next."""
    sizes = [(height, width)]
    while max(sizes[0]) > smallest_side:
        sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
    return sizes
