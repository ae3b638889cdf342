"""Networks with other weights that compute the same: no normalisation, other scales."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

# Of a filter that is silent on all pictures: its scale says nothing.
_SILENT = 1e-6


def folded_batch_norm(network: keras.Model) -> dict[str, list[np.ndarray]]:
    """Weights of the same network without its batch normalisation.

    In testing gamma (W x - mean) / sqrt(variance + epsilon) + beta is a convolution
    with kernel W s and bias beta - mean s, s = gamma / sqrt(variance + epsilon).

    Args:
        network: of `apply_vgg_blocks` with a `norm`: `block1_norm2` belongs to
            `block1_conv2`.
    Returns:
        name of a convolution or dense layer -> [kernel, bias].
    """
    found = {}
    for layer in network.layers:
        if not layer.weights or "_norm" in layer.name:
            continue
        weights = layer.get_weights()
        if "_conv" in layer.name:
            norm = network.get_layer(layer.name.replace("_conv", "_norm"))
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights = [weights[0] * scale, beta - mean * scale]
        found[layer.name] = weights
    return found


def give_unit_mean_activations(
    network: keras.Model, images: Sequence[np.ndarray], least_share: float = 0.0
) -> None:
    """Scales a network's filters so that each one's mean activation is 1.

    Gatys, Ecker, Bethge 2016, Section 2: losses of different layers are comparable
    then. ReLU and poolings let a positive factor through, so that the next layer can
    undo it: what the network computes in the end does not change. A filter that is
    silent on all images keeps its scale.

    Args:
        network: a chain of convolutions with bias and ReLU, poolings, and perhaps a
            last dense layer; changed in place.
        images: (height, width, channels) each, as the network wants them.
        least_share: a filter whose mean is below this share of its layer's is scaled
            as if it had that share. Filters that hardly fire on the images would
            otherwise drown all others on a picture where they do.
    """
    chain = [layer for layer in network.layers if layer.weights]
    hidden = [layer for layer in chain if isinstance(layer, keras.layers.Conv2D)]
    # All means are taken before anything is scaled: they do not depend on each other.
    means = _mean_activations(network, hidden, images, least_share)
    before = None
    for layer in chain:
        kernel, bias = layer.get_weights()
        if before is not None:
            kernel = kernel * before[:, None]
        before = means.get(layer.name)
        if before is not None:
            kernel, bias = kernel / before, bias / before
        layer.set_weights([kernel, bias])


def _mean_activations(
    network, hidden: Sequence, images, least_share: float
) -> Mapping[str, np.ndarray]:
    outputs = keras.Model(network.input, {layer.name: layer.output for layer in hidden})
    found = {layer.name: np.zeros(layer.filters) for layer in hidden}
    for image in images:  # one at a time: pictures can be large
        for name, maps in outputs(image[None]).items():
            found[name] += ops.convert_to_numpy(ops.mean(maps, axis=(0, 1, 2)))
    means = {}
    for name, sums in found.items():
        mean = sums / len(images)
        mean = np.maximum(mean, least_share * np.mean(mean))
        means[name] = np.where(mean < _SILENT, 1.0, mean).astype("float32")
    return means
