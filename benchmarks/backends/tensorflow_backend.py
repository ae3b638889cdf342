"""TensorFlow as the benchmarks need it: see the package's text."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

Call = Callable[[int], None]


def kind() -> str:
    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_logical_devices("GPU") else "cpu"


def name() -> str | None:
    """None of a processor: the host knows its name."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details = tf.config.experimental.get_device_details(gpus[0])
    return details.get("device_name", gpus[0].name)


def settings() -> dict[str, Any]:
    build = tf.sysconfig.get_build_info()
    found = {key: build.get(key) for key in ("cuda_version", "cudnn_version")}
    return {
        "version": tf.__version__,
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        **found,
    }


def to_device(arrays):
    with tf.device(_device()):
        return tf.nest.map_structure(tf.constant, arrays)


def synchronise() -> None:
    tf.test.experimental.sync_devices()


def peak_bytes() -> int | None:
    if kind() != "gpu":
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, tf.errors.ResourceExhaustedError)


def matrix_product(side: int, precision: str) -> Call:
    a, b = (_random((side, side), precision) for _ in "ab")
    return _repeated(tf.function(lambda: tf.matmul(a, b)))


def convolution(batch: int, side: int, channels: int, precision: str) -> Call:
    image = _random((batch, side, side, channels), precision)
    kernel = _random((3, 3, channels, channels), precision)
    return _repeated(tf.function(lambda: tf.nn.conv2d(image, kernel, 1, "SAME")))


def accumulate(numbers: int) -> Call:
    with tf.device(_device()):
        total, added = tf.Variable(tf.zeros([numbers])), tf.ones([numbers])

    @tf.function
    def add():
        # In place: a new array for each result would measure the system's page faults.
        total.assign_add(added)

    return _repeated(add)


def nothing() -> Call:
    number = _random((8,), "float32")
    return _repeated(tf.function(lambda: number + 1.0))


def inference(network: keras.Model, inputs, xla: bool) -> Call:
    call = tf.function(
        lambda x: network(x, training=False), autograph=False, jit_compile=xla or None
    )
    call = call.get_concrete_function(inputs)
    flat = tf.nest.flatten(inputs)
    return _repeated(lambda: call(*flat))


def _repeated(function: Callable[[], Any]) -> Call:
    def call(times: int) -> None:
        for _ in range(times):
            function()
        tf.test.experimental.sync_devices()

    return call


def _random(shape, precision: str) -> tf.Tensor:
    with tf.device(_device()):
        return tf.cast(tf.random.uniform(shape), precision)


def _device() -> str:
    return "/GPU:0" if tf.config.list_logical_devices("GPU") else "/CPU:0"
