"""Steps of the optimizers of tensorflow-addons 0.23, with gradients that are given.

It runs in the isolated environment and imports nothing of the project.
"""

import tensorflow as tf
import tensorflow_addons as tfa
from graph import Prepared, variables


def _steps(make, read=lambda optimizer, weight: {}):
    """Prepares some steps of `make(**settings)`; `read` gives further outputs."""

    def prepare(arrays, settings):
        given = variables(arrays)
        weight, gradients = given["weight"], given["gradients"]
        optimizer = make(**settings)
        optimizer._create_all_weights([weight])  # not while it is being compiled

        def call():
            for step in range(len(arrays["gradients"])):
                optimizer.apply_gradients([(gradients[step], weight)])
            return {"weight": tf.identity(weight), **read(optimizer, weight)}

        return Prepared(call)

    return prepare


def _adamw(rate, decay, **settings):
    # Here the decay is not multiplied by the learning rate.
    return tfa.optimizers.AdamW(
        weight_decay=rate * decay, learning_rate=rate, **settings
    )


def _sgdw(rate, decay, momentum):
    return tfa.optimizers.SGDW(
        weight_decay=rate * decay, learning_rate=rate, momentum=momentum
    )


def _moving_average(rate, momentum):
    sgd = tf.keras.optimizers.legacy.SGD(rate)
    return tfa.optimizers.MovingAverage(sgd, average_decay=momentum)


def _average(optimizer, weight):
    return {"average": tf.identity(optimizer.get_slot(weight, "average"))}


ORIGINAL_OPTIMIZERS = {
    "adamw": _steps(_adamw),
    "sgdw": _steps(_sgdw),
    "lamb": _steps(
        lambda rate, **settings: tfa.optimizers.LAMB(learning_rate=rate, **settings)
    ),
    "lazy_adam": _steps(
        lambda rate, **settings: tfa.optimizers.LazyAdam(learning_rate=rate, **settings)
    ),
    "moving_average": _steps(_moving_average, _average),
}
