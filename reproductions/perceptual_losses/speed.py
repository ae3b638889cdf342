"""Seconds of a forward pass, and of iterations of the optimisation that it replaces."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from cai_keras.data.picture_files import middle_square
from cai_keras.reporting.record import Metric
from cai_keras.stylization.evaluation import WholePicture
from cai_keras.stylization.minimisation import (
    Minimiser,
    minimise_picture,
    start_picture,
)
from cai_keras.training.machine import describe_machine
from cai_keras.training.updates import backend_step

from .optimisation import Optimisation

# Evaluations that are not counted: the first one compiles.
WARM_UP = 2


@dataclass(frozen=True)
class Seconds:
    """What both methods took, by turns.

    Attributes:
        forwards: of a picture through the network, (evaluations,).
        evaluations: of L-BFGS, its own vectors included, (evaluations,).
    """

    forwards: np.ndarray
    evaluations: np.ndarray

    def of_pass(self) -> float:
        """The mean: what slows the machine counts as it does for iterations."""
        return float(self.forwards.mean())

    def of_iterations(self, count: int) -> float:
        """The first so many evaluations; beyond, multiples of their mean."""
        if count <= len(self.evaluations):
            return float(self.evaluations[:count].sum())
        return float(count * self.evaluations.mean())


def measure_speed(
    network: keras.Model, optimisation: Optimisation, settings
) -> dict[str, Metric]:
    """log10 of seconds, at sides of squares in pixels.

    seconds_forward_SIDE: one picture through the network.
    seconds_N_iterations_SIDE: N evaluations of L-BFGS, see `Seconds`.

    Args:
        settings: `sides`, `iterations`, the numbers N, and `evaluations` to time.
    """
    machine = describe_machine()
    passport = {
        "timed_on": machine.gpus[0] if machine.gpus else machine.cpu,
        "threads": machine.intra_op_threads,
        "features": optimisation.objective.network.name,
        "timed_evaluations": settings.evaluations,
    }
    count = settings.evaluations
    metrics = {}
    for side in settings.sides:
        found = time_both(network, optimisation, side, count)
        seconds = {f"forward_{side}": found.of_pass()} | {
            f"{n}_iterations_{side}": found.of_iterations(n)
            for n in settings.iterations
        }
        for name, value in seconds.items():
            metric = Metric.of(np.log10(value), count, passport)
            metrics[f"log10_seconds_{name}"] = metric
    return metrics


def time_both(
    network: keras.Model,
    optimisation: Optimisation,
    side: int,
    count: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Seconds:
    """Evaluations of L-BFGS from noise, and a forward pass after each of them.

    By turns, so that whatever slows the machine slows both. A search that finds no
    better picture ends early; another one then begins at other noise.
    """
    content = middle_square(next(iter(optimisation.contents.values())), side)
    evaluate = WholePicture(optimisation.objective, content, optimisation.style)
    call = backend_step().compiled(lambda picture: network(picture, training=False), [])
    forwards, evaluations = [], []

    def forward() -> float:
        begin = clock()
        keras.ops.convert_to_numpy(call(content[None]))  # waits for the device
        return clock() - begin

    for _ in range(WARM_UP):
        forward()
    resumed = clock()

    def watch(number, terms, picture):
        nonlocal resumed
        evaluations.append(clock() - resumed)
        forwards.append(forward())
        resumed = clock()

    weights, seed = optimisation.objective.weights, optimisation.seed
    memory = optimisation.minimiser.memory
    while (missing := WARM_UP + count - len(evaluations)) > 0:
        start = start_picture("noise", content, optimisation.style, seed)
        minimiser = Minimiser("lbfgs", missing, memory)
        minimise_picture(evaluate, weights, start, minimiser, watch)
        seed += 1
    return Seconds(np.array(forwards[WARM_UP:]), np.array(evaluations[WARM_UP:]))
