"""Weights after three steps of a benchmark on one backend; for a test.

benchmark_steps.py BACKEND OUT.npz
"""

import importlib
import os
import sys

STEPS, BATCH = 3, 6


def weights_after(backend: str) -> list:
    """Of a classifier with a penalty on its weights, from weights that are given."""
    import keras
    import numpy as np
    from keras import layers

    from cai_keras.training.classifier import Classifier
    from cai_keras.training.experiment import Phase
    from cai_keras.training.optimizers import UpdateRule
    from cai_keras.training.settings import WeightDecay

    rng = np.random.default_rng(0)
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(4, 3, kernel_regularizer=keras.regularizers.L2(0.01))(x)
    h = layers.BatchNormalization()(h)
    h = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(h))
    network = keras.Model(x, layers.Dense(5)(h))
    for weight in network.trainable_weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32"))
    decay = WeightDecay(kind="l2", rate=0.1, exclude=["bias"])
    rule = UpdateRule(keras.optimizers.SGD(0.1, momentum=0.9), l2=decay)
    learner = Classifier({"classifier": network}, {"classifier": rule})
    learner.accumulate = 2
    learner.build_optimizers()
    batch = {
        "image": rng.random((BATCH, 8, 8, 3), np.float32),
        "label": rng.integers(5, size=BATCH).astype(np.int32),
    }
    phase = Phase(learner, lambda first: None, STEPS, BATCH)
    module = importlib.import_module(f"benchmarks.backends.{backend}_training")
    strategy = None
    if backend == "tensorflow":
        import tensorflow as tf

        strategy = tf.distribute.get_strategy()
    call = module.make_call(phase, None, batch, False, strategy)
    call(STEPS)
    if backend == "jax":  # the state lies in buffers of the call
        call.give_back()
    return [keras.ops.convert_to_numpy(weight) for weight in network.weights]


def main(backend: str, path: str) -> None:
    os.environ["KERAS_BACKEND"] = backend
    import numpy as np

    np.savez(path, *weights_after(backend))


if __name__ == "__main__":
    main(*sys.argv[1:])
