"""The non-local block: every position looks at all others."""

import math

import keras
from keras import ops

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.pairwise_attention import MAX_ENTRIES, attend, softmax_weights

# Form -> how C(x) normalises it, as the paper pairs them.
PAIRWISE_FORMS = {
    "gaussian": "softmax",
    "embedded_gaussian": "softmax",
    "dot_product": "count",
    "concatenation": "count",
}
_POOLS = {1: (2,), 2: (2, 2), 3: (1, 2, 2)}


@keras.saving.register_keras_serializable(package="cai_keras")
class NonLocal(keras.layers.Layer):
    """Non-local block for sequences, images and videos.

    Wang, Girshick, Gupta and He 2018 (arXiv:1711.07971), equations 1 and 6:
        y_i = 1/C(x) sum_j f(x_i, x_j) g(x_j),    z_i = W_z y_i + x_i
    with g linear and, of the positions i (all) and j (sub-sampled),
        gaussian:           f = exp(x_i . x_j),                  C = sum_j f
        embedded_gaussian:  f = exp(theta_i . phi_j),            C = sum_j f
        dot_product:        f = theta_i . phi_j,                 C = number of j
        concatenation:      f = relu(w_f . [theta_i, phi_j]),    C = number of j
    theta, phi, g and W_z are 1x1 convolutions with bias. W_z is followed by batch
    normalisation whose gamma starts at zero: a new block is the identity, and can be
    put into a trained network (Section 3.3).

    What the paper leaves open is as in its code (facebookresearch/video-nonlocal-net):
    initial deviation 0.01, epsilon 1e-5, momentum 0.9; `scale_logits` is the factor
    inner_channels^-1/2 there, not in the paper.

    Args:
        pairwise: one of the forms above.
        inner_channels: of theta, phi and g; half of the input's if None.
        subsample: j runs over maxima of 2 (sequences) or 2x2 (images, each frame of
            a video) neighbours; an odd last row or column is left out.
        scale_logits: multiply the logits of a softmax by inner_channels^-1/2.
        use_batch_norm: batch normalisation after W_z; without it W_z starts at zero.
        gamma_initializer: of the batch normalisation.
        momentum, epsilon: of the batch normalisation.
        kernel_initializer, kernel_regularizer: of the convolutions.
        max_entries: pairs (i, j) per example held at once; see `attend`.

    Call:
        inputs: float (batch, length, channels), (batch, height, width, channels) or
            (batch, frames, height, width, channels).
        Returns: float, the shape of the inputs.
    Raises:
        ValueError: an unknown form, another rank, or an unknown number of channels.
    """

    def __init__(
        self,
        pairwise="embedded_gaussian",
        inner_channels=None,
        subsample=True,
        scale_logits=False,
        use_batch_norm=True,
        gamma_initializer="zeros",
        momentum=0.9,
        epsilon=1e-5,
        kernel_initializer=None,
        kernel_regularizer=None,
        max_entries=MAX_ENTRIES,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if pairwise not in PAIRWISE_FORMS:
            raise ValueError(
                f"NonLocal: pairwise must be one of {', '.join(PAIRWISE_FORMS)}; "
                f"received {pairwise!r}"
            )
        if inner_channels is not None and inner_channels < 1:
            raise ValueError(
                f"NonLocal: inner_channels must be positive; received {inner_channels}"
            )
        self.pairwise = pairwise
        self.inner_channels = inner_channels
        self.subsample = subsample
        self.scale_logits = scale_logits
        self.use_batch_norm = use_batch_norm
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.momentum = momentum
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or keras.initializers.RandomNormal(stddev=0.01)
        )
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.max_entries = max_entries

    def build(self, input_shape):
        if len(input_shape) not in (3, 4, 5) or input_shape[-1] is None:
            raise ValueError(
                "NonLocal needs (batch, length, channels), (batch, height, width, "
                "channels) or (batch, frames, height, width, channels) with known "
                f"channels; received {tuple(input_shape)}"
            )
        channels = input_shape[-1]
        self._inner = self.inner_channels or max(1, channels // 2)
        inner_shape = (*input_shape[:-1], self._inner)
        self._g = self._convolution("g", self._inner, input_shape)
        if self.pairwise != "gaussian":
            self._theta = self._convolution("theta", self._inner, input_shape)
            self._phi = self._convolution("phi", self._inner, input_shape)
        if self.pairwise == "concatenation":
            self._pair_kernel = self.add_weight(
                name="pair_kernel",
                shape=(2, self._inner),
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
            )
        self._out = self._convolution(
            "out", channels, inner_shape, starts_at_zero=not self.use_batch_norm
        )
        if self.use_batch_norm:
            self._norm = BatchNormalization(
                self.momentum,
                self.epsilon,
                gamma_initializer=self.gamma_initializer,
                dtype=self.dtype_policy,
                name="norm",
            )
            self._norm.build(input_shape)
        if self.subsample:
            self._pool = _max_pooling(len(input_shape) - 2)

    def call(self, inputs, training=None):
        queries, keys, values = self._project(inputs)
        if self.pairwise == "dot_product":
            # (theta phi^T) g = theta (phi^T g): the same sums, without n x m weights.
            scaled = values / ops.cast(ops.shape(values)[1], values.dtype)
            mixed = ops.matmul(ops.transpose(keys, (0, 2, 1)), scaled)
            summed = ops.matmul(queries, mixed)
        else:
            summed = attend(queries, keys, values, self._weigh, self.max_entries)
        summed = ops.reshape(summed, (-1, *ops.shape(inputs)[1:-1], self._inner))
        outputs = self._out(summed)
        if self.use_batch_norm:
            outputs = self._norm(outputs, training=training)
        return inputs + outputs

    def attention_weights(self, inputs):
        """f(x_i, x_j) / C(x) of all pairs, float (batch, positions i, positions j).

        Positions are counted row by row (frame by frame); j among the sub-sampled ones.
        """
        queries, keys, _ = self._project(inputs)
        if self.pairwise == "dot_product":
            products = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
            return products / ops.cast(ops.shape(keys)[1], products.dtype)
        return self._weigh(queries, keys)

    def _project(self, inputs):
        """theta, phi and g as (batch, positions, channels)."""
        pooled = self._pool(inputs) if self.subsample else inputs
        embedded = self.pairwise != "gaussian"
        return (
            _as_sequence(self._theta(inputs) if embedded else inputs),
            # Sub-sampled before phi and g, as in the authors' code.
            _as_sequence(self._phi(pooled) if embedded else pooled),
            _as_sequence(self._g(pooled)),
        )

    def _weigh(self, queries, keys):
        if self.pairwise == "concatenation":
            kernel = ops.cast(self._pair_kernel, queries.dtype)
            first = ops.matmul(queries, kernel[0][:, None])
            second = ops.matmul(keys, kernel[1][:, None])
            pairs = ops.relu(first + ops.transpose(second, (0, 2, 1)))
            return pairs / ops.cast(ops.shape(keys)[1], pairs.dtype)
        scale = 1 / math.sqrt(self._inner) if self.scale_logits else 1.0
        return softmax_weights(queries, keys, scale)

    def _convolution(self, name, filters, input_shape, starts_at_zero=False):
        """A 1x1 convolution: one matrix for every position."""
        # One initializer object gives equal numbers each time: every layer has its own.
        initializer = "zeros" if starts_at_zero else self.kernel_initializer.clone()
        layer = keras.layers.Dense(
            filters,
            kernel_initializer=initializer,
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build(input_shape)
        return layer

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "pairwise": self.pairwise,
            "inner_channels": self.inner_channels,
            "subsample": self.subsample,
            "scale_logits": self.scale_logits,
            "use_batch_norm": self.use_batch_norm,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "max_entries": self.max_entries,
        }


def _max_pooling(rank: int):
    pools = {
        1: keras.layers.MaxPooling1D,
        2: keras.layers.MaxPooling2D,
        3: keras.layers.MaxPooling3D,
    }
    return pools[rank](_POOLS[rank])


def _as_sequence(x):
    positions = math.prod(x.shape[1:-1]) if None not in x.shape[1:-1] else -1
    return ops.reshape(x, (ops.shape(x)[0], positions, x.shape[-1]))
