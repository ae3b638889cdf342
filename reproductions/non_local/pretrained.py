"""Weights to start from: ImageNet, inflated over frames, or those of an earlier run."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from cai_keras.errors import DataError, UsageError

_TRUNKS = {50: keras.applications.ResNet50, 101: keras.applications.ResNet101}
# Our part of a block -> its parts in keras.applications.
_PARTS = {
    "conv1": "1_conv", "conv2": "2_conv", "conv3": "3_conv", "projection": "0_conv",
    "norm1": "1_bn", "norm2": "2_bn", "norm3": "3_bn", "projection_norm": "0_bn",
}  # fmt: skip


def start_from(network: keras.Model, model) -> None:
    """Sets the weights that a recipe starts from.

    Args:
        model: the recipe's section. `start_from` is `scratch`, `imagenet`, or the
            exported .keras file of a run whose network has the same weights, such as
            a 32-frame one for 128 frames.
    Raises:
        UsageError, DataError: another kind of start, or a file that does not fit.
    """
    if model.start_from == "scratch":
        return
    if model.start_from == "imagenet":
        if model.network != "resnet" or model.widen:
            raise UsageError("model.start_from: ImageNet has weights for C2D and I3D")
        trunk = _TRUNKS[model.depth](include_top=False, weights="imagenet")
        inflate(trunk, network)
        return
    path = Path(model.start_from).expanduser()
    if not path.is_file():
        raise UsageError(
            f"model.start_from: {model.start_from!r}; expected scratch, imagenet or a "
            ".keras file"
        )
    earlier = keras.saving.load_model(path, compile=False).get_weights()
    expected = [weight.shape for weight in network.weights]
    if [tuple(value.shape) for value in earlier] != [tuple(s) for s in expected]:
        raise DataError(f"{path}: the weights of another network")
    network.set_weights(earlier)


def inflate(trunk: keras.Model, network: keras.Model) -> None:
    """Copies an ImageNet trunk of keras.applications into C2D or I3D.

    Section 4: a kernel of t frames has t copies of the 2-D kernel, each divided by t
    (Carreira and Zisserman 2017, arXiv:1705.07750): on a video that stands still it
    answers as on the picture. The trunk's convolutions have biases, ours do not:
    moving means take them over.

    Args:
        trunk: keras.applications.ResNet50 or ResNet101, without its top.
        network: from `build_network`; non-local blocks and classifier stay.
    """
    for layer in network.layers:
        theirs = _name_in_trunk(layer.name)
        if theirs is None:
            continue
        source = trunk.get_layer(theirs)
        if isinstance(layer, keras.layers.BatchNormalization):
            convolution = trunk.get_layer(f"{theirs.removesuffix('bn')}conv")
            gamma, beta, mean, variance = source.get_weights()
            mean = mean - ops.convert_to_numpy(convolution.bias)
            layer.set_weights([gamma, beta, mean, variance])
        else:
            kernel = ops.convert_to_numpy(source.kernel)
            if len(layer.kernel.shape) == 5:
                frames = layer.kernel.shape[0]
                kernel = np.stack([kernel / frames] * frames)
            layer.kernel.assign(kernel)


def _name_in_trunk(name: str) -> str | None:
    """conv3_block1_1_conv for stage2_block1_conv1; None for what it does not have."""
    stems = {"stem_conv": "conv1_conv", "stem_norm": "conv1_bn"}
    if name in stems:
        return stems[name]
    stage, _, rest = name.partition("_")
    block, _, part = rest.partition("_")
    if not stage.startswith("stage") or part not in _PARTS:
        return None
    return f"conv{int(stage.removeprefix('stage')) + 1}_{block}_{_PARTS[part]}"
