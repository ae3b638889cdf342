"""Custom layers with a fast path against Keras's own, forward and backward.

    python -m benchmarks.layers [--layer NAME] [--rounds 30]

Both sides are compiled with `tf.function`, take turns in one process, compute the
gradients of a weighted sum of the outputs with respect to input and weights, and bring
them to the host. Prints one JSON object: a list of rows, one per case, with the largest
relative difference of outputs and gradients, the weights being equal.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import speed_ratio
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.grouped_conv2d import GroupedConv2D
from cai_keras.training.timing import interleave


@dataclass(frozen=True)
class Case:
    """One way to use a layer, given to both sides alike."""

    layer: str
    case: str
    shape: tuple[int, ...]
    ours: type[keras.layers.Layer]
    kerass: type[keras.layers.Layer]
    arguments: dict


CASES = [
    Case(
        "batch_normalization",
        "training",
        (128, 32, 32, 64),
        BatchNormalization,
        keras.layers.BatchNormalization,
        {"momentum": 0.9, "epsilon": 1e-3},
    ),
    *(
        Case(
            "grouped_conv2d",
            f"3x3, {groups} groups",
            (32, 32, 32, 64),
            GroupedConv2D,
            keras.layers.Conv2D,
            {"filters": 64, "kernel_size": 3, "padding": "same", "groups": groups},
        )
        for groups in (8, 32)
    ),
]


def forward_and_backward(
    layer: keras.layers.Layer, inputs: tf.Tensor
) -> Callable[[], list[np.ndarray]]:
    """A call that gives output and gradients; compiled and warmed up."""
    shape = layer.compute_output_shape(inputs.shape)
    # The gradient of a mean of squares would be 0 behind a normalisation.
    factors = tf.random.stateless_normal(shape, seed=[0, 1])

    @tf.function
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
            loss = tf.reduce_sum(factors * outputs)
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        return [outputs, *gradients]

    def call():
        return [array.numpy() for array in compute(inputs)]

    call()
    call()
    return call


def relative_difference(ours: list[np.ndarray], kerass: list[np.ndarray]) -> float:
    """The largest difference of two arrays over the largest number of the second."""
    return max(
        float(np.abs(a - b).max() / np.abs(b).max())
        for a, b in zip(ours, kerass, strict=True)
    )


def measure(case: Case, rounds: int) -> dict:
    """One row: median milliseconds of both sides, and the ratio of paired rounds."""
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=case.shape).astype(np.float32))
    ours, kerass = case.ours(**case.arguments), case.kerass(**case.arguments)
    for layer in (ours, kerass):
        layer.build(case.shape)
    ours.set_weights(kerass.get_weights())
    calls = {
        "cai_keras": forward_and_backward(ours, inputs),
        "keras": forward_and_backward(kerass, inputs),
    }
    difference = relative_difference(calls["cai_keras"](), calls["keras"]())
    seconds = interleave(calls, rounds)
    ratio = speed_ratio(seconds["cai_keras"], seconds["keras"])
    return {
        "layer": case.layer,
        "case": case.case,
        "shape": case.shape,
        "milliseconds": {
            name: round(1000 * float(np.median(values)), 2)
            for name, values in seconds.items()
        },
        "speed_over_keras": round(ratio.median, 3),
        "interval_95": [round(ratio.low, 3), round(ratio.high, 3)],
        "relative_difference": difference,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", choices=sorted({case.layer for case in CASES}))
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    chosen = [case for case in CASES if options.layer in (None, case.layer)]
    rows = [measure(case, options.rounds) for case in chosen]
    print(json.dumps({"rounds": options.rounds, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
