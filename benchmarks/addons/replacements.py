"""What the project has in place of each thing of tensorflow-addons.

Each replacement takes the original's own arrays. Where it is another function of them,
`expected` says what it must give, worked out from what the original gave.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.addons import replaced_images, replaced_optimizers
from benchmarks.addons.graph import Prepared, variables
from cai_keras.layers.position_attention import PositionAttention
from cai_keras.layers.spectral_normalization import SpectralNormalization
from cai_keras.networks.maxout import apply_maxout

Arrays = Mapping[str, np.ndarray]

# Sums in another order: some units in the last place of float32.
ROUNDING = 2e-5


@dataclass(frozen=True)
class Replacement:
    """One replacement, and how near it must come.

    Attributes:
        place: where it is, as a path from its package.
        prepare: (arrays, settings) -> what is computed.
        tolerance: largest difference of an array over the largest number of the
            original's.
        why: reason of a tolerance that is not `ROUNDING`.
        differs: what one who changes over must know; empty where nothing.
        expected: (inputs, outputs, gradients of the original) -> the outputs and
            gradients that the replacement must give; the same ones if None.
        left_out: gradients that are not compared, because the original's are only
            approximations.
    """

    place: str
    prepare: Callable[[Arrays, Mapping[str, Any]], Prepared]
    tolerance: float = ROUNDING
    why: str = ""
    differs: str = ""
    expected: Callable[[Arrays, Arrays, Arrays], tuple[dict, dict]] | None = None
    left_out: tuple[str, ...] = ()


def _spectral_normalization(make):
    def prepare(arrays, settings):
        layer = make(arrays["kernel"].shape)
        wrapped = SpectralNormalization(layer)
        wrapped.build(arrays["x"].shape)
        layer.set_weights([arrays["kernel"], arrays["bias"]])
        wrapped.vector.assign(arrays["vector"])
        given = variables({"x": arrays["x"]})

        def call():
            sigma = wrapped.singular_value()
            return {
                "y": wrapped(given["x"], training=True),
                "vector": tf.identity(wrapped.vector.value),
                "kernel": tf.stop_gradient(layer.kernel.value / sigma),
            }

        watched = {"kernel": layer.kernel.value, "bias": layer.bias.value}
        return Prepared(call, {**given, **watched})

    return prepare


def _gradient_through_sigma(inputs, outputs, gradients):
    """Miyato et al. 2018, equation 12: dL/dW = (G - <G, W / sigma> v u^T) / sigma.

    The original's G is the gradient by W / sigma, which it has put in W's place.
    """
    kernel, u = inputs["kernel"], inputs["vector"]
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
    v = matrix @ u / np.linalg.norm(matrix @ u)
    u = v @ matrix / np.linalg.norm(v @ matrix)
    sigma = v @ matrix @ u
    g = gradients["kernel"].reshape(matrix.shape)
    through = (g - np.sum(g * matrix / sigma) * np.outer(v, u)) / sigma
    return dict(outputs), {**gradients, "kernel": through.reshape(kernel.shape)}


def _scaled(make):
    def prepare(arrays, settings):
        layer = make(**settings)
        layer.build(arrays["x"].shape)
        layer.set_weights([arrays["gamma"], arrays["beta"]])
        given = variables({"x": arrays["x"]})
        watched = {**given, "gamma": layer.gamma.value, "beta": layer.beta.value}
        return Prepared(lambda: {"y": layer(given["x"])}, watched)

    return prepare


def _maxout(arrays, settings):
    pieces = settings["pieces"]
    count = arrays["kernel"].shape[-1]
    inputs = keras.Input(arrays["x"].shape[1:])
    units = apply_maxout(inputs, count // pieces, pieces, "maxout")
    network = keras.Model(inputs, units)
    network.set_weights(
        [_pieces_together(arrays[name], pieces) for name in ("kernel", "bias")]
    )
    given = variables({"x": arrays["x"]})
    kernel, bias = (weight.value for weight in network.trainable_weights)
    watched = {**given, "kernel": kernel, "bias": bias}
    return Prepared(lambda: {"y": network(given["x"])}, watched)


def _pieces_together(array: np.ndarray, pieces: int) -> np.ndarray:
    """The last axis from (pieces, units) to (units, pieces)."""
    split = array.reshape(*array.shape[:-1], pieces, -1)
    return np.swapaxes(split, -1, -2).reshape(array.shape)


def _expect_pieces_together(inputs, outputs, gradients):
    pieces = inputs["kernel"].shape[-1] // outputs["y"].shape[-1]
    moved = {n: _pieces_together(gradients[n], pieces) for n in ("kernel", "bias")}
    return dict(outputs), {**gradients, **moved}


def _attention(arrays, settings):
    layer = PositionAttention("none", units=arrays["query"].shape[-1])
    layer.build(arrays["x"].shape)
    kernels = [w for w in layer.trainable_weights if w.name == "kernel"]
    biases = [w for w in layer.trainable_weights if w.name == "bias"]
    names = ("query", "key", "value", "out")
    for weight, name in zip(kernels, names, strict=True):
        weight.assign(arrays[name])
    biases[-1].assign(arrays["bias"])  # the others start at 0, where they stay
    given = variables({"x": arrays["x"]})
    watched = {name: w.value for name, w in zip(names, kernels, strict=True)}
    watched["bias"] = biases[-1].value
    return Prepared(lambda: {"y": layer(given["x"])}, {**given, **watched})


def _without_heads(inputs, outputs, gradients):
    """The one head of the original's kernels is an axis of their gradients."""
    kernels = ("query", "key", "value", "out")
    of_the_head = {name: gradients[name][0] for name in kernels}
    return dict(outputs), {**gradients, **of_the_head}


def _of_one(make):
    """`make(**settings)` gives a function of one tensor."""

    def prepare(arrays, settings):
        given = variables(arrays)
        function = make(**settings)
        return Prepared(lambda: {"y": function(given["x"])}, given)

    return prepare


def _activation(function):
    return Replacement(
        f"keras.activations.{function.__name__}", _of_one(lambda: function)
    )


def _focal(arrays, settings):
    given = variables(arrays)
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, reduction=None, **settings
    )
    return Prepared(
        lambda: {"loss": loss(given["target"], given["prediction"])},
        {"prediction": given["prediction"]},
    )


def _mean_of_classes(inputs, outputs, gradients):
    classes = inputs["target"].shape[-1]
    return (
        {"loss": outputs["loss"] / classes},
        {"prediction": gradients["prediction"] / classes},
    )


def _metric(make):
    def prepare(arrays, settings):
        given = variables(arrays)
        metric = make(**settings)

        def call():
            metric.reset_state()
            metric.update_state(given["target"], given["prediction"])
            return {"score": metric.result()}

        return Prepared(call, is_graph=False)

    return prepare


_SPECTRAL = {
    "place": "cai_keras.layers.spectral_normalization.SpectralNormalization",
    "expected": _gradient_through_sigma,
    "differs": (
        "keeps the weight, where the original writes W / sigma into it; the gradient "
        "goes through sigma (equation 12); a transposed convolution's matrix has a "
        "column for each filter, where the original's has one for each input channel"
    ),
}

# TensorFlow's operation transforms the gradient back by the inverse transformation,
# which is the gradient only where the images are shifted.
_RESAMPLED = ("images",)

REPLACEMENTS: dict[str, Replacement] = {
    "spectral_normalization_dense": Replacement(
        prepare=_spectral_normalization(lambda shape: keras.layers.Dense(shape[-1])),
        **_SPECTRAL,
    ),
    "spectral_normalization_convolution": Replacement(
        prepare=_spectral_normalization(
            lambda shape: keras.layers.Conv2D(shape[-1], shape[:2])
        ),
        **_SPECTRAL,
    ),
    "group_normalization": Replacement(
        "keras.layers.GroupNormalization", _scaled(keras.layers.GroupNormalization)
    ),
    "instance_normalization": Replacement(
        "keras.layers.GroupNormalization(groups=-1)",
        _scaled(lambda epsilon: keras.layers.GroupNormalization(-1, epsilon=epsilon)),
    ),
    "maxout": Replacement(
        "cai_keras.networks.maxout.apply_maxout",
        _maxout,
        differs=(
            "with its linear layer; the pieces of a unit are neighbours, where the "
            "original has them a number of units apart"
        ),
        expected=_expect_pieces_together,
    ),
    "adaptive_average_pooling2d": Replacement(
        "keras.layers.AdaptiveAveragePooling2D",
        _of_one(keras.layers.AdaptiveAveragePooling2D),
        differs="also where the size does not divide",
    ),
    "adaptive_max_pooling2d": Replacement(
        "keras.layers.AdaptiveMaxPooling2D",
        _of_one(keras.layers.AdaptiveMaxPooling2D),
        differs="also where the size does not divide",
    ),
    "multi_head_attention": Replacement(
        "cai_keras.layers.position_attention.PositionAttention",
        _attention,
        differs=(
            "one head over the positions of a map; biases of query, key and value, "
            "which are 0 here; of several heads keras.layers.MultiHeadAttention"
        ),
        expected=_without_heads,
    ),
    "gelu": Replacement(
        "keras.activations.gelu(approximate=True)",
        _of_one(lambda: lambda x: keras.activations.gelu(x, approximate=True)),
        differs="the approximation is not its default",
    ),
    "hardshrink": _activation(keras.activations.hard_shrink),
    "mish": _activation(keras.activations.mish),
    "softshrink": _activation(keras.activations.soft_shrink),
    "tanhshrink": _activation(keras.activations.tanh_shrink),
    "interpolate_bilinear": Replacement(
        "cai_keras.layers.bilinear_sampling.sample_bilinear(border='nearest')",
        replaced_images.interpolate_bilinear,
        differs="points are (x, y) from -1 to 1 over the centres of border pixels",
    ),
    "dense_image_warp": Replacement(
        "cai_keras.layers.bilinear_sampling.sample_bilinear(border='nearest')",
        replaced_images.dense_image_warp,
        differs="takes points, where the original takes what is subtracted from them",
    ),
    "resampler": Replacement(
        "cai_keras.layers.bilinear_sampling.sample_bilinear(border='zeros')",
        replaced_images.resampler,
        differs="points are (x, y) from -1 to 1 over the centres of border pixels",
    ),
    "transform_projective": Replacement(
        "cai_keras.layers.spatial_transformer.SpatialTransformer('projective')",
        replaced_images.transform_projective,
        differs=(
            "exact gradients, also by the transformation; `reflect` mirrors about the "
            "centre of the border pixel, the original about its outer edge"
        ),
        left_out=_RESAMPLED,
    ),
    "transform_affine": Replacement(
        "cai_keras.data.affine.apply_affine",
        replaced_images.transform_affine,
        differs="square images; coordinates from -1 to 1; the same rough gradient",
    ),
    "rotate": Replacement(
        "cai_keras.layers.spatial_transformer.SpatialTransformer('affine')",
        replaced_images.rotate,
        differs="exact gradients, also by the transformation",
        left_out=_RESAMPLED,
    ),
    "translate": Replacement(
        "cai_keras.layers.spatial_transformer.SpatialTransformer('affine')",
        replaced_images.translate,
        differs="a gradient by the transformation as well",
    ),
    "interpolate_spline": Replacement(
        "cai_keras.layers.sampling_grids.thin_plate_spline_grid",
        replaced_images.interpolate_spline,
        tolerance=1e-4,
        why="the original solves its linear system in float32 at each call",
        differs="control points on a square; the system is solved once, in float64",
    ),
    "gaussian_filter2d": Replacement(
        "keras.ops.image.gaussian_blur",
        replaced_images.gaussian_filter2d,
        differs="pads with zeros only",
    ),
    "euclidean_dist_transform": Replacement(
        "scipy.ndimage.distance_transform_edt",
        replaced_images.euclidean_dist_transform,
        differs="one mask at a time, on the host",
    ),
    "connected_components": Replacement(
        "scipy.ndimage.label",
        replaced_images.connected_components,
        tolerance=0.0,
        why="whole numbers",
        differs="one mask at a time, on the host; numbered anew in each mask",
        expected=replaced_images.numbered_in_each_mask,
    ),
    "sigmoid_focal_cross_entropy": Replacement(
        "keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True)",
        _focal,
        differs="the mean over classes, where the original has their sum",
        expected=_mean_of_classes,
    ),
    "f1_score": Replacement("keras.metrics.F1Score", _metric(keras.metrics.F1Score)),
    "fbeta_score": Replacement(
        "keras.metrics.FBetaScore", _metric(keras.metrics.FBetaScore)
    ),
    "r_square": Replacement("keras.metrics.R2Score", _metric(keras.metrics.R2Score)),
    "adamw": Replacement(
        "keras.optimizers.AdamW",
        replaced_optimizers.adamw,
        differs=replaced_optimizers.DECAY,
    ),
    "sgdw": Replacement(
        "keras.optimizers.SGD(weight_decay=...)",
        replaced_optimizers.sgdw,
        differs=replaced_optimizers.DECAY,
    ),
    "lamb": Replacement(
        "keras.optimizers.Lamb",
        replaced_optimizers.lamb,
        differs=(
            "its weight decay is decoupled, where the original adds it before the "
            "trust ratio: equal without decay"
        ),
    ),
    "lazy_adam": Replacement(
        "keras.optimizers.Adam",
        replaced_optimizers.adam,
        differs="moments of rows without gradient decay as well; dense gradients agree",
    ),
    "moving_average": Replacement(
        "cai_keras.training.averages.WeightAverages",
        replaced_optimizers.moving_average,
        differs="of networks, whatever optimizers they have; its step starts at 0",
    ),
}
