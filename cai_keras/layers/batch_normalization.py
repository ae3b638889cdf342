"""Batch normalisation with TensorFlow's fused kernel where it gives the same values."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation over the last axis, faster on TensorFlow.

    Ioffe and Szegedy 2015 (arXiv:1502.03167), Algorithm 1:
        y = gamma (x - mu_B) / sqrt(sigma_B^2 + epsilon) + beta
    and moving averages with weight 1 - momentum for the new batch, of the biased
    variance as in Keras.

    Keras 3 composes this from many small operations. On TensorFlow, 4-D inputs with
    channels last take one fused kernel forward and one backward instead (benchmark:
    `benchmarks/layers.py`); every other case is Keras's own code, but for the moments
    of `synchronized` replicas: Keras computes E[x^2] - E[x]^2, which loses all digits
    where the mean is large; here the deviations are summed after the mean is known.

    Args:
        momentum, epsilon: no default is hidden: papers differ, so both are required.
        kwargs: of `keras.layers.BatchNormalization`.
    """

    def __init__(self, momentum, epsilon, **kwargs):
        if kwargs.pop("axis", -1) != -1:
            raise ValueError("cai_keras.layers.BatchNormalization has axis -1 only")
        super().__init__(axis=-1, momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        if not self._can_fuse(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # the measured fast path of this backend only

        fused = tf.raw_ops.FusedBatchNormV3
        channels = inputs.shape[-1]
        scale = ops.cast(self.gamma, "float32") if self.scale else ops.ones(channels)
        offset = ops.cast(self.beta, "float32") if self.center else ops.zeros(channels)
        if not (training and self.trainable):
            return fused(
                x=inputs,
                scale=scale,
                offset=offset,
                mean=ops.cast(self.moving_mean, "float32"),
                variance=ops.cast(self.moving_variance, "float32"),
                epsilon=self.epsilon,
                is_training=False,
            )[0]
        outputs, mean, variance, *_ = fused(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel returns the unbiased variance n / (n - 1) sigma^2.
        count = ops.cast(ops.size(inputs) // ops.shape(inputs)[-1], "float32")
        variance = variance * (count - 1.0) / count
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return outputs

    def get_config(self):
        config = super().get_config()
        config.pop("axis")
        return config

    def _can_fuse(self, inputs, mask) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and mask is None
            and not self._spans_replicas()
            # The kernel has float32 statistics and no float64 at all.
            and self.variable_dtype == "float32"
            # The kernel refuses a smaller epsilon on a GPU.
            and self.epsilon >= 1.001e-5
        )

    def _spans_replicas(self) -> bool:
        if not self.synchronized or keras.backend.backend() != "tensorflow":
            return False
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync > 1

    def _moments(self, inputs, mask):
        if mask is not None or not self._spans_replicas():
            return super()._moments(inputs, mask)
        import tensorflow as tf

        def total(values):
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        axes = self._reduction_axes
        x = ops.cast(inputs, "float32")
        count = ops.cast(ops.size(x) // ops.shape(x)[-1], "float32")
        sums, count = total([ops.sum(x, axes), count])
        mean = sums / count
        return mean, total(ops.sum(ops.square(x - mean), axes)) / count

    def _move(self, average, value) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))
