"""Operations of networks and of training steps, counted in TensorFlow's graphs.

A graph of a training step has its backward passes too, each as often as the step takes
it: a generator that makes pictures for a discriminator's update has none there.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.costs import Cost
from benchmarks.example_inputs import image_shape_of
from cai_keras.training.multiply_adds import CALLS, COUNTERS
from cai_keras.training.updates import apply_updates

_FLOPS = 2  # of a multiply-add: one multiplication and one addition


def _filter_gradient(operation) -> int:
    """As many as the convolution itself: each output times each number it summed."""
    kernel, arriving = operation.outputs[0].shape, operation.inputs[2].shape
    return prod(arriving) * prod(kernel[:-1])


def _depthwise_filter_gradient(operation) -> int:
    kernel, arriving = operation.outputs[0].shape, operation.inputs[2].shape
    return prod(arriving) * prod(kernel[:2])


def _depthwise_input_gradient(operation) -> int:
    kernel, arriving = operation.inputs[1].shape, operation.inputs[2].shape
    return prod(arriving) * prod(kernel[:2])


_GRADIENTS = {
    "Conv2DBackpropFilter": _filter_gradient,
    "Conv3DBackpropFilterV2": _filter_gradient,
    "DepthwiseConv2dNativeBackpropFilter": _depthwise_filter_gradient,
    "DepthwiseConv2dNativeBackpropInput": _depthwise_input_gradient,
}


def count_in_graph(graph) -> tuple[int, int]:
    """Multiply-adds, and numbers in the outputs of the operations that have them."""
    multiply_adds, numbers = 0, 0
    for operation, counter in _counted(graph):
        count = counter(operation)
        multiply_adds += count
        numbers += prod(operation.outputs[0].shape) if count else 0
    return multiply_adds, numbers


def _counted(graph) -> Iterator[tuple[Any, Any]]:
    counters = {**COUNTERS, **_GRADIENTS}
    needed = _needed(graph)
    for operation in graph.get_operations():
        if operation not in needed:
            continue
        if operation.type in CALLS:
            called = operation.get_attr("f").name
            yield from _counted(graph._get_function(called).graph)
        elif operation.type in counters:
            yield operation, counters[operation.type]


def _needed(graph) -> set:
    """Operations that are run: what results and assignments depend on.

    The gradient of a convolution is traced for its image too, also where that is the
    batch and nobody asks for it; TensorFlow leaves it out when it runs the graph.
    """
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    found = set()
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
            waiting += operation.control_inputs
    return found


def cost_of_network(network: keras.Model, inputs) -> Cost:
    """Of a forward pass.

    Args:
        inputs: a batch of them, as the network is called; only shapes and types count.
    """
    graph = _graph_of(lambda x: network(x, training=False), inputs)
    multiply_adds, activations = count_in_graph(graph)
    batch_size = _batch_size(inputs)
    return Cost(
        parameters=_size(network.trainable_variables),
        sample_flops=_FLOPS * multiply_adds / batch_size,
        sample_activations=activations / batch_size,
        optimizer_numbers=0,
        sample_inputs=_sample_numbers(inputs),
        image_shape=image_shape_of(inputs),
    )


def cost_of_training(learner, batch: Mapping[str, Any]) -> Cost:
    """Of a step with all updates, each as often as it is due.

    Args:
        learner: its optimizers must be built.
        batch: arrays; only shapes and types count.
    """
    batch_size = _batch_size(batch)
    flops, activations = 0.0, 0.0
    for update in learner.updates():
        due = learner.rules[update.name].every
        step = _graph_of(
            lambda given, name=update.name: apply_updates(
                learner, given, batch_size, (name,)
            ),
            batch,
        )
        flops += _FLOPS * count_in_graph(step)[0] / due
        activations += count_in_graph(_graph_of(update.losses, batch))[1] / due
    optimizers = learner.update_optimizers.values()
    return Cost(
        parameters=_size(
            variable
            for network in learner.networks.values()
            for variable in network.trainable_variables
        ),
        sample_flops=flops / batch_size,
        sample_activations=activations / batch_size,
        optimizer_numbers=_size(v for one in optimizers for v in one.variables),
        sample_inputs=_sample_numbers(batch),
        image_shape=image_shape_of(batch),
    )


def _graph_of(function, arrays):
    specs = keras.tree.map_structure(
        lambda one: tf.TensorSpec(one.shape, one.dtype), arrays
    )
    return tf.function(function, autograph=False).get_concrete_function(specs).graph


def _batch_size(arrays) -> int:
    return keras.tree.flatten(arrays)[0].shape[0]


def _sample_numbers(arrays) -> int:
    return sum(prod(one.shape[1:]) for one in keras.tree.flatten(arrays))


def _size(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
