"""Optimizers: what the project has in place of those of tensorflow-addons."""

import keras
import tensorflow as tf

from benchmarks.addons.graph import Prepared, variables
from cai_keras.training.averages import WeightAverages

DECAY = (
    "the decay is multiplied by the learning rate: rate x decay here is the original's "
    "weight_decay"
)


def _steps(make, follow=None):
    """Prepares some steps of the optimizer `make(**settings)`."""

    def prepare(arrays, settings):
        network = _one_weight(arrays["weight"])
        (weight,) = network.trainable_weights
        gradients = variables(arrays)["gradients"]
        optimizer = make(**settings)
        optimizer.build([weight])
        averages = follow(network, settings) if follow else None

        def call():
            for step in range(len(arrays["gradients"])):
                optimizer.apply([gradients[step]], [weight])
                if averages is not None:
                    averages.follow(step)
            found = {"weight": tf.identity(weight.value)}
            if averages is not None:
                found["average"] = tf.identity(averages.variables[0].value)
            return found

        return Prepared(call)

    return prepare


def _one_weight(start) -> keras.Model:
    inputs = keras.Input((start.shape[0],))
    layer = keras.layers.Dense(start.shape[1], use_bias=False)
    network = keras.Model(inputs, layer(inputs))
    network.set_weights([start])
    return network


adamw = _steps(
    lambda rate, decay, **settings: keras.optimizers.AdamW(
        rate, weight_decay=decay, **settings
    )
)
sgdw = _steps(
    lambda rate, decay, momentum: keras.optimizers.SGD(
        rate, momentum, weight_decay=decay
    )
)
lamb = _steps(lambda rate, **settings: keras.optimizers.Lamb(rate, **settings))
adam = _steps(lambda rate, **settings: keras.optimizers.Adam(rate, **settings))
moving_average = _steps(
    lambda rate, momentum: keras.optimizers.SGD(rate),
    lambda network, settings: WeightAverages(
        {"network": network}, ["network"], settings["momentum"], 0
    ),
)
