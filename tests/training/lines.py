"""Learners so small that their steps can be computed by hand."""

import keras
import numpy as np
from keras import ops

from cai_keras.training.learner import Learner, Update


def line(weight, **arguments):
    """y = weight x."""
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer=keras.initializers.Constant(weight),
        **arguments,
    )  # fmt: skip
    return keras.Sequential([keras.Input((1,)), dense])


def weight_of(network):
    return float(ops.convert_to_numpy(network.trainable_variables[0]).squeeze())


def batch_of(*x):
    return {"x": np.array(x, "float32")[:, None]}


def floats(metrics):
    return {name: float(value) for name, value in metrics.items()}


def sgd(learning_rate=0.1, **arguments):
    return keras.optimizers.SGD(learning_rate, **arguments)


class Quadratic(Learner):
    """One update; the loss of an example is (w x)^2."""

    def updates(self):
        return [Update("fit", ("line",), self.squares)]

    def squares(self, batch):
        return {"square": ops.square(self.networks["line"](batch["x"])[:, 0])}


class Slope(Learner):
    """One update of all networks; the loss is the sum of their outputs.

    Network `a` sees the batch's first column, network `b` its second: the gradients
    are the means of the columns.
    """

    def updates(self):
        return [Update("fit", ("a", "b"), self.sums)]

    def sums(self, batch):
        a = self.networks["a"](batch["x"][:, :1])
        b = self.networks["b"](batch["x"][:, 1:])
        return {"sum": ops.cast(a + b, "float32")[:, 0]}


class Chase(Learner):
    """First a goes to 0, then b chases a: the second update sees the new a."""

    def updates(self):
        return [
            Update("lead", ("a",), self.lead_losses),
            Update("follow", ("b",), self.follow_losses),
        ]

    def lead_losses(self, batch):
        return {"square": ops.square(self.networks["a"](batch["x"])[:, 0])}

    def follow_losses(self, batch):
        gap = self.networks["b"](batch["x"]) - self.networks["a"](batch["x"])
        return {"gap": ops.square(gap[:, 0])}


def quadratic(weight=2.0, learning_rate=0.01, **arguments):
    """A learner of one line with SGD, and the line."""
    network = line(weight, **arguments)
    return Quadratic({"line": network}, {"fit": sgd(learning_rate)}), network
