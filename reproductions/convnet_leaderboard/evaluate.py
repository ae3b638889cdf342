"""What a network costs, and how fast it is on this machine."""

import statistics
import time
from collections.abc import Callable
from math import prod

import keras
import numpy as np

from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.machine import describe_machine
from cai_keras.training.multiply_adds import count_multiply_adds


def counted(network: keras.Model) -> dict[str, Metric]:
    """Trainable parameters, all numbers, and multiply-adds for one image."""
    trainable = sum(prod(weight.shape) for weight in network.trainable_weights)
    return {
        "parameters": Metric.of(trainable, 1),
        "all_parameters": Metric.of(network.count_params(), 1),
        "multiply_adds_millions": Metric.of(count_multiply_adds(network) / 1e6, 1),
    }


def speed(
    network: keras.Model,
    batch_size: int,
    rounds: int,
    calls: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Metric]:
    """Images per second in inference on random images.

    The median over rounds of a few calls each, after a first call that compiles;
    results are brought to the host, so that the device has finished.

    Args:
        calls: of a round.
    """
    shape = (batch_size, *network.input_shape[1:])
    images = np.random.default_rng(0).normal(size=shape).astype("float32")

    def predict():
        predict_in_batches(network, images, batch_size)

    predict()
    rates = []
    for _ in range(rounds):
        begin = clock()
        for _ in range(calls):
            predict()
        rates.append(batch_size * calls / (clock() - begin))
    machine = describe_machine()
    passport = {
        "timed_on": machine.gpus[0] if machine.gpus else machine.cpu,
        "threads": machine.intra_op_threads,
        "batch_size": batch_size,
        "precision": keras.config.dtype_policy().name,
    }
    rate = Metric.of(statistics.median(rates), batch_size * rounds, passport)
    return {"images_per_second": rate}
