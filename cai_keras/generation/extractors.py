"""What turns pictures into features for scores of sets of pictures, by name.

    cai_vgg: trained by this project on CIFAR-10, shipped with it; nothing to download
    random_vgg, random_vgg/SEED: the same layers with random weights: a control
    imagenet_vgg16, imagenet_vgg19, path:FILE: see `networks.feature_networks`
    classifier:NAME: a judge that is shipped, such as classifier:fashion_mnist, or of a
        file, classifier:FILE.npz; see `networks.small_classifier`
    inception_fid:FILE: the network of the published FID, IS and KID, see
        `networks.fid_inception_weights` for the file
    keras_inception_v3, keras_inception_v3:FILE.h5: of keras.applications, downloaded or
        from a file. It has other weights than the network of the published numbers

Scores of different extractors, weights or resizings cannot be compared: a score's name
carries the extractor's, and its passport says all three. A score may be called FID only
where `is_published` is true.
"""

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from cai_keras import networks
from cai_keras.data.picture_files import as_bytes
from cai_keras.errors import DataError, UsageError, choose
from cai_keras.generation.resizing import RESIZINGS, resize_pictures
from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.networks.fid_inception import PICTURE_SIZE, probabilities_without_bias
from cai_keras.networks.fid_inception_weights import (
    HOW_TO_GET_IT,
    is_published,
    load_fid_inception,
)
from cai_keras.networks.small_classifier import load_small_classifier
from cai_keras.training.inference import predict_in_batches

# Of a VGG: its last convolution's maps are averaged. After three poolings 28 pixels are
# 3 x 3 there; after four, one pixel is left, and half of the picture is not seen.
_VGG_BLOCK = "conv4_"
# Judges that are shipped: classifier_NAME.npz.
_WEIGHTS = Path(networks.__file__).with_name("weights")
_SHIPPED = "classifier_"
# Beyond [0, 1] by less is rounding of floating point numbers.
_TOLERANCE = 1e-3

Extracted = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class FeatureExtractor:
    """A frozen network that gives a picture's features, and which one it is.

    Attributes:
        name: as it stands in names of metrics and in passports.
        digest: SHA-256 of its weights, 64 hexadecimal digits.
        resizing: one of `RESIZINGS`, how pictures get its size.
        width: number of features.
        size: (height, width) that the network wants, or None if it takes any.
        channels: that the network wants.
        compute: float32 (batch, height, width, channels) in [0, 255] -> features and
            class probabilities, of the size and channels above.
        is_published: whether it is the network of the published FID, with its weights.
    """

    name: str
    digest: str
    resizing: str
    width: int
    size: tuple[int, int] | None
    channels: int
    compute: Callable[[np.ndarray], Extracted]
    is_published: bool = False

    def __call__(self, pictures: np.ndarray, batch_size: int = 64) -> Extracted:
        """Features and class probabilities of pictures, in their order.

        Values are rounded to the 256 levels of an 8-bit file first, as real pictures
        have them. Grey becomes three equal channels where the network wants three.

        Args:
            pictures: float (n, height, width, 1 or 3) in [0, 1], red first, or uint8.
            batch_size: how many at a time: memory and speed; results differ by
                rounding at most.
        Returns:
            float32 (n, width), and float32 (n, classes) with sums of 1, or None where
            the network has no classes.
        Raises:
            ValueError: pictures of another shape or range.
            UsageError: of a size that the extractor does not take without resizing.
        """
        self._check(pictures)
        parts = [
            self.compute(self._prepared(pictures[first : first + batch_size]))
            for first in range(0, len(pictures), batch_size)
        ]
        features, probabilities = zip(*parts, strict=True)
        return (
            np.concatenate(features).astype(np.float32, copy=False),
            None if probabilities[0] is None else np.concatenate(probabilities),
        )

    def passport(self) -> dict[str, str]:
        """What a score on these features can be compared with."""
        return {
            "features": self.name,
            "weights": self.digest[:12],
            "resizing": self.resizing,
        }

    def _check(self, pictures: np.ndarray) -> None:
        channels = (1, 3) if self.channels == 3 else (1,)
        shape = pictures.shape
        if len(shape) != 4 or shape[0] == 0 or shape[-1] not in channels:
            named = " or ".join(str(number) for number in channels)
            raise ValueError(
                f"pictures: {self.name} expects (n, height, width, {named}), received "
                f"{shape}"
            )
        if pictures.dtype == np.uint8:
            return
        if pictures.dtype.kind != "f":
            raise ValueError(
                f"pictures: expected floats or uint8, received {pictures.dtype}"
            )
        least, most = pictures.min(), pictures.max()
        if not (least >= -_TOLERANCE and most <= 1 + _TOLERANCE):  # also NaN
            raise ValueError(
                f"pictures: expected values in [0, 1], received {least:.4g} to "
                f"{most:.4g}"
            )

    def _prepared(self, pictures: np.ndarray) -> np.ndarray:
        if pictures.dtype != np.uint8:
            pictures = as_bytes(pictures)
        values = pictures.astype(np.float32)
        if values.shape[-1] < self.channels:
            values = np.repeat(values, self.channels, axis=-1)
        if self.size is None:
            return values
        return resize_pictures(values, *self.size, self.resizing)


def load_extractor(spec: str, resizing: str | None = None) -> FeatureExtractor:
    """An extractor by its name: see this module's text.

    Args:
        resizing: one of `RESIZINGS`. By default tf1_bilinear for inception_fid, as the
            published graph does; clean_bicubic for keras_inception_v3; none for a VGG,
            which takes any size and nothing else, and for a classifier.
    Raises:
        UsageError: an unknown name or resizing.
        DataError: weights are missing or damaged; says how to get them.
    """
    if resizing is not None:
        choose("resizing", resizing, RESIZINGS)
    kind, _, rest = spec.partition(":")
    make = choose("feature extractor", kind.partition("/")[0], _KINDS)
    return make(spec, rest, resizing)


def _vgg(spec: str, rest: str, resizing: str | None) -> FeatureExtractor:
    if resizing not in (None, "none"):
        raise UsageError(
            f"feature extractor {spec}: expected resizing none, found {resizing}; it "
            "takes pictures of any size"
        )
    network = load_feature_network(spec)
    block = [name for name in network.layers if name.startswith(_VGG_BLOCK)]
    layer = (block or network.layers)[-1]
    maps = network.extractor([layer])

    def compute(pictures: np.ndarray) -> Extracted:
        found = _outputs(maps, pictures / np.float32(255))[layer]
        return found.mean(axis=(1, 2)), None

    width = maps.output[layer].shape[-1]
    return FeatureExtractor(
        network.name, network.digest, "none", width, None, 3, compute
    )


def _classifier(spec: str, rest: str, resizing: str | None) -> FeatureExtractor:
    path = _judge_file(spec, rest)
    network, about = load_small_classifier(path)
    height, width, channels = network.input_shape[1:]

    def compute(pictures: np.ndarray) -> Extracted:
        found = _outputs(network, pictures / np.float32(255))
        return found["features"], _numpy(keras.ops.softmax(found["logits"]))

    return FeatureExtractor(
        path.stem if path.parent == _WEIGHTS else f"classifier_{path.stem}",
        about["sha256"],
        resizing or "none",
        network.output["features"].shape[-1],
        (height, width),
        channels,
        compute,
    )


def _fid_inception(spec: str, rest: str, resizing: str | None) -> FeatureExtractor:
    network, digest = load_fid_inception(_file(spec, rest, HOW_TO_GET_IT))

    def compute(pictures: np.ndarray) -> Extracted:
        features = _outputs(network, pictures)["pool3"]
        return features, _numpy(probabilities_without_bias(network, features))

    published = is_published(digest)
    return FeatureExtractor(
        # Other weights of this network are not what published numbers were taken with.
        "inception_fid" if published else "inception_own",
        digest,
        resizing or "tf1_bilinear",
        network.output["pool3"].shape[-1],
        (PICTURE_SIZE, PICTURE_SIZE),
        3,
        compute,
        published,
    )


def _keras_inception(spec: str, rest: str, resizing: str | None) -> FeatureExtractor:
    source = _load_keras_inception(spec, rest)
    outputs = [source.get_layer("avg_pool").output, source.output]
    network = keras.Model(source.input, outputs)
    network.trainable = False

    def compute(pictures: np.ndarray) -> Extracted:
        # As keras.applications' preprocess_input of this network.
        return tuple(_outputs(network, pictures / np.float32(127.5) - 1))

    return FeatureExtractor(
        "keras_inception_v3",
        _digest_of(source),
        resizing or "clean_bicubic",
        outputs[0].shape[-1],
        (PICTURE_SIZE, PICTURE_SIZE),
        3,
        compute,
    )


def _load_keras_inception(spec: str, rest: str) -> keras.Model:
    if not rest:
        try:
            return keras.applications.InceptionV3(weights="imagenet")
        except Exception as error:  # a download fails in many ways
            raise DataError(
                f"feature extractor {spec}: its weights cannot be downloaded "
                f"({type(error).__name__}); get the file of keras.applications."
                f"InceptionV3 and say {spec}:FILE.h5, or use cai_vgg"
            ) from error
    path = Path(rest).expanduser()
    if not path.is_file():
        raise DataError(f"feature extractor {spec}: no such file")
    source = keras.applications.InceptionV3(weights=None)
    try:
        with warnings.catch_warnings():
            # Keras warns where a file lacks a layer, and leaves it random.
            warnings.simplefilter("error", UserWarning)
            source.load_weights(path)
    except (KeyError, ValueError, OSError, UserWarning) as error:
        raise DataError(
            f"feature extractor {spec}: expected weights of keras.applications."
            "InceptionV3 with its last dense layer"
        ) from error
    return source


def _judge_file(spec: str, rest: str) -> Path:
    """Of a judge that is shipped, or of any other, which has a suffix."""
    if rest.endswith(".npz"):
        return Path(rest).expanduser()
    shipped = {
        path.stem.removeprefix(_SHIPPED): path
        for path in sorted(_WEIGHTS.glob(f"{_SHIPPED}*.npz"))
    }
    return choose(f"feature extractor {spec}: the judge", rest, shipped)


def _file(spec: str, rest: str, what: str) -> Path:
    if not rest:
        raise UsageError(f"feature extractor {spec}: expected {spec}:FILE; {what}")
    return Path(rest).expanduser()


def _outputs(network: keras.Model, pictures: np.ndarray):
    """Under a strategy its replicas share the pictures; Keras gives each one all."""
    return predict_in_batches(network, pictures, len(pictures))


def _numpy(values) -> np.ndarray:
    return keras.ops.convert_to_numpy(values)


def _digest_of(network: keras.Model) -> str:
    found = hashlib.sha256()
    for weight in network.get_weights():
        found.update(np.ascontiguousarray(weight, "float32").tobytes())
    return found.hexdigest()


_KINDS = {
    "cai_vgg": _vgg,
    "random_vgg": _vgg,
    "imagenet_vgg16": _vgg,
    "imagenet_vgg19": _vgg,
    "path": _vgg,
    "classifier": _classifier,
    "inception_fid": _fid_inception,
    "keras_inception_v3": _keras_inception,
}
NAMES = tuple(_KINDS)
