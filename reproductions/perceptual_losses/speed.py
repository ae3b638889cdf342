"""Seconds of a forward pass, and of iterations of the optimisation that it replaces."""

import statistics
import time
from collections.abc import Callable

import keras
import numpy as np

from cai_keras.data.picture_files import middle_square
from cai_keras.reporting.record import Metric
from cai_keras.stylization.evaluation import WholePicture
from cai_keras.stylization.minimisation import minimise_picture, start_picture
from cai_keras.training.machine import describe_machine
from cai_keras.training.updates import backend_step

from .optimisation import Optimisation

# Evaluations that are not counted: the first one compiles.
WARM_UP = 2


def measure_speed(
    network: keras.Model, optimisation: Optimisation, settings
) -> dict[str, Metric]:
    """log10 of seconds, at sides of squares in pixels.

    seconds_forward_SIDE: one picture through the network.
    seconds_N_iterations_SIDE: N times one evaluation of L-BFGS, its own vectors
    included. Evaluations of one search are timed, with a forward pass between two of
    them, so that whatever slows the machine slows both; each is the median.

    Args:
        settings: `sides`, `iterations`, the numbers N, and `evaluations` to time.
    """
    machine = describe_machine()
    passport = {
        "timed_on": machine.gpus[0] if machine.gpus else machine.cpu,
        "threads": machine.intra_op_threads,
        "features": optimisation.objective.network.name,
        "seconds_of_iterations": "N times the median evaluation",
    }
    count = settings.evaluations
    metrics = {}
    for side in settings.sides:
        forward, evaluation = time_both(network, optimisation, side, count)
        seconds = {f"forward_{side}": forward} | {
            f"{n}_iterations_{side}": n * evaluation for n in settings.iterations
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
) -> tuple[float, float]:
    """Median seconds of a forward pass and of an evaluation of L-BFGS."""
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

    minimiser = optimisation.minimiser
    minimiser = type(minimiser)("lbfgs", WARM_UP + count, minimiser.memory)
    start = start_picture("noise", content, optimisation.style, optimisation.seed)
    weights = optimisation.objective.weights
    minimise_picture(evaluate, weights, start, minimiser, watch)
    return statistics.median(forwards[WARM_UP:]), statistics.median(
        evaluations[WARM_UP:]
    )
