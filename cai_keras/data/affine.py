"""Random affine distortions of image batches, one transform per image."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class AffineRanges:
    """How far each component may go; each is applied with `probability`.

    Koch et al. 2015, Section 3.4: rotation within 10 degrees, shear within 0.3,
    scale 0.8 to 1.2, translation within 2 pixels of a 105-pixel image, each
    component included with probability 0.5. Ranges are symmetric about "no change",
    and shear, scale and translation are drawn for x and y on their own.

    Attributes:
        rotation_degrees, shear, translation: largest absolute value; translation is
            a share of the distance between the first and the last pixel.
        scale: (smallest, largest) factor.
    """

    rotation_degrees: float
    shear: float
    scale: tuple[float, float]
    translation: float
    probability: float


def sample_affine(
    ranges: AffineRanges, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws transforms.

    Returns:
        float32 (count, 2, 3): maps centred coordinates (x, y, 1) of a distorted
        image, -1 at the first pixel and 1 at the last, to those of the original.
    """

    def component(low, high, neutral):
        value = rng.uniform(low, high, count)
        return np.where(rng.random(count) < ranges.probability, value, neutral)

    angle = np.deg2rad(component(-ranges.rotation_degrees, ranges.rotation_degrees, 0))
    shear_x = component(-ranges.shear, ranges.shear, 0)
    shear_y = component(-ranges.shear, ranges.shear, 0)
    scale_x = component(*ranges.scale, 1)
    scale_y = component(*ranges.scale, 1)
    # A shift by a share of the whole is twice that in halves.
    shift = [component(-ranges.translation, ranges.translation, 0) * 2 for _ in "xy"]
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = _matrices(cosine, -sine, sine, cosine)
    one = np.ones(count)
    shearing = _matrices(one, shear_x, shear_y, one)
    scaling = _matrices(1 / scale_x, 0 * one, 0 * one, 1 / scale_y)
    linear = rotation @ shearing @ scaling
    offset = np.stack(shift, axis=-1)[..., None]
    return np.concatenate([linear, offset], axis=-1).astype(np.float32)


IDENTITY = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def apply_affine(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Distorts images bilinearly; what comes from outside is 0.

    Args:
        images: float (batch, side, side, channels), background 0.
        transforms: float32 (batch, 2, 3), as `sample_affine` gives them.
    Returns:
        Tensor like `images`.
    """
    size = tf.shape(images)[1]
    half = tf.cast(size - 1, tf.float32) / 2
    linear, offset = transforms[..., :2], transforms[..., 2]
    # Pixel p and centred c: p = half * (1 + c), so p' = A p + half * (1 + t - A 1).
    ones = tf.ones_like(offset)
    shift = half * (ones + offset - tf.linalg.matvec(linear, ones))
    rows = tf.concat([linear, shift[..., None]], axis=-1)
    flat = tf.reshape(rows, [-1, 6])
    # The operation wants eight numbers; the last two are for projective maps.
    full = tf.concat([flat, tf.zeros([tf.shape(flat)[0], 2])], axis=-1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=full,
        output_shape=tf.stack([size, size]),
        fill_value=tf.constant(0.0),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _matrices(a, b, c, d) -> np.ndarray:
    """(count, 2, 2) from four vectors of length count."""
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], -2)
