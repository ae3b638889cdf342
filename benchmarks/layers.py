"""Custom layers with a fast path against Keras's own, forward and backward.

    python -m benchmarks.layers [--rounds 30]

Both sides are compiled with `tf.function`, take turns in one process, and compute the
output and the gradients of a sum of squares with respect to input and weights.
"""

import argparse
import json

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import interleave, speed_ratio
from cai_keras.layers.batch_normalization import BatchNormalization

SHAPE = (128, 32, 32, 64)


def forward_and_backward(layer, inputs: tf.Tensor):
    """A call that waits for the result; compiled and warmed up."""

    @tf.function
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(tf.square(layer(x, training=True)))
        return tape.gradient(loss, [x, *layer.trainable_variables])

    def call():
        return [gradient.numpy().ravel()[0] for gradient in compute(inputs)]

    call()
    call()
    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=SHAPE).astype(np.float32))
    calls = {
        "cai_keras": forward_and_backward(
            BatchNormalization(momentum=0.9, epsilon=1e-3), inputs
        ),
        "keras": forward_and_backward(
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3), inputs
        ),
    }
    seconds = interleave(calls, options.rounds)
    ratio = speed_ratio(seconds["cai_keras"], seconds["keras"])
    result = {
        "layer": "BatchNormalization",
        "shape": SHAPE,
        "milliseconds": {
            name: round(1000 * float(np.median(values)), 2)
            for name, values in seconds.items()
        },
        "speed_over_keras": round(ratio.median, 3),
        "interval_95": [round(ratio.low, 3), round(ratio.high, 3)],
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
