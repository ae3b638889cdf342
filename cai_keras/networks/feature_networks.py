"""Networks whose features measure how alike two pictures look, by name.

    imagenet_vgg16, imagenet_vgg19: keras.applications, trained on ImageNet (a download)
    cai_vgg: trained by this project on CIFAR-10, shipped with it; nothing to download
    random_vgg, random_vgg/SEED: the layers of cai_vgg with random weights: a control
    path:FILE: weights of your own, see `load_feature_network`

All of them are called with pictures in [0, 1], red first, of any size, and their layers
have the names of Gatys et al. 2016: `conv3_2` is the second convolution of the third
block, after its ReLU.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from cai_keras.errors import DataError, UsageError, choose, nearest
from cai_keras.layers.image_preparation import ImagePreparation
from cai_keras.networks.folding import give_unit_mean_activations
from cai_keras.networks.vgg import BLOCKS, FILTERS, apply_vgg_blocks
from cai_keras.networks.weight_file import read_weight_file

CAI_VGG = Path(__file__).with_name("weights") / "cai_vgg.npz"
POOLINGS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
# Blue, green, red of ImageNet's mean, as in the Caffe release of VGG.
_CAFFE_MEAN = [103.939 / 255, 116.779 / 255, 123.68 / 255]
# Of cai_vgg: its random twin has the same layers.
_CAI_BLOCKS = (2, 2, 3, 3, 3)
_CAI_FILTERS = (32, 64, 128, 256, 256)
# Of its layer's mean activation, see `give_unit_mean_activations`.
_LEAST_SHARE = 0.1
_NAME = re.compile(r"conv(\d+)_(\d+)")


@dataclass(frozen=True)
class FeatureNetwork:
    """A frozen network for pictures, and which one it is.

    Attributes:
        name: as it stands in names of metrics and in passports.
        digest: SHA-256 of its weights, 64 hexadecimal digits.
        trunk: prepared pictures -> the last pooling; convolutions `block1_conv1`, ...
        preparation: from pictures in [0, 1] to what `trunk` wants.
    """

    name: str
    digest: str
    trunk: keras.Model
    preparation: ImagePreparation

    @property
    def layers(self) -> tuple[str, ...]:
        """conv1_1, conv1_2, ... in order."""
        return tuple(
            layer.name.replace("block", "conv").replace("_conv", "_", 1)
            for layer in self.trunk.layers
            if isinstance(layer, layers.Conv2D)
        )

    def extractor(self, names: Sequence[str]) -> keras.Model:
        """A frozen network: pictures (batch, height, width, 3) -> {name: maps}.

        Args:
            names: of `layers`.
        Raises:
            UsageError: there is no such layer; names the nearest.
        """
        for name in names:
            if name not in self.layers:
                raise UsageError(
                    f"{self.name}: no layer {name!r}; {nearest(name, self.layers)}"
                )
        maps = {
            name: self.trunk.get_layer(self.trunk_name(name)).output for name in names
        }
        part = keras.Model(self.trunk.input, maps)
        images = keras.Input((None, None, 3), name="image")
        network = keras.Model(images, part(self.preparation(images)))
        network.trainable = False
        return network

    @staticmethod
    def trunk_name(name: str) -> str:
        """`block4_conv2`, the name in `trunk` of the layer conv4_2."""
        return _NAME.sub(r"block\1_conv\2", name)


def load_feature_network(
    spec: str, pooling: str = "max", photographs: Sequence[np.ndarray] | None = None
) -> FeatureNetwork:
    """A feature network by its name: see this module's text.

    `path:FILE` is a file of `cai cai_vgg export` (.npz with its .json), or weights of
    keras.applications.VGG16 or VGG19 without their dense layers (.h5), as Keras's own
    download saves them.

    Args:
        pooling: max as trained, or average, which Gatys et al. 2016 prefer.
        photographs: (height, width, 3) in [0, 1], of any sizes. If given, every filter
            is scaled so that its mean activation on them is 1, as Gatys et al. do;
            random weights need it, or deep layers vanish.
    Raises:
        UsageError: an unknown name or pooling.
        DataError: weights are missing or damaged; says how to get them.
    """
    choose("feature network: pooling", pooling, POOLINGS)
    kind, _, rest = spec.partition(":" if spec.startswith("path:") else "/")
    if kind == "path":
        network = _from_file(Path(rest).expanduser(), pooling)
    else:
        make = choose("feature network", kind, _KINDS)
        network = make(kind, rest, pooling)
    if photographs is not None:
        prepared = [
            keras.ops.convert_to_numpy(network.preparation(image[None]))[0]
            for image in photographs
        ]
        give_unit_mean_activations(network.trunk, prepared, _LEAST_SHARE)
    return network


def build_trunk(
    blocks: Sequence[int], filters: Sequence[int], pooling: str = "max", kernel_size=3
) -> keras.Model:
    """VGG's convolutions with bias, for maps of any size, with random weights."""
    inputs = keras.Input((None, None, 3))
    x = apply_vgg_blocks(
        inputs, blocks, filters, POOLINGS[pooling], kernel_size=kernel_size
    )
    return keras.Model(inputs, x)


def _imagenet(kind: str, rest: str, pooling: str) -> FeatureNetwork:
    _refuse(kind, rest)
    depth = int(kind.removeprefix("imagenet_vgg"))
    make = {16: keras.applications.VGG16, 19: keras.applications.VGG19}[depth]
    try:
        source = make(include_top=False, weights="imagenet")
    except Exception as error:  # a download fails in many ways
        raise DataError(
            f"feature network {kind}: its weights cannot be downloaded "
            f"({type(error).__name__}); get the file of keras.applications.VGG{depth} "
            "without dense layers and say path:FILE.h5, or use cai_vgg"
        ) from error
    return _caffe_vgg(kind, depth, [x.get_weights() for x in source.layers], pooling)


def _random(kind: str, rest: str, pooling: str) -> FeatureNetwork:
    if rest and not rest.isdigit():
        raise UsageError(f"feature network {kind}/SEED: no whole number: {rest!r}")
    rng = np.random.default_rng(int(rest or 0))
    trunk = build_trunk(_CAI_BLOCKS, _CAI_FILTERS, pooling)
    for layer in _convolutions(trunk):
        kernel, bias = layer.get_weights()
        # He et al. 2015: as much variance behind a ReLU as before it.
        deviation = np.sqrt(2.0 / np.prod(kernel.shape[:3]))
        layer.set_weights([rng.normal(0, deviation, kernel.shape), 0 * bias])
    # Pictures have a mean of about 0.45 and a deviation of about 0.25.
    preparation = ImagePreparation([0.45] * 3, [0.25] * 3)
    name = f"{kind}_{rest}" if rest else kind
    return FeatureNetwork(name, _digest_of(trunk), _frozen(trunk), preparation)


def _cai(kind: str, rest: str, pooling: str) -> FeatureNetwork:
    _refuse(kind, rest)
    return _from_file(CAI_VGG, pooling)


def _from_file(path: Path, pooling: str) -> FeatureNetwork:
    if path.suffix == ".h5":
        return _from_keras_file(path, pooling)
    weights, about = read_weight_file(path)
    network = about["network"]
    trunk = build_trunk(
        network["blocks"], network["filters"], pooling, network["kernel_size"]
    )
    for layer in _convolutions(trunk):
        layer.set_weights(weights[layer.name])
    image = about["image"]
    preparation = ImagePreparation(image["mean"], image["deviation"])
    return FeatureNetwork(path.stem, about["sha256"], _frozen(trunk), preparation)


def _from_keras_file(path: Path, pooling: str) -> FeatureNetwork:
    if not path.is_file():
        raise DataError(f"feature network path:{path}: no such file")
    makes = {13: (16, keras.applications.VGG16), 16: (19, keras.applications.VGG19)}
    try:
        # Keras loads what fits and leaves the rest: the file says which one it is.
        depth, make = makes[_count_kernels(path)]
        source = make(include_top=False, weights=None)
        source.load_weights(path)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(
            f"feature network path:{path}: expected weights of keras.applications."
            "VGG16 or VGG19 without dense layers"
        ) from error
    found = [layer.get_weights() for layer in source.layers]
    return _caffe_vgg(path.stem, depth, found, pooling)


def _count_kernels(path: Path) -> int:
    """Convolutions in a file of Keras, of version 2 or 3."""
    kernels = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                kernels.append(name) if getattr(item, "ndim", 0) == 4 else None
            )
        )
    return len(kernels)


def _caffe_vgg(name: str, depth: int, weights: list, pooling: str) -> FeatureNetwork:
    trunk = build_trunk(BLOCKS[depth], FILTERS, pooling)
    theirs = [found for found in weights if found]
    for layer, found in zip(_convolutions(trunk), theirs, strict=True):
        layer.set_weights(found)
    preparation = ImagePreparation(_CAFFE_MEAN, [1 / 255] * 3, reverse_channels=True)
    return FeatureNetwork(name, _digest_of(trunk), _frozen(trunk), preparation)


_KINDS = {
    "cai_vgg": _cai,
    "imagenet_vgg16": _imagenet,
    "imagenet_vgg19": _imagenet,
    "random_vgg": _random,
}
NAMES = tuple(_KINDS)


def _refuse(kind: str, rest: str) -> None:
    if rest:
        raise UsageError(f"feature network {kind}: expected nothing after it: {rest!r}")


def _convolutions(trunk: keras.Model) -> list[layers.Conv2D]:
    return [layer for layer in trunk.layers if isinstance(layer, layers.Conv2D)]


def _frozen(trunk: keras.Model) -> keras.Model:
    trunk.trainable = False
    return trunk


def _digest_of(trunk: keras.Model) -> str:
    found = hashlib.sha256()
    for layer in _convolutions(trunk):
        for weight in layer.get_weights():
            found.update(np.ascontiguousarray(weight, "float32").tobytes())
    return found.hexdigest()
