"""What a layer or module costs: parameters, multiply-adds, time of a step."""

import statistics
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from cai_keras.layers.grouped_conv2d import GroupedConv2D
from cai_keras.networks.inception import (
    GOOGLENET,
    apply_inception,
    apply_naive_inception,
)
from cai_keras.reporting.record import Metric
from cai_keras.training.multiply_adds import count_multiply_adds
from cai_keras.training.tensorflow_step import gradients
from cai_keras.training.timing import interleave


def build_grouped_convolution(groups: int, settings) -> keras.Model:
    """One 3x3 convolution with as many filters as channels, without biases."""
    side, channels = settings.side, settings.channels
    inputs = keras.Input((side, side, channels))
    layer = GroupedConv2D(
        channels, 3, padding="same", groups=groups, use_bias=False, name="convolution"
    )
    return keras.Model(inputs, layer(inputs))


def build_inception_module(is_reduced: bool, settings) -> keras.Model:
    """Module 3a of GoogLeNet: Figure 2 (b) of the paper, or the naive one of (a)."""
    side, channels = settings.side, settings.inception_channels
    inputs = keras.Input((side, side, channels))
    apply_module = apply_inception if is_reduced else apply_naive_inception
    return keras.Model(inputs, apply_module(inputs, GOOGLENET["3a"], "inception3a"))


def _grouped_against_dense(model, settings) -> list[keras.Model]:
    groups = (model.cardinality, 1)
    return [build_grouped_convolution(count, settings) for count in groups]


def _module_against_naive(model, settings) -> list[keras.Model]:
    kinds = (model.reduced, False)
    return [build_inception_module(is_reduced, settings) for is_reduced in kinds]


# What is measured, and what it is compared with.
MODULES: dict[str, Callable] = {
    "grouped_convolution": _grouped_against_dense,
    "inception_module": _module_against_naive,
}


def measured_module(recipe) -> keras.Model:
    """The layer or module of a recipe."""
    return MODULES[recipe.model.network](recipe.model, recipe.evaluate.cost)[0]


def measure_cost(recipe) -> dict[str, Metric]:
    """Cost in numbers, and in percent of one group's, or of the naive module's.

    A step is a forward pass and the gradients for input and weights. Both sides take
    turns in one process, so that whatever slows the machine slows both; the time is
    the median of the rounds' ratios.
    """
    settings = recipe.evaluate.cost
    pair = MODULES[recipe.model.network](recipe.model, settings)
    multiply_adds = [count_multiply_adds(module) for module in pair]
    parameters = [module.count_params() for module in pair]
    steps = {
        name: compile_step(module, settings.batch)
        for name, module in zip(("measured", "reference"), pair, strict=True)
    }
    seconds = interleave(steps, settings.rounds)
    # A ratio on one kind of device says nothing of another kind.
    kinds = {device.device_type for device in tf.config.list_logical_devices()}
    device = "GPU" if "GPU" in kinds else "CPU"
    return {
        "multiply_adds": Metric.of(multiply_adds[0], 1),
        "multiply_adds_percent": Metric.of(_percent(*multiply_adds), 1),
        "parameters": Metric.of(parameters[0], 1),
        "parameters_percent": Metric.of(_percent(*parameters), 1),
        "step_time_percent": Metric.of(
            time_percent(seconds), settings.rounds, {"timed_on": device}
        ),
    }


def time_percent(seconds: Mapping[str, list[float]]) -> float:
    """Median over rounds of the measured side's time in percent of the reference's."""
    rounds = zip(seconds["measured"], seconds["reference"], strict=True)
    return statistics.median(_percent(*pair) for pair in rounds)


def compile_step(module: keras.Model, batch: int) -> Callable[[], float]:
    """A forward and a backward pass of random maps; compiled and warmed up.

    The call returns when the device has finished: it gives a number that depends on
    every gradient.
    """
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(batch, *module.input_shape[1:]))
    inputs = keras.Variable(maps.astype("float32"), trainable=True, name="maps")
    variables = [inputs, *module.trainable_variables]

    def objective():
        return ops.mean(ops.square(module(inputs, training=True))), {}

    @tf.function(autograph=False)
    def step():
        found = gradients(objective, variables)[1]
        return tf.add_n([tf.reshape(gradient, [-1])[0] for gradient in found])

    def call() -> float:
        return float(step())

    for _ in range(2):
        call()
    return call


def _percent(measured: float, reference: float) -> float:
    return 100 * measured / reference
