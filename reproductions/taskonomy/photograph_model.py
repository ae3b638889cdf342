"""Networks of the paper's size, with what each kind of task needs at their end."""

import keras
from keras import layers, ops

from cai_keras.layers.channel_choice import ChannelChoice
from cai_keras.networks.residual_blocks import Convolutions

from .model import (
    CODE_CHANNELS,
    build_paper_decoder,
    build_paper_encoder,
    build_paper_transfer,
)
from .tasks import LABELS, MAP, Task

_HIDDEN, _DROPOUT = 2048, 0.5


def build_task_network(
    make: Convolutions, side: int, task: Task, name: str
) -> keras.Model:
    """Image -> {"code", "answers"}: encoder and head of one task."""
    encoder = build_paper_encoder(make, side)
    inputs = keras.Input((side, side, 3), name="image")
    code = encoder(inputs)
    answers = _one_candidate(build_head(make, task, code.shape[1:])(code))
    return keras.Model(inputs, {"code": code, "answers": answers}, name=name)


def build_transfer(
    make: Convolutions, side: int, num_sources: int, order: int, task: Task, name: str
) -> keras.Model:
    """Codes of all sources -> answer of a transfer from `order` of them.

    The layer `choice` holds which. Then come the paper's transfer function and a head
    of the target's kind that knows nothing yet.
    """
    code_side = side // 16
    shape = (code_side, code_side, num_sources * CODE_CHANNELS)
    inputs = keras.Input(shape, name="codes")
    x = ChannelChoice(order, CODE_CHANNELS, name="choice")(inputs)
    x = build_paper_transfer(make, order, code_side)(x)
    answers = _one_candidate(build_head(make, task, x.shape[1:])(x))
    return keras.Model(inputs, answers, name=name)


def build_head(make: Convolutions, task: Task, code_shape) -> keras.Model:
    """Code -> map, logits of a map, or numbers of a vector and logits of classes.

    Maps have the paper's decoder, which ends in tanh even where its numbers are
    logits, as in the released code; the others `encoder_multilayers_fc_bn`: 2,048
    units, normalised, half of them dropped, and a dense layer.
    """
    if task.kind in (MAP, LABELS):
        return build_paper_decoder(make, task.size, code_shape)
    inputs = keras.Input(code_shape, name="code")

    def dense(units, name, **options):
        start = keras.initializers.TruncatedNormal(stddev=0.01)
        return layers.Dense(units, kernel_initializer=start, name=name, **options)

    x = dense(_HIDDEN, "hidden", use_bias=False)(layers.Flatten()(inputs))
    x = ops.relu(make.normalise(x, "hidden_norm"))
    x = layers.Dropout(_DROPOUT)(x)
    return keras.Model(inputs, dense(task.size, "output")(x), name="head")


def _one_candidate(answers):
    return ops.expand_dims(answers, 1)
