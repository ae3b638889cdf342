"""Small encoders and readouts for scenes, and many readouts side by side.

A readout answers one task from one code, or from several laid one behind the other. All
readouts of a target learn from the same examples at the same time: as groups of one
network, whose weights have nothing to do with one another.
"""

from collections.abc import Sequence
from itertools import count

import keras
from keras import ops

from cai_keras.layers.channel_choice import ChannelChoice
from cai_keras.layers.grouped_conv2d import GroupedConv2D
from cai_keras.networks.residual_blocks import Convolutions

from .model import CODE_CHANNELS
from .tasks import CLASS, VECTOR, Task

# A cell of the code answers for so many pixels of a map, squared.
CELL = 4


def seeded(make: Convolutions, seed: int) -> Convolutions:
    """The same, with initial weights that depend on `seed` and on nothing else."""
    seeds = count(1000 * seed)

    def initializer():
        return keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal", seed=next(seeds)
        )

    return Convolutions(make.momentum, make.epsilon, initializer, make.use_bias)


def build_encoder(
    make: Convolutions, side: int, filters: Sequence[int], name: str
) -> keras.Model:
    """Image -> code: convolutions with stride 2, and one to 8 maps.

    Images (side, side, 3) in [-1, 1] become (side / 8, side / 8, 8), not negative.
    """
    inputs = keras.Input((side, side, 3), name="image")
    x = inputs
    for number, width in enumerate(filters, start=1):
        x = make.convolve(x, width, 3, f"conv{number}", stride=2)
        x = ops.relu(make.normalise(x, f"norm{number}"))
    x = make.convolve(x, CODE_CHANNELS, 3, "code_conv")
    return keras.Model(inputs, ops.relu(make.normalise(x, "code_norm")), name=name)


def apply_readouts(codes, candidates: int, width: int, task: Task, name: str):
    """Answers of `candidates` readouts: (batch, candidates, ...).

    A 3x3 convolution to `width` maps, then a 3x3 convolution whose channels are the
    pixels of a cell of the answer, or a dense layer for vectors and classes.

    Args:
        codes: (batch, side, side, candidates x channels), candidate after candidate.
    """

    def convolve(x, filters, size, padding, part):
        layer = GroupedConv2D(
            candidates * filters, size, padding=padding, groups=candidates,
            kernel_initializer="he_normal", name=f"{name}_{part}",
        )  # fmt: skip
        return layer(x)

    side = codes.shape[1]
    x = ops.relu(convolve(codes, width, 3, "same", "hidden"))
    if task.kind in (VECTOR, CLASS):
        x = convolve(x, task.size, side, "valid", "answer")
        return ops.reshape(x, (-1, candidates, task.size))
    x = convolve(x, CELL * CELL * task.size, 3, "same", "answer")
    x = ops.reshape(x, (-1, side, side, candidates, CELL, CELL, task.size))
    x = ops.transpose(x, (0, 3, 1, 4, 2, 5, 6))
    return ops.reshape(x, (-1, candidates, side * CELL, side * CELL, task.size))


def build_task_network(
    make: Convolutions, side: int, filters, width: int, task: Task, name: str
) -> keras.Model:
    """Image -> {"code", "answers"}: a network of its own for one task."""
    encoder = build_encoder(make, side, filters, "encoder")
    inputs = keras.Input((side, side, 3), name="image")
    code = encoder(inputs)
    answers = apply_readouts(code, 1, width, task, "readout")
    return keras.Model(inputs, {"code": code, "answers": answers}, name=name)


def build_transfers(
    make: Convolutions,
    code_side: int,
    num_sources: int,
    candidates: int,
    order: int,
    width: int,
    task: Task,
    name: str,
) -> keras.Model:
    """Codes of all sources -> answers of `candidates` transfers of one order.

    The layer `choice` holds which sources each candidate reads, and is saved with the
    network. Codes are normalised before they are read: sources differ in scale.

    Args:
        num_sources: whose codes lie one behind the other in the input.
    """
    shape = (code_side, code_side, num_sources * CODE_CHANNELS)
    inputs = keras.Input(shape, name="codes")
    x = ChannelChoice(candidates * order, CODE_CHANNELS, name="choice")(inputs)
    x = make.normalise(x, "norm")
    answers = apply_readouts(x, candidates, width, task, "readout")
    return keras.Model(inputs, answers, name=name)
