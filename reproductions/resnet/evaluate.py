"""What goes through the layers: responses forwards, gradients backwards."""

import re
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from cai_keras.data.image_task import Labelled
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.input_gradient import input_gradients


def response_deviations(
    network: keras.Model, test: Callable[[], Labelled], batch_size: int
) -> np.ndarray:
    """Standard deviation of the response of every 3x3 layer: Figure 7 of the paper.

    A response is the output of batch normalisation after a 3x3 convolution, before the
    sum and the ReLU. Its deviation is over all test images, positions and channels.

    Returns:
        float64 (layers,), in the order of the layers.
    """
    norms = [network.get_layer(name) for name in norms_of_3x3(network)]
    moments = []
    for norm in norms:
        x = ops.cast(norm.output, "float32")
        moments += [ops.mean(y, axis=(1, 2, 3)) for y in (x, ops.square(x))]
    # One output for `predict_in_batches`: means and mean squares of each image.
    probe = keras.Model(network.inputs[0], ops.stack(moments, axis=1))
    sums, count = 0.0, 0
    for images, _ in test():
        found = predict_in_batches(probe, images, batch_size)
        sums = sums + found.sum(axis=0, dtype=np.float64)
        count += len(images)
    means, squares = (sums / count).reshape(-1, 2).T
    return np.sqrt(squares - means**2)


def mean_response(
    network: keras.Model, test: Callable[[], Labelled], batch_size: int
) -> dict[str, Metric]:
    """`mean_response_deviation`: the mean over layers of `response_deviations`."""
    count = sum(len(labels) for _, labels in test())
    deviations = response_deviations(network, test, batch_size)
    return {"mean_response_deviation": Metric.of(deviations.mean(), count)}


def gradient_growth(
    network: keras.Model, test: Callable[[], Labelled], batch_size: int
) -> dict[str, Metric]:
    """How much stronger the loss's gradient is in the first stage than in the last.

    20 log10 of the ratio of two norms: of the gradient of a batch's summed
    cross-entropy with respect to the input of the first block, and with respect to the
    output of the last one; batch normalisation uses the batch's statistics, as in
    training. 20 decibels are a factor of 10. (Of one batch of the first test images.)
    """
    images, labels = next(test())
    images, labels = images[:batch_size], labels[:batch_size]
    first, last = ends_of_blocks(network)
    norms = []
    # Normalisation in training mode moves its averages.
    weights = network.get_weights()
    try:
        for tensor in (first, last):
            features = keras.Model(network.inputs[0], tensor)(images, training=True)
            network.set_weights(weights)
            head = keras.Model(tensor, network.output)

            def losses(x, head=head):
                return keras.losses.sparse_categorical_crossentropy(
                    labels, head(x, training=True), from_logits=True
                )

            gradient = input_gradients(losses, features)
            total = ops.sum(ops.square(ops.cast(gradient, "float32")))
            norms.append(float(ops.sqrt(total)))
    finally:
        network.set_weights(weights)
    decibels = 20 * np.log10(norms[0] / norms[1]) if all(norms) else np.nan
    return {"gradient_growth_decibels": Metric.of(decibels, len(labels))}


def norms_of_3x3(network: keras.Model) -> list[str]:
    """Names of the normalisations behind 3x3 convolutions of the blocks, in order."""
    found = []
    for layer in network.layers:
        match = re.fullmatch(r"(stage\d+_block\d+)_conv(\d)", layer.name)
        if match and layer.kernel_size == (3, 3):
            found.append(f"{match[1]}_norm{match[2]}")
    return found


def ends_of_blocks(network: keras.Model):
    """The map that enters the first block, and the one that leaves the last."""
    before = network.get_layer("stage1_block1_conv1").input
    # What the classifier takes the mean of.
    logits = network.get_layer("logits")
    (mean,) = logits.input._keras_history.operation._inbound_nodes
    return before, mean.input_tensors[0]
