"""Batch normalisation whose scale and offset are those of an example's class."""

import keras
from keras import ops

from cai_keras.layers.batch_normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="cai_keras")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Conditional batch normalisation.

    Dumoulin, Shlens and Kudlur 2017 (arXiv:1610.07629), equation 5, for batch instead
    of instance statistics, as in class-conditional GANs (Miyato and Koyama 2018,
    arXiv:1802.05637; Zhang et al. 2019, arXiv:1805.08318):
        y = gamma_c (x - mu_B) / sqrt(sigma_B^2 + epsilon) + beta_c
    with c the class of the example. The moments are of the whole batch.

    Args:
        classes: number of classes; every one has 2 x channels parameters.
        momentum, epsilon: of `BatchNormalization`.

    Call:
        inputs: float (batch, ..., channels).
        labels: int (batch,), in [0, classes).
        Returns: float, the shape of the inputs.
    Raises:
        ValueError: no class, or an unknown number of channels.
    """

    def __init__(self, classes, momentum, epsilon, **kwargs):
        super().__init__(**kwargs)
        if classes < 1:
            raise ValueError(
                f"ConditionalBatchNormalization: classes must be positive; received "
                f"{classes}"
            )
        self.classes = classes
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, inputs_shape, labels_shape):
        channels = inputs_shape[-1]
        if len(inputs_shape) < 2 or channels is None:
            raise ValueError(
                "ConditionalBatchNormalization needs (batch, ..., channels) with known "
                f"channels; received {tuple(inputs_shape)}"
            )
        self._norm = BatchNormalization(
            self.momentum,
            self.epsilon,
            scale=False,
            center=False,
            dtype=self.dtype_policy,
            name="norm",
        )
        self._norm.build(inputs_shape)
        shape = (self.classes, channels)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, inputs, labels, training=None):
        normalised = self._norm(inputs, training=training)
        gamma, beta = (
            self._of_examples(weight, labels, normalised)
            for weight in (self.gamma, self.beta)
        )
        return normalised * gamma + beta

    def _of_examples(self, weight, labels, normalised):
        """(batch, 1, ..., channels) in the type of the maps.

        By a product and not by a gather, whose gradient would come in slices.
        """
        chosen = ops.one_hot(ops.cast(labels, "int32"), self.classes, dtype="float32")
        rows = ops.matmul(chosen, ops.cast(weight, "float32"))
        ones = (1,) * (len(normalised.shape) - 2)
        rows = ops.reshape(rows, (-1, *ones, weight.shape[-1]))
        return ops.cast(rows, normalised.dtype)

    def compute_output_shape(self, inputs_shape, labels_shape):
        return tuple(inputs_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "classes": self.classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
