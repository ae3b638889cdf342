"""The custom layers as their papers print them, without a thought about speed.

A formula takes the custom layer (for its settings), its weights in the layer's own
order, and what the layer is called with. `Formula` makes a layer of it that can be
timed and differentiated beside the custom one.
"""

import keras
import numpy as np
from keras import ops


class Formula(keras.layers.Layer):
    """A formula as a layer, with weights of its own like those of a custom layer.

    Args:
        template: the custom layer, unbuilt.
        formula: (layer, weights, *inputs, training=...) -> outputs.

    Attributes:
        copies: its weights, in the order of `template.weights`.
    """

    def __init__(self, template, formula, **kwargs):
        super().__init__(**kwargs)
        # Behind a function Keras does not see it, nor its weights.
        self._template = lambda: template
        self._formula = formula

    def build(self, *shapes):
        template = self._template()
        template.build(*shapes)
        self.copies = [
            self.add_weight(
                shape=weight.shape,
                dtype=weight.dtype,
                trainable=weight.trainable,
                initializer="zeros",
            )
            for weight in template.weights
        ]

    def call(self, *inputs, training=True):
        return self._formula(self._template(), self.copies, *inputs, training=training)

    def compute_output_shape(self, *shapes):
        return self._template().compute_output_shape(*shapes)


def batch_normalised(x, mean, variance, momentum, epsilon, training):
    """(x - mean) / sqrt(variance + epsilon), and the moving averages move."""
    axes = tuple(range(len(x.shape) - 1))
    if training:
        batch_mean = ops.mean(x, axis=axes)
        batch_variance = ops.mean(ops.square(x - batch_mean), axis=axes)
        mean.assign(momentum * mean + (1 - momentum) * batch_mean)
        variance.assign(momentum * variance + (1 - momentum) * batch_variance)
        mean, variance = batch_mean, batch_variance
    return (x - mean) / ops.sqrt(variance + epsilon)


def spectrally_normalised(kernel, vector, training):
    """W / sigma(W) by one step of the power iteration."""
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    fixed = ops.stop_gradient(matrix)
    v = ops.matmul(fixed, vector)
    v = v / ops.norm(v)
    u = ops.matmul(v, fixed)
    u = u / ops.norm(u)
    if training:
        vector.assign(u)
    return kernel / ops.sum(v * ops.matmul(matrix, u))


def conditional_batch_normalization(layer, weights, x, labels, training=True):
    gamma, beta, mean, variance = weights
    x = batch_normalised(x, mean, variance, layer.momentum, layer.epsilon, training)
    shape = (-1, *(1,) * (len(x.shape) - 2), x.shape[-1])
    gamma, beta = (
        ops.reshape(ops.take(weight, labels, axis=0), shape) for weight in (gamma, beta)
    )
    return gamma * x + beta


def spectral_normalization(layer, weights, x, training=True):
    vector, kernel, bias = weights
    kernel = spectrally_normalised(kernel, vector, training)
    if isinstance(layer.layer, keras.layers.Dense):
        return ops.matmul(x, kernel) + bias
    return ops.conv(x, kernel, padding=layer.layer.padding) + bias


def projection_head(layer, weights, x, labels, training=True):
    if layer.use_spectral_norm:
        first, kernel, bias, second, classes = weights
        kernel = spectrally_normalised(kernel, first, training)
        classes = spectrally_normalised(classes, second, training)
    else:
        kernel, bias, classes = weights
    score = ops.matmul(x, kernel)[:, 0] + bias[0]
    return score + ops.sum(ops.take(classes, labels, axis=0) * x, axis=-1)


def self_attention2d(layer, weights, x, training=True):
    gamma, *rest = weights
    if layer.use_spectral_norm:
        pairs = zip(rest[::2], rest[1::2], strict=True)
        rest = [spectrally_normalised(kernel, u, training) for u, kernel in pairs]
    theta, phi, g, out = rest
    keys, values = ops.matmul(x, phi), ops.matmul(x, g)
    if layer.pool_keys:
        keys, values = (ops.max_pool(maps, 2, 2) for maps in (keys, values))
    logits = ops.matmul(_rows(ops.matmul(x, theta)), _turned(_rows(keys)))
    read = ops.matmul(ops.softmax(logits, axis=-1), _rows(values))
    read = ops.reshape(read, (*x.shape[:-1], values.shape[-1]))
    return x + gamma * ops.matmul(read, out)


def non_local(layer, weights, x, training=True):
    weights = list(weights)
    pair = weights.pop(0) if layer.pairwise == "concatenation" else None
    g, g_bias, *weights = weights
    pooled = x
    if layer.subsample:
        size = (2,) if len(x.shape) == 3 else (2, 2)
        if len(x.shape) == 5:
            size = (1, 2, 2)
        pooled = ops.max_pool(x, size, size)
    queries, keys = x, pooled
    if layer.pairwise != "gaussian":
        theta, theta_bias, phi, phi_bias, *weights = weights
        queries = ops.matmul(x, theta) + theta_bias
        keys = ops.matmul(pooled, phi) + phi_bias
    queries, keys = _rows(queries), _rows(keys)
    if pair is not None:
        first = ops.matmul(queries, pair[0][:, None])
        second = ops.matmul(keys, pair[1][:, None])
        mixing = ops.relu(first + _turned(second)) / keys.shape[1]
    else:
        logits = ops.matmul(queries, _turned(keys))
        if layer.pairwise == "dot_product":
            mixing = logits / keys.shape[1]
        else:
            scale = g.shape[-1] ** -0.5 if layer.scale_logits else 1.0
            mixing = ops.softmax(scale * logits, axis=-1)
    values = _rows(ops.matmul(pooled, g) + g_bias)
    y = ops.reshape(ops.matmul(mixing, values), (*x.shape[:-1], values.shape[-1]))
    out, out_bias, *norm = weights
    y = ops.matmul(y, out) + out_bias
    if norm:
        gamma, beta, mean, variance = norm
        y = batch_normalised(y, mean, variance, layer.momentum, layer.epsilon, training)
        y = gamma * y + beta
    return x + y


def local_response_normalization(layer, weights, x, training=True):
    """The sum over neighbours as a product with a matrix of ones about its diagonal."""
    channels = np.arange(x.shape[-1])
    near = np.abs(channels[:, None] - channels) <= layer.size // 2
    total = ops.matmul(ops.square(x), near.astype("float32"))
    strength = layer.bias + layer.alpha / layer.size * total
    return x / ops.power(strength, layer.beta)


def weighted_l1_similarity(layer, weights, pair, training=True):
    kernel, bias = weights
    distance = ops.abs(pair[0] - pair[1])
    return ops.sum(distance * kernel[:, 0], axis=-1) + bias[0]


def minibatch_deviation(layer, weights, x, training=True):
    """Group by group."""
    groups = x.shape[0] // (layer.group_size or x.shape[0])
    deviations = []
    for group in range(groups):
        members = x[group::groups]
        squares = ops.square(members - ops.mean(members, axis=0))
        deviations.append(ops.mean(ops.sqrt(ops.mean(squares, axis=0) + 1e-8)))
    planes = ops.stack([deviations[i % groups] for i in range(x.shape[0])])
    plane = planes[:, None, None, None] * ops.ones((*x.shape[:-1], 1))
    return ops.concatenate([x, plane], axis=-1)


def squeeze_excitation(layer, weights, x, training=True):
    squeezed = ops.mean(x, axis=tuple(range(1, len(x.shape) - 1)))
    if layer.use_bias:
        reduce, reduce_bias, expand, expand_bias = weights
    else:
        (reduce, expand), reduce_bias, expand_bias = weights, 0.0, 0.0
    hidden = ops.relu(ops.matmul(squeezed, reduce) + reduce_bias)
    scale = ops.sigmoid(ops.matmul(hidden, expand) + expand_bias)
    return x * ops.reshape(scale, (-1, *(1,) * (len(x.shape) - 2), x.shape[-1]))


def channel_choice(layer, weights, x, training=True):
    """As a product with a matrix of zeros and ones."""
    (choice,) = weights
    groups = ops.reshape(x, (*x.shape[:-1], -1, layer.size))
    chosen = ops.one_hot(choice, groups.shape[-2])
    found = ops.einsum("cg,...gs->...cs", chosen, groups)
    return ops.reshape(found, (*x.shape[:-1], layer.count * layer.size))


def spatial_transformer(layer, weights, inputs, training=True):
    """Jaderberg et al. 2015, equation 5, as it is printed: a sum over all pixels."""
    images, _ = inputs
    _, height, width, channels = images.shape
    points = layer.grid(inputs)
    rows, columns = points.shape[1:3]

    def weigh(coordinate, size):
        position = (coordinate + 1) * ((size - 1) / 2)
        if layer.border == "nearest":
            position = ops.clip(position, 0, size - 1)
        elif layer.border == "reflect":
            span = size - 1
            position = span - ops.abs(ops.mod(position, 2 * span) - span)
        distance = ops.abs(position[..., None] - ops.arange(size, dtype="float32"))
        return ops.reshape(ops.maximum(0.0, 1.0 - distance), (-1, rows * columns, size))

    of_rows, of_columns = weigh(points[..., 1], height), weigh(points[..., 0], width)
    lines = ops.matmul(of_rows, ops.reshape(images, (-1, height, width * channels)))
    lines = ops.reshape(lines, (-1, rows * columns, width, channels))
    found = ops.sum(of_columns[..., None] * lines, axis=2)
    return ops.reshape(found, (-1, rows, columns, channels))


def bilinear_deconvolution(layer, weights, x, training=True):
    """Zeros between the pixels, then a convolution of each channel."""
    (kernel,) = weights
    factor, size = layer.factor, kernel.shape[0]
    batch, height, width, channels = x.shape
    spread = ops.reshape(x, (batch, height, 1, width, 1, channels))
    spread = ops.pad(
        spread, [(0, 0), (0, 0), (0, factor - 1), (0, 0), (0, factor - 1), (0, 0)]
    )
    spread = ops.reshape(spread, (batch, factor * height, factor * width, channels))
    after = (size - factor) // 2
    before = size - 1 - after
    padded = ops.pad(spread, [(0, 0), (before, after), (before, after), (0, 0)])
    turned = ops.flip(ops.convert_to_tensor(kernel), axis=(0, 1))
    return ops.depthwise_conv(padded, turned[..., None], padding="valid")


def bilinear_resize(layer, weights, x, training=True):
    """Two rows, then two columns, read and mixed."""
    for axis, new_size in ((1, layer.height), (2, layer.width)):
        position = np.linspace(0, x.shape[axis] - 1, new_size).astype("float32")
        first = np.floor(position).astype("int32")
        after = np.minimum(first + 1, x.shape[axis] - 1)
        share = (position - first).reshape((-1, 1) if axis == 2 else (-1, 1, 1))
        share = ops.convert_to_tensor(share, "float32")
        x = (1 - share) * ops.take(x, first, axis) + share * ops.take(x, after, axis)
    return x


def reflection_padding2d(layer, weights, x, training=True):
    """Slices turned round, put before and behind."""
    for axis, (before, after) in enumerate(layer.padding, start=1):
        x = ops.swapaxes(x, 1, axis)
        end = x.shape[1] - 1
        parts = [
            ops.flip(x[:, 1 : before + 1], axis=1), x,
            ops.flip(x[:, end - after : end], axis=1),
        ]  # fmt: skip
        x = ops.swapaxes(ops.concatenate(parts, axis=1), 1, axis)
    return x


def mask_gate(layer, weights, inputs, training=True):
    trunk, mask = inputs
    return trunk * mask if layer.form == "naive" else trunk * (1.0 + mask)


def _rows(maps):
    """(batch, positions, channels)."""
    return ops.reshape(maps, (maps.shape[0], -1, maps.shape[-1]))


def _turned(rows):
    return ops.transpose(rows, (0, 2, 1))
