"""Grouped convolution, fast also on a CPU."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class GroupedConv2D(keras.layers.Conv2D):
    """Keras's `Conv2D(groups=g)`, computed group by group on TensorFlow's CPU.

    Krizhevsky et al. 2012, Section 3.5 (two groups, one per GPU); Xie et al. 2017,
    ResNeXt (arXiv:1611.05431), Section 3.3, Fig. 3(c): the channels are cut into g
    equal parts, each part has its own filters / g kernels, the results are joined.

    Keras compiles a grouped convolution with XLA on a CPU, whose gradient is slow.
    Where TensorFlow sees no other device, this layer splits, convolves and joins, or
    takes the depthwise kernel where a group is one channel; float16, which a CPU only
    emulates, is computed in float32 and rounded once, as XLA does. Every other case is
    Keras's own code. Weights, config and values are those of `keras.layers.Conv2D`.

    Forward and backward, 32x32x32x64, 3x3, 2 cores: 13 ms against 1250 ms for 8 groups,
    21 against 3678 for 32 (`benchmarks/layers.py`), 5 against 113 for 64. A forward
    pass alone gains less; 1x7x7x512 in 256 groups takes 1.9 ms against 1.0.

    Args:
        args, kwargs: of `keras.layers.Conv2D`.

    Call:
        inputs: float (batch, height, width, channels), or (batch, channels, height,
            width) if `data_format` is "channels_first"; kernel: (kernel height,
            kernel width, channels / groups, filters).
        Returns: float (batch, new height, new width, filters) in the same order.
    Raises:
        ValueError: `groups` divides `filters` or the channels with a remainder, or is
            not positive.
    """

    def convolution_op(self, inputs, kernel):
        if not self._can_split(inputs):
            return super().convolution_op(inputs, kernel)
        inputs, kernel = ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel)
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if dtype == "float16":
            inputs, kernel = ops.cast(inputs, "float32"), ops.cast(kernel, "float32")
        # Without oneDNN, TensorFlow's CPU kernels know channels_last only.
        if self.data_format == "channels_first":
            inputs = ops.transpose(inputs, (0, 2, 3, 1))
        outputs = self._convolve_groups(inputs, kernel)
        if self.data_format == "channels_first":
            outputs = ops.transpose(outputs, (0, 3, 1, 2))
        return ops.cast(outputs, dtype)

    def _convolve_groups(self, inputs, kernel):
        """Channels last on both sides."""
        geometry = {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "data_format": "channels_last",
        }
        # TensorFlow's depthwise kernel has one stride for both axes.
        if kernel.shape[-2] == 1 and self.strides[0] == self.strides[1]:
            shape = (*self.kernel_size, self.groups, self.filters // self.groups)
            return ops.depthwise_conv(inputs, ops.reshape(kernel, shape), **geometry)
        parts = zip(
            ops.split(inputs, self.groups, axis=-1),
            ops.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        outputs = [ops.conv(part, weights, **geometry) for part, weights in parts]
        return ops.concatenate(outputs, axis=-1)

    def _can_split(self, inputs) -> bool:
        return (
            self.groups > 1
            and keras.backend.backend() == "tensorflow"
            and _only_cpus_are_visible()
            # oneDNN gives an empty output the wrong shape and values never written,
            # in Keras's ungrouped Conv2D too. A size below the kernel's raises here.
            and 0 not in self.compute_output_shape(inputs.shape)
        )


def _only_cpus_are_visible() -> bool:
    """Also False where a remote TPU is connected: it is a logical device only."""
    import tensorflow as tf  # the measured fast path of this backend only

    return all(d.device_type == "CPU" for d in tf.config.list_logical_devices())
