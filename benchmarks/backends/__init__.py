"""What a benchmark asks of a Keras backend; one module for each, with equal functions.

    kind(), name(): cpu, gpu or tpu, and what the device is called
    settings(): versions and switches that change speed
    to_device(arrays): arrays of a structure, on the device
    synchronise(): returns when the device has finished
    peak_bytes(): largest use of the device's own memory; None where it has none
    is_out_of_memory(error): whether that is why it failed
    matrix_product(side, precision), convolution(batch, side, channels, precision),
    accumulate(numbers), nothing(): calls for `ceilings.py`
    inference(network, inputs, xla): a call of a network

A call takes a number of repetitions and returns when the device has finished them all.
"""

import importlib
from types import ModuleType

NAMES = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "bfloat16", "float16")


def load_backend(name: str) -> ModuleType:
    """The module of a backend, whose framework it imports."""
    return importlib.import_module(f"benchmarks.backends.{name}_backend")
