"""Spectral normalisation: a linear layer whose largest singular value is about one."""

import keras
from keras import ops

_EPSILON = 1e-12  # of the norms, as in the authors' code


@keras.saving.register_keras_serializable(package="cai_keras")
class SpectralNormalization(keras.layers.Wrapper):
    """A layer that computes with W / sigma(W) and keeps W.

    Miyato, Kataoka, Koyama and Yoshida 2018 (arXiv:1802.05957), equation 8 and
    Algorithm 1, with W as a matrix of (inputs, outputs):
        v = W u / |W u|,   u' = W^T v / |W^T v|,   sigma = v^T W u'
    One iteration at each call; `training=True` keeps u' for the next one. No gradient
    goes through u and v, but one goes through sigma (their equation 12):
        dL/dW = (G - <G, W> / sigma  v u'^T) / sigma,   G: the gradient of W / sigma
    `keras.layers.SpectralNormalization` writes W / sigma into the weight itself: the
    optimizer moves another parameter than the paper's, without this gradient.

    A layer is linear in its kernel, so its *inputs* are divided by sigma: bias and
    activation stay what they are. Of an embedding the outputs are divided.

    Args:
        layer: Dense, a convolution, a transposed convolution, or an embedding. Its
            matrix has one column for each unit, filter, or dimension of a vector.

    Call:
        inputs, Returns: those of the layer.
        training: whether u moves on. A network that is called several times in a
            step moves it several times; that costs nothing but time.
    Raises:
        ValueError: a layer with neither kernel nor embeddings.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self._is_embedding = isinstance(layer, keras.layers.Embedding)

    def build(self, input_shape=None):
        super().build(input_shape)
        self.vector = self.add_weight(
            shape=(self._matrix().shape[1],),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            # All replicas compute the same one, from the same weight.
            aggregation="only_first_replica",
            dtype="float32",
            name="vector",
        )

    def call(self, inputs, training=False):
        sigma, vector = self._iterate()
        if training:
            self.vector.assign(vector)
        if self._is_embedding:
            outputs = self.layer(inputs)
            return outputs / ops.cast(sigma, outputs.dtype)
        return self.layer(inputs / ops.cast(sigma, inputs.dtype))

    def singular_value(self):
        """sigma as the next call will use it, a float32 scalar."""
        return self._iterate()[0]

    def _iterate(self):
        """sigma and the next u. In float32: half precision loses the small ones."""
        matrix = self._matrix()
        constant = ops.stop_gradient(matrix)
        v = _unit(ops.matmul(constant, self.vector))
        u = _unit(ops.matmul(v, constant))
        return ops.sum(v * ops.matmul(matrix, u)), u

    def _matrix(self):
        """The weight as (inputs, outputs), float32."""
        layer = self.layer
        weight = getattr(layer, "embeddings" if self._is_embedding else "kernel", None)
        if weight is None:
            raise ValueError(
                "SpectralNormalization: expected a layer with a kernel or embeddings; "
                f"received {type(layer).__name__}"
            )
        weight = ops.cast(ops.convert_to_tensor(weight), "float32")
        if _is_transposed(layer):
            weight = ops.swapaxes(weight, -1, -2)  # (..., filters, channels)
        return ops.reshape(weight, (-1, weight.shape[-1]))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


def _unit(vector):
    return vector / (ops.norm(vector) + _EPSILON)


def _is_transposed(layer) -> bool:
    kinds = (
        keras.layers.Conv1DTranspose,
        keras.layers.Conv2DTranspose,
        keras.layers.Conv3DTranspose,
    )
    return isinstance(layer, kinds)
