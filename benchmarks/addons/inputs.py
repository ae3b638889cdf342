"""What the originals and their replacements are given: one case for each pair.

This module runs in two environments, beside tensorflow-addons with NumPy 1 and in the
project with NumPy 2, and so imports NumPy alone.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One thing of tensorflow-addons, and what it is tried on.

    Attributes:
        name: of the case, in the golden file and in tests.
        original: its place in tensorflow-addons.
        make: (generator, whether sizes are those of a network, for timing) -> arrays
            by name: inputs and weights.
        settings: arguments that are no arrays; both sides read them.
    """

    name: str
    original: str
    make: Callable[[np.random.Generator, bool], Arrays]
    settings: dict[str, Any] = field(default_factory=dict)

    def arrays(self, is_large: bool = False) -> Arrays:
        """The arrays, the same ones each time; floats are float32."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        made = self.make(rng, is_large)
        return {
            name: array.astype("float32") if array.dtype.kind == "f" else array
            for name, array in made.items()
        }


def factors_for(case: str, output: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32: what an output is multiplied by before the sum that is differentiated.

    All ones would hide an error: the gradient of a sum is 0 behind a normalisation.
    """
    rng = np.random.default_rng(zlib.crc32(f"{case}/{output}".encode()))
    return rng.normal(size=shape).astype("float32")


def _linear(small: tuple, large: tuple, kernel: Callable[[tuple, bool], tuple]):
    """Inputs, and a layer's kernel, bias and first vector of the power iteration."""

    def make(rng, is_large):
        shape = large if is_large else small
        weights = kernel(shape, is_large)
        return {
            "x": rng.normal(size=shape),
            "kernel": 0.3 * rng.normal(size=weights),
            "bias": rng.normal(size=weights[-1]),
            "vector": rng.normal(size=weights[-1]),
        }

    return make


def _scaled(rng, is_large):
    shape = (16, 32, 32, 64) if is_large else (2, 4, 5, 6)
    return {
        "x": 2 * rng.normal(size=shape) + 1,
        "gamma": 1 + 0.5 * rng.normal(size=shape[-1]),
        "beta": rng.normal(size=shape[-1]),
    }


def _maxout(rng, is_large):
    inputs, outputs = ((128, 784), 1200) if is_large else ((4, 5), 6)
    return {
        "x": rng.normal(size=inputs),
        "kernel": 0.1 * rng.normal(size=(inputs[1], outputs)),
        "bias": rng.normal(size=outputs),
    }


def _attention(rng, is_large):
    shape, units = ((8, 16, 16, 64), 64) if is_large else ((2, 3, 4, 6), 5)
    channels = shape[-1]
    return {
        "x": rng.normal(size=shape),
        **{
            name: rng.normal(size=(channels, units)) / channels**0.5
            for name in ("query", "key", "value")
        },
        "out": rng.normal(size=(units, channels)) / units**0.5,
        "bias": rng.normal(size=channels),
    }


def _one(small: tuple, large: tuple):
    def make(rng, is_large):
        return {"x": 2 * rng.normal(size=large if is_large else small)}

    return make


def _images(rng, is_large) -> np.ndarray:
    return rng.normal(size=(16, 32, 32, 16) if is_large else (2, 6, 7, 3))


def _points(rng, is_large):
    """Rows and columns, some of them outside of the images."""
    images = _images(rng, is_large)
    batch, height, width, _ = images.shape
    count = height * width
    rows = rng.uniform(-1.5, height + 0.5, (batch, count))
    columns = rng.uniform(-1.5, width + 0.5, (batch, count))
    return {"images": images, "points": np.stack([rows, columns], axis=-1)}


def _flow(rng, is_large):
    images = _images(rng, is_large)
    return {"images": images, "flow": 1.5 * rng.normal(size=(*images.shape[:3], 2))}


def _projective(rng, is_large):
    images = _images(rng, is_large)
    identity = np.array([1, 0, 0, 0, 1, 0, 0, 0])
    size = np.array([0.2, 0.2, 1, 0.2, 0.2, 1, 0.01, 0.01])
    if is_large:  # the horizon stays outside of a larger image
        size[6:] = 0.001
    return {
        "images": images,
        "transforms": identity + size * rng.uniform(-1, 1, (len(images), 8)),
    }


def _affine(rng, is_large):
    """Square images: the replacement knows no others."""
    found = _projective(rng, is_large)
    side = found["images"].shape[1]
    found["transforms"][:, 6:] = 0
    return {**found, "images": found["images"][:, :, :side]}


def _angles(rng, is_large):
    images = _images(rng, is_large)
    return {"images": images, "angles": rng.uniform(-1, 1, len(images))}


def _shifts(rng, is_large):
    images = _images(rng, is_large)
    return {"images": images, "shifts": rng.uniform(-2, 2, (len(images), 2))}


def _control_points(rng, is_large):
    """The values of a spline at 4 x 4 points, and the size of its grid."""
    side = 64 if is_large else 5
    return {
        "values": rng.normal(size=(16 if is_large else 2, 16, 2)),
        "size": np.array([side, side + 1]),
    }


def _masks(rng, is_large):
    shape = (16, 128, 128, 1) if is_large else (2, 9, 8, 1)
    return {"masks": (rng.random(shape) < 0.6).astype("uint8")}


def _answers(rng, is_large):
    shape = (4096, 80) if is_large else (6, 4)
    return {
        "target": (rng.random(shape) < 0.4).astype("float32"),
        "prediction": rng.uniform(0.02, 0.98, shape),
    }


def _values(rng, is_large):
    count = 65536 if is_large else 9
    target = rng.normal(size=(count, 2))
    return {"target": target, "prediction": target + 0.5 * rng.normal(size=(count, 2))}


STEPS = 5  # of an optimizer: the moments' corrections differ from one to the next


def _weights(rng, is_large):
    shape = (1024, 1024) if is_large else (3, 4)
    return {
        "weight": rng.normal(size=shape),
        "gradients": rng.normal(size=(STEPS, *shape)),
    }


_SPECTRAL_DENSE = _linear(
    (6, 5), (256, 1024), lambda x, is_large: (x[-1], 1024 if is_large else 4)
)
_SPECTRAL_CONVOLUTION = _linear(
    (2, 6, 6, 3),
    (16, 32, 32, 64),
    lambda x, is_large: (3, 3, x[-1], 64 if is_large else 4),
)
_ACTIVATIONS = ("gelu", "hardshrink", "mish", "softshrink", "tanhshrink")
_RATE = 0.1

CASES = (
    Case(
        "spectral_normalization_dense",
        "layers.SpectralNormalization",
        _SPECTRAL_DENSE,
    ),
    Case(
        "spectral_normalization_convolution",
        "layers.SpectralNormalization",
        _SPECTRAL_CONVOLUTION,
    ),
    Case(
        "group_normalization",
        "layers.GroupNormalization",
        _scaled,
        {"groups": 2, "epsilon": 1e-3},
    ),
    Case(
        "instance_normalization",
        "layers.InstanceNormalization",
        _scaled,
        {"epsilon": 1e-3},
    ),
    Case("maxout", "layers.Maxout", _maxout, {"pieces": 2}),
    Case(
        "adaptive_average_pooling2d",
        "layers.AdaptiveAveragePooling2D",
        _one((2, 6, 8, 3), (32, 32, 32, 64)),
        {"output_size": (2, 4)},
    ),
    Case(
        "adaptive_max_pooling2d",
        "layers.AdaptiveMaxPooling2D",
        _one((2, 6, 8, 3), (32, 32, 32, 64)),
        {"output_size": (2, 4)},
    ),
    Case("multi_head_attention", "layers.MultiHeadAttention", _attention),
    *(
        Case(name, f"activations.{name}", _one((3, 7), (4096, 256)))
        for name in _ACTIVATIONS
    ),
    Case("interpolate_bilinear", "image.interpolate_bilinear", _points),
    Case("dense_image_warp", "image.dense_image_warp", _flow),
    Case("resampler", "image.resampler", _points),
    Case("transform_projective", "image.transform", _projective),
    Case("transform_affine", "image.transform", _affine),
    Case("rotate", "image.rotate", _angles),
    Case("translate", "image.translate", _shifts),
    Case("interpolate_spline", "image.interpolate_spline", _control_points),
    Case(
        "gaussian_filter2d",
        "image.gaussian_filter2d",
        lambda rng, is_large: {"images": _images(rng, is_large)},
        {"size": 3, "sigma": 0.8},
    ),
    Case("euclidean_dist_transform", "image.euclidean_dist_transform", _masks),
    Case("connected_components", "image.connected_components", _masks),
    Case(
        "sigmoid_focal_cross_entropy",
        "losses.SigmoidFocalCrossEntropy",
        _answers,
        {"alpha": 0.25, "gamma": 2.0},
    ),
    Case("f1_score", "metrics.F1Score", _answers, {"threshold": 0.5}),
    Case(
        "fbeta_score", "metrics.FBetaScore", _answers, {"threshold": 0.5, "beta": 2.0}
    ),
    Case("r_square", "metrics.RSquare", _values),
    Case(
        "adamw",
        "optimizers.AdamW",
        _weights,
        {"rate": _RATE, "decay": 0.05, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-7},
    ),
    Case(
        "sgdw",
        "optimizers.SGDW",
        _weights,
        {"rate": _RATE, "decay": 0.05, "momentum": 0.9},
    ),
    Case(
        "lamb",
        "optimizers.LAMB",
        _weights,
        {"rate": _RATE, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-6},
    ),
    Case(
        "lazy_adam",
        "optimizers.LazyAdam",
        _weights,
        {"rate": _RATE, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-7},
    ),
    Case(
        "moving_average",
        "optimizers.MovingAverage",
        _weights,
        {"rate": _RATE, "momentum": 0.8},
    ),
)
