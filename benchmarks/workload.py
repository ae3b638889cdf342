"""What is trained in a comparison of training loops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.training.learner import Learner


@dataclass(frozen=True)
class Workload:
    """One network with its data and its loss, for every way to train it.

    Attributes:
        network: builds it, with the same weights every time.
        keras_network: the same, with Keras's batch normalisation: what a user of
            Keras would write.
        optimizer: makes the one update's optimizer.
        learner: (network, optimizer) -> the engine's learner.
        data: name -> array of all examples; a batch has the same names.
        inputs: batch -> what the network is called with.
        target: name of the labels in a batch.
        loss: (labels, logits) -> one value per example, written with TensorFlow.
        keras_loss: the same loss for Keras's `compile`.
        images_per_example: images that one example counts for.
        pytorch: module with `pytorch_call(data, batch)`, or None where nobody has
            written the network in PyTorch.
    """

    network: Callable[[], keras.Model]
    keras_network: Callable[[], keras.Model]
    optimizer: Callable[[], keras.optimizers.Optimizer]
    learner: Callable[[keras.Model, keras.optimizers.Optimizer], Learner]
    data: Mapping[str, np.ndarray]
    inputs: Callable[[Mapping[str, Any]], Any]
    target: str
    loss: Callable[[Any, Any], Any]
    keras_loss: keras.losses.Loss
    images_per_example: int = 1
    pytorch: str | None = None


def with_keras_layers(model: keras.Model) -> keras.Model:
    """A copy of a functional model with Keras's batch normalisation, equal weights."""

    def copy_layer(layer):
        kind = type(layer)
        if kind is BatchNormalization:
            kind = keras.layers.BatchNormalization
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copy_layer)
    copy.set_weights(model.get_weights())
    return copy
