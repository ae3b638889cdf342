"""The dictionary of tasks on Taskonomy's photographs, as the released code asks them.

Scales, masks and losses are those of the released configurations; adversarial losses
and weights of semantic classes are left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from .tasks import LABELS, LAYOUT, MAP, SEMANTIC, SHARES, THREE_D, TWO_D, VECTOR, Task

# Depths above are holes of the scan; 65,535 itself, but for interpolation.
_DEEPEST = 64_500.0
_LOG_RANGE = math.log(2.0**16)
_BLUR_DEVIATION = 4.0  # in pixels
_CURVATURE_MEAN, _CURVATURE_DEVIATION = (123.572, 120.1), (31.922, 21.658)
_SEMANTIC_CLASSES = 17


@dataclass(frozen=True)
class PhotographTask(Task):
    """A task whose target is computed from the stored annotations of one photograph.

    Attributes:
        reads: annotations that `target` needs.
    """

    reads: tuple[str, ...] = ()


def resized(pixels, side: int):
    """float32 (side, side, channels), bilinear and without a filter before."""
    return tf.image.resize(tf.cast(pixels, tf.float32), (side, side))


def _unit(pixels, side: int):
    """In [0, 1], from the whole range of the stored type."""
    return resized(tf.cast(pixels, tf.float32) / pixels.dtype.max, side)


def _map_task(
    family: str,
    size: int,
    name: str,
    values: Callable,
    is_absolute: bool = True,
    is_masked: bool = False,
) -> PhotographTask:
    """A map of one annotation; masked where the scan has a hole."""

    def target(stored, side):
        found = values(stored[name], side)
        if not is_masked:
            return found
        depth = resized(stored["depth_zbuffer"], side)
        return tf.concat([found, tf.cast(depth < _DEEPEST, tf.float32)], axis=-1)

    reads = (name, "depth_zbuffer") if is_masked else (name,)
    return PhotographTask(
        family, MAP, size, target, is_absolute=is_absolute, is_masked=is_masked,
        reads=reads,
    )  # fmt: skip


def _spread(low: float = 0.0, high: float = 1.0, clip: bool = True) -> Callable:
    """From [low, high] of the unit range to [-1, 1]."""

    def values(pixels, side):
        found = _unit(pixels, side)
        found = tf.clip_by_value(found, low, high) if clip else found
        return 2 * (found - low) / (high - low) - 1

    return values


def _logarithm(pixels, side):
    logarithms = tf.math.log1p(tf.cast(pixels, tf.float32)) / _LOG_RANGE
    return tf.image.resize(logarithms, (side, side))


def _standard_curvature(pixels, side):
    return (resized(pixels, side)[..., :2] - _CURVATURE_MEAN) / _CURVATURE_DEVIATION


def blurred(image, deviation: float = _BLUR_DEVIATION):
    """Gaussian filter of a map (side, side, 1), mirrored behind its borders."""
    radius = round(4 * deviation)
    places = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(places / deviation))
    weights /= tf.reduce_sum(weights)
    padded = tf.pad(image, [[radius, radius], [radius, radius], [0, 0]], "SYMMETRIC")
    rows = tf.nn.conv2d(padded[None], weights[:, None, None, None], 1, "VALID")
    return tf.nn.conv2d(rows, weights[None, :, None, None], 1, "VALID")[0]


def _labels(stored, side):
    """Classes from 0; -1 where it is unknown which."""
    pixels = stored["segment_semantic"]
    chosen = tf.image.resize(pixels, (side, side), "nearest")[..., 0]
    labels = tf.cast(chosen, tf.int32) - 1
    return tf.where(labels < _SEMANTIC_CLASSES, labels, -1)


def _shares(name: str) -> Callable:
    """Stored as a classifier gave them: shares of classes, or logits."""

    def target(stored, side):
        values = stored[name]
        is_share = tf.reduce_all(values >= 0) & (
            tf.abs(tf.reduce_sum(values) - 1) < 1e-2
        )
        return tf.where(is_share, values, tf.nn.softmax(values))

    return target


def _picture(view: str = "plain") -> PhotographTask:
    def target(stored, side):
        return _spread()(stored["rgb"], side)

    return PhotographTask(TWO_D, MAP, 3, target, view, is_absolute=True, reads=("rgb",))


# Name -> task.
PHOTOGRAPH_TASKS = {
    "autoencoding": _picture(),
    "denoising": _picture("noisy"),
    "colorization": _picture("grey"),
    "inpainting": _picture("holed"),
    "edges_2d": _map_task(TWO_D, 1, "edge_texture", _spread(0.0, 0.08)),
    "keypoints_2d": _map_task(TWO_D, 1, "keypoints2d", _spread(0.0, 0.005)),
    "edges_3d": _map_task(
        THREE_D, 1, "edge_occlusion",
        lambda pixels, side: blurred(_spread(0.0, 0.00625, False)(pixels, side)),
        is_masked=True,
    ),
    "keypoints_3d": _map_task(THREE_D, 1, "keypoints3d", _spread(), is_masked=True),
    "normals": _map_task(THREE_D, 3, "normal", _spread(), is_masked=True),
    "depth": _map_task(THREE_D, 1, "depth_zbuffer", _logarithm, is_masked=True),
    "distance": _map_task(THREE_D, 1, "depth_euclidean", _logarithm, is_masked=True),
    "reshading": _map_task(THREE_D, 1, "reshading", _spread(), is_masked=True),
    "curvature": _map_task(
        THREE_D, 2, "principal_curvature", _standard_curvature, is_absolute=False,
        is_masked=True,
    ),
    "semantic_segmentation": PhotographTask(
        SEMANTIC, LABELS, _SEMANTIC_CLASSES, _labels, is_masked=True,
        reads=("segment_semantic",),
    ),
    "object_class": PhotographTask(
        SEMANTIC, SHARES, 1000, _shares("class_object"), reads=("class_object",)
    ),
    "scene_class": PhotographTask(
        SEMANTIC, SHARES, 365, _shares("class_scene"), reads=("class_scene",)
    ),
    "vanishing_points": PhotographTask(
        LAYOUT, VECTOR, 9, lambda stored, side: stored["vanishing_points"],
        reads=("vanishing_points",),
    ),
}  # fmt: skip
