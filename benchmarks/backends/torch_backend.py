"""PyTorch as the benchmarks need it, eager: see the package's text."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.nn import functional

Call = Callable[[int], None]


def kind() -> str:
    return "gpu" if torch.cuda.is_available() else "cpu"


def name() -> str | None:
    """None of a processor: the host knows its name."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def settings() -> dict[str, Any]:
    return {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "tensor_float_32_products": torch.backends.cuda.matmul.allow_tf32,
        "tensor_float_32_convolutions": torch.backends.cudnn.allow_tf32,
        "cuda_version": torch.version.cuda,
        "cudnn_version": torch.backends.cudnn.version(),
    }


def to_device(arrays):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_bytes() -> int | None:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def is_out_of_memory(error: BaseException) -> bool:
    # The CPU's allocator raises a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def matrix_product(side: int, precision: str) -> Call:
    a, b = (_random((side, side), precision) for _ in "ab")
    return _repeated(lambda: a @ b)


def convolution(batch: int, side: int, channels: int, precision: str) -> Call:
    last = torch.channels_last
    image = _random((batch, channels, side, side), precision).to(memory_format=last)
    kernel = _random((channels, channels, 3, 3), precision).to(memory_format=last)
    return _repeated(lambda: functional.conv2d(image, kernel, padding="same"))


def accumulate(numbers: int) -> Call:
    total, added = (
        make(numbers, device=_device()) for make in (torch.zeros, torch.ones)
    )
    return _repeated(lambda: total.add_(added))


def nothing() -> Call:
    number = torch.zeros(8, device=_device())
    return _repeated(lambda: number + 1)


def inference(network: keras.Model, inputs, xla: bool) -> Call:
    """Not compiled."""
    return _repeated(lambda: network(inputs, training=False))


def _repeated(function: Callable[[], Any]) -> Call:
    def call(times: int) -> None:
        with torch.no_grad():
            for _ in range(times):
                function()
        synchronise()

    return call


def _random(shape, precision: str) -> torch.Tensor:
    return torch.rand(shape, device=_device()).to(getattr(torch, precision))


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
