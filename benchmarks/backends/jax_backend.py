"""JAX as the benchmarks need it: see the package's text."""

from collections.abc import Callable
from typing import Any

import jax
import jaxlib
import keras
from jax import numpy as jnp

Call = Callable[[int], None]


def kind() -> str:
    return jax.devices()[0].platform


def name() -> str | None:
    """None of a processor: the host knows its name."""
    return None if kind() == "cpu" else jax.devices()[0].device_kind


def settings() -> dict[str, Any]:
    return {
        "version": jax.__version__,
        "jaxlib_version": jaxlib.__version__,
        # None is the backend's own: TensorFloat-32 on GPUs that have it.
        "matmul_precision": jax.config.jax_default_matmul_precision,
    }


def to_device(arrays):
    return jax.device_put(arrays)


def synchronise() -> None:
    """Devices compute in the order of calls: the newest result is the last."""
    jax.block_until_ready(jax.device_put(0.0) + 0)


def peak_bytes() -> int | None:
    statistics = jax.devices()[0].memory_stats()
    return statistics["peak_bytes_in_use"] if statistics else None


def is_out_of_memory(error: BaseException) -> bool:
    return "RESOURCE_EXHAUSTED" in str(error)


def matrix_product(side: int, precision: str) -> Call:
    a, b = (_random((side, side), precision) for _ in "ab")
    return _repeated(jax.jit(jnp.matmul), a, b)


def convolution(batch: int, side: int, channels: int, precision: str) -> Call:
    image = _random((batch, side, side, channels), precision)
    kernel = _random((3, 3, channels, channels), precision)

    @jax.jit
    def convolve(image, kernel):
        return jax.lax.conv_general_dilated(
            image, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    return _repeated(convolve, image, kernel)


def accumulate(numbers: int) -> Call:
    total, added = jnp.zeros(numbers), jnp.ones(numbers)
    add = jax.jit(jnp.add, donate_argnums=0)

    def call(times: int) -> None:
        nonlocal total
        for _ in range(times):
            total = add(total, added)
        total.block_until_ready()

    return call


def nothing() -> Call:
    return _repeated(jax.jit(lambda x: x + 1), jnp.zeros(8))


def inference(network: keras.Model, inputs, xla: bool) -> Call:
    """Always compiled by XLA."""
    weights = [v.value for v in network.trainable_variables]
    state = [v.value for v in network.non_trainable_variables]

    @jax.jit
    def predict(weights, state, inputs):
        return network.stateless_call(weights, state, inputs, training=False)[0]

    return _repeated(predict, weights, state, inputs)


def _repeated(function: Callable, *arguments) -> Call:
    def call(times: int) -> None:
        for _ in range(times):
            found = function(*arguments)
        jax.block_until_ready(found)

    return call


def _random(shape, precision: str):
    return jax.random.uniform(jax.random.key(0), shape).astype(precision)
