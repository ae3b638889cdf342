"""Multiply-adds of a network, counted in TensorFlow's graph of one forward pass.

A graph has what every layer does, ours and Keras's, and the products between layers.
"""

from collections.abc import Callable, Iterator
from math import prod

import keras
import tensorflow as tf


def count_multiply_adds(network: keras.Model) -> int:
    """Multiply-adds of convolutions and matrix products for one example.

    One multiply-add is one of the papers' "FLOPs" (He et al. 2016, Table 1) and two
    floating-point operations. Biases, normalisation, activations and pooling are not
    counted, as there, and neither are products with a constant matrix: resampling and
    sums over neighbours that are written as one.

    Raises:
        ValueError: an input has a size that is not known, such as (None, None, 3).
    """
    return sum(count for _, count in multiply_adds_of(network))


def multiply_adds_of(network: keras.Model) -> Iterator[tuple[str, int]]:
    """Name and multiply-adds of every counted operation, in the graph's order."""
    unknown = [x.name for x in network.inputs if None in x.shape[1:]]
    if unknown:
        raise ValueError(
            f"multiply-adds need inputs of known size; not known: {', '.join(unknown)}"
        )
    examples = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in network.inputs]
    # A `Sequential` has one input, and no structure of it.
    is_plain = isinstance(network, keras.Sequential)
    structure = network.inputs[0] if is_plain else network.input

    def run(*arrays):
        inputs = keras.tree.pack_sequence_as(structure, list(arrays))
        return network(inputs, training=False)

    function = tf.function(run, autograph=False).get_concrete_function(*examples)
    yield from _in_graph(function.graph)


def _in_graph(graph) -> Iterator[tuple[str, int]]:
    for operation in graph.get_operations():
        if operation.type in CALLS:
            called = operation.get_attr("f").name
            yield from _in_graph(graph._get_function(called).graph)
        elif operation.type in COUNTERS:
            count = COUNTERS[operation.type](operation)
            yield operation.name, count


def _convolution(operation) -> int:
    """Each output number sums over the kernel and the channels of its group."""
    kernel = operation.inputs[1].shape
    return prod(operation.outputs[0].shape) * prod(kernel[:-1])


def _depthwise(operation) -> int:
    kernel = operation.inputs[1].shape
    return prod(operation.outputs[0].shape) * prod(kernel[:2])


def _transposed(operation) -> int:
    """Each input number goes, times the kernel, to every channel of the output."""
    kernel, arriving = operation.inputs[1].shape, operation.inputs[2].shape
    return prod(arriving) * prod(kernel[:-1])


def _product(transposed: str) -> Callable:
    """Of a matrix product whose attribute says whether the first factor is turned."""

    def count(operation) -> int:
        if _has_constant(operation):
            return 0
        first = operation.inputs[0].shape
        summed = first[-2] if operation.get_attr(transposed) else first[-1]
        return prod(operation.outputs[0].shape) * summed

    return count


def _has_constant(operation) -> bool:
    return any(_is_constant(factor.op) for factor in operation.inputs)


def _is_constant(operation) -> bool:
    while operation.type in _SAME_NUMBERS:
        operation = operation.inputs[0].op
    return operation.type == "Const"


def _einsum(operation) -> int:
    """The sizes of all letters multiplied; a letter is a size, whoever has it."""
    if _has_constant(operation):
        return 0
    letters = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {}
    for names, factor in zip(letters, operation.inputs, strict=True):
        sizes.update(zip(names, factor.shape, strict=True))
    return prod(sizes.values())


_SAME_NUMBERS = (
    "Identity",
    "Cast",
    "Reshape",
    "Transpose",
    "ExpandDims",
    "BroadcastTo",
)
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Multiply-adds of an operation, by its type. 0: one that is left out after all.
COUNTERS: dict[str, Callable] = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
    "MatMul": _product("transpose_a"),
    "BatchMatMulV2": _product("adj_x"),
    "BatchMatMulV3": _product("adj_x"),
    "Einsum": _einsum,
}
