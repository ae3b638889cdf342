"""C2D, I3D and a small convolutional network, with non-local blocks in between."""

from functools import partial

import keras
from keras import layers, ops

from cai_keras.errors import UsageError, choose
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.non_local import NonLocal
from cai_keras.networks.residual_blocks import Bottleneck, Convolutions
from cai_keras.networks.resnet import (
    IMAGENET_STAGES,
    apply_classifier,
    apply_imagenet_stem,
    apply_stages,
)

# (blocks, depth) -> stage (0 is res2) -> after which of its residual blocks. 5 blocks
# are the code's "every other block", in R101's res4 every 7th.
_PLACES = {
    (5, 50): {1: (1, 3), 2: (1, 3, 5)},
    (5, 101): {1: (1, 3), 2: (6, 13, 20)},
    (10, 50): {1: range(4), 2: range(6)},
    (10, 101): {1: range(4), 2: (3, 7, 11, 15, 19, 22)},
}
# inflate -> temporal size of the first 1x1 and of the 3x3 where a block is inflated.
_INFLATIONS = {"none": (1, 1), "3x1x1": (3, 1), "3x3x3": (1, 3)}
# Stage -> whether a residual block is inflated, as in the code.
_IS_INFLATED = (
    lambda index: True,
    lambda index: index % 2 == 0,
    lambda index: index % 2 == 0,
    lambda index: index % 2 == 1,
)


def build_network(recipe, side: int | None = None) -> keras.Model:
    """The network of a recipe.

    Args:
        recipe: its sections data and model.
        side: height and width of the input; `data.side` if None.
    Returns:
        model from float (batch, frames, side, side, 3), or (batch, side, side, 3) if
        `data.frames` is 1, to logits (batch, classes).
    """
    side = side or recipe.data.side
    frames = () if recipe.data.frames == 1 else (recipe.data.frames,)
    inputs = keras.Input((*frames, side, side, 3), name="clip")
    build = choose("model.network", recipe.model.network, NETWORKS)
    x = build(inputs, recipe.model)
    network = keras.Model(
        inputs, apply_classifier(x, recipe.data.num_classes, recipe.model.dropout)
    )
    if recipe.model.batch_norm.freeze:
        _freeze_batch_norm(network)
    return network


def apply_resnet(x, model):
    """ResNet-50 or -101 over frames: Table 1, without its last two rows.

    C2D treats every frame by itself and brings frames together by pooling only; I3D
    inflates kernels to `model.inflate`, and the first to 5 frames.
    """
    if model.depth not in (50, 101):
        raise UsageError(f"model.depth: {model.depth}; expected 50 or 101")
    sizes = choose("model.inflate", model.inflate, _INFLATIONS)
    is_video = len(x.shape) == 5
    if not is_video and model.inflate != "none":
        raise UsageError("model.inflate: a picture has no frames; expected none")
    make = _convolutions(model)
    stages = IMAGENET_STAGES[model.depth]
    widths = model.wide_filters if model.widen else model.filters
    apply_block = {
        width: Bottleneck(
            make,
            frames=partial(_frames_of, is_inflated, sizes[0]),
            middle_frames=partial(_frames_of, is_inflated, sizes[1]),
        )
        for width, is_inflated in zip(widths, _IS_INFLATED, strict=True)
    }
    places = _places(model)
    if is_video:
        frames = 1 if model.inflate == "none" else 5
        x = _apply_video_stem(x, make, widths[0] // 4, frames)
    else:
        x = apply_imagenet_stem(x, make, widths[0] // 4)

    def after_block(x, stage, index, name):
        if index in places.get(stage, ()):
            x = apply_non_local(x, model, f"{name}_non_local")
        if is_video and (stage, index) == (0, stages[0] - 1):
            x = _halve(x, (3, 1, 1), (2, 1, 1))  # pool2 of Table 1
        return x

    return apply_stages(
        x,
        stages,
        widths,
        lambda x, width, *place: apply_block[width](x, width, *place),
        after_block,
    )


def apply_convnet(x, model):
    """Convolutions, 3x3 with stride 2 or 1x1; a block, if any, before the last.

    So the relations that it finds still pass a rectifier before they are averaged.
    """
    make = _convolutions(model)
    widths = model.wide_filters if model.widen else model.filters
    pairs = zip(widths, model.kernels, strict=True)
    for number, (width, size) in enumerate(pairs, start=1):
        if number == len(widths) and model.non_local.blocks:
            x = apply_non_local(x, model, "non_local")
        x = make.convolve(x, width, size, f"conv{number}", 2 if size > 1 else 1)
        x = ops.relu(make.normalise(x, f"norm{number}"))
    return x


def apply_non_local(x, model, name: str):
    """A non-local block over space, time or both: Section 3.3 and Table 2d.

    `space` relates the positions of each frame, `time` the frames at each position;
    both are the same layer on another shape.

    Args:
        x: (batch, height, width, channels), where only space exists, or (batch,
            frames, height, width, channels).
    """
    settings = model.non_local
    rearrange = choose("model.non_local.over", settings.over, REARRANGEMENTS)
    block = NonLocal(
        settings.pairwise,
        # Sub-sampling is a pooling over space.
        subsample=settings.subsample and settings.over != "time",
        scale_logits=settings.scale_logits,
        momentum=model.batch_norm.momentum,
        epsilon=model.batch_norm.epsilon,
        kernel_initializer=choose(
            "model.non_local.initializer", settings.initializer, INITIALIZERS
        )(),
        name=name,
    )
    if len(x.shape) == 4:
        return block(x)
    there, back = rearrange(x.shape[1:])
    return back(block(there(x)))


def _spacetime(shape):
    return lambda x: x, lambda x: x


def _space(shape):
    return (
        lambda x: ops.reshape(x, (-1, *shape[1:])),
        lambda x: ops.reshape(x, (-1, *shape)),
    )


def _time(shape):
    frames, height, width, channels = shape

    def there(x):
        x = ops.transpose(x, (0, 2, 3, 1, 4))
        return ops.reshape(x, (-1, frames, channels))

    def back(x):
        x = ops.reshape(x, (-1, height, width, frames, channels))
        return ops.transpose(x, (0, 3, 1, 2, 4))

    return there, back


def _places(model) -> dict:
    """Stage -> after which of its residual blocks a non-local one stands."""
    count, depth = model.non_local.blocks, model.depth
    if count == 0:
        return {}
    if count == 1:  # right before the last residual block
        stage = model.non_local.stage - 2
        if not 0 <= stage < 4:
            raise UsageError("model.non_local.stage: expected 2, 3, 4 or 5")
        return {stage: (IMAGENET_STAGES[depth][stage] - 2,)}
    if (count, depth) not in _PLACES:
        raise UsageError(f"model.non_local.blocks: {count}; expected 0, 1, 5 or 10")
    return _PLACES[count, depth]


def _convolutions(model) -> Convolutions:
    return Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)


def _frames_of(is_inflated, size: int, index: int) -> int:
    return size if is_inflated(index) else 1


def _apply_video_stem(x, make: Convolutions, filters: int, frames: int):
    """conv1 and pool1 of Table 1: 32 x 224 x 224 become 8 x 56 x 56."""
    x = layers.ZeroPadding3D((frames // 2, 3, 3))(x)
    x = layers.Conv3D(
        filters, (frames, 7, 7), 2, use_bias=make.use_bias,
        kernel_initializer=make.initializer(), name="stem_conv",
    )(x)  # fmt: skip
    x = ops.relu(make.normalise(x, "stem_norm"))
    return _halve(x, (3, 3, 3), (2, 2, 2))


def _halve(x, size, strides):
    """Maxima; the zeros around the map are below none of its values after a ReLU."""
    x = layers.ZeroPadding3D(tuple(length // 2 for length in size))(x)
    return layers.MaxPooling3D(size, strides)(x)


def _freeze_batch_norm(network: keras.Model) -> None:
    for layer in network._flatten_layers():
        if isinstance(layer, BatchNormalization):
            layer.trainable = False


NETWORKS = {"resnet": apply_resnet, "convnet": apply_convnet}
INITIALIZERS = {
    "normal_0.01": partial(keras.initializers.RandomNormal, stddev=0.01),
    "he_normal": keras.initializers.HeNormal,
}
# over -> function of (frames, height, width, channels) giving the ways there and back.
REARRANGEMENTS = {"spacetime": _spacetime, "space": _space, "time": _time}
