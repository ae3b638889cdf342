"""The distortions of Section 4.1: each digit gets one of its own.

Points are (x, y) in pixels. A distortion is drawn as the map from a pixel of the result
to the place in the digit that it shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from cai_keras.data.row_random import RowRandom
from cai_keras.errors import choose
from cai_keras.layers.sampling_grids import regular_grid, thin_plate_spline_matrix

_CONTROL = 4  # 4 x 4 points


@dataclass(frozen=True)
class Draws:
    """Random numbers for `copies` images of each row, one image after the other."""

    random: RowRandom
    copies: int = 1

    def uniform(self, stream: int, low=0.0, high=1.0, shape=()) -> tf.Tensor:
        """float32 (rows * copies, *shape) in [low, high)."""
        drawn = self.random.uniform(
            stream, [self.copies, *shape], minval=low, maxval=high
        )
        return tf.reshape(drawn, [-1, *shape])

    def normal(self, stream: int, deviation: float, shape=()) -> tf.Tensor:
        """float32 (rows * copies, *shape) with mean 0."""
        drawn = self.random.normal(stream, [self.copies, *shape], stddev=deviation)
        return tf.reshape(drawn, [-1, *shape])

    def below(self, stream: int, limit: int, shape=()) -> tf.Tensor:
        """int32 (rows * copies, *shape) in [0, limit)."""
        drawn = self.random.uniform(
            stream, [self.copies, *shape], maxval=limit, dtype=tf.int32
        )
        return tf.reshape(drawn, [-1, *shape])


@dataclass(frozen=True)
class Distorted:
    """float (n, side, side, 1) images, and the pose of the digit in each.

    Attributes:
        angle: float (n,), radians, clockwise as seen (x to the right, y down).
        centre: float (n, 2), of the digit's square in pixels.
    """

    image: tf.Tensor
    angle: tf.Tensor
    centre: tf.Tensor


def distort_by(name: str) -> Callable[[tf.Tensor, tf.Tensor, Any, Draws], Distorted]:
    """(digits, pool, settings, draws) -> Distorted; the pool is what clutter is of."""
    return choose("data.tasks: distortion", name, DISTORTIONS)


def similarity(digits, pool, settings, draws: Draws) -> Distorted:
    """R and RTS: turned, scaled, and moved to where the scaled square is inside."""
    limit = np.deg2rad(settings.degrees)
    angle = draws.uniform(0, -limit, limit)
    scale = draws.uniform(1, settings.scale_low, settings.scale_high)
    room = (settings.side - scale * settings.digit_side) / 2
    shift = room[:, None] * draws.uniform(2, -1.0, 1.0, [2])
    centre = (settings.side - 1) / 2 + shift
    return Distorted(_turned(digits, angle, scale, centre, settings), angle, centre)


def translated(digits, pool, settings, draws: Draws) -> Distorted:
    """TC: moved by whole pixels, among crops of other images.

    Whole pixels, as the crops are: the digit must not be known by its blur.
    """
    corner = draws.below(2, settings.side - settings.digit_side + 1, [2])
    centre = tf.cast(corner, tf.float32) + (settings.digit_side - 1) / 2
    angle = tf.zeros_like(centre[:, 0])
    image = _turned(digits, angle, tf.ones_like(angle), centre, settings)
    if settings.patches:
        image = tf.maximum(image, clutter(pool, settings, draws))
    return Distorted(image, angle, centre)


def projective(digits, pool, settings, draws: Draws) -> Distorted:
    """P: scaled, then every corner pulled away by normal noise."""
    scale = draws.uniform(1, settings.scale_low, settings.scale_high)
    half = (settings.digit_side - 1) / 2
    centre = (settings.side - 1) / 2
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * half
    noise = draws.normal(3, settings.corner_sigma, [4, 2])
    corners = centre + scale[:, None, None] * square + noise
    homography = homographies(corners, tf.broadcast_to(square + half, corners.shape))
    image = _warped(digits, homography, settings.side)
    return Distorted(image, *_unmoved(scale, centre))


def elastic(digits, pool, settings, draws: Draws) -> Distorted:
    """E: scaled, then bent by a thin plate spline with noise at 4 x 4 points."""
    scale = draws.uniform(1, settings.scale_low, settings.scale_high)
    centre = (settings.side - 1) / 2
    noise = draws.normal(4, settings.control_sigma, [_CONTROL**2, 2])
    control = centre * regular_grid(_CONTROL, _CONTROL).reshape(-1, 2) + noise
    matrix = thin_plate_spline_matrix(_CONTROL, settings.side, settings.side)
    bent = tf.einsum("pc,ncx->npx", matrix, control) / scale[:, None, None]
    points = bent + (settings.digit_side - 1) / 2
    image = read_points(digits, tf.reshape(points, [-1, *[settings.side] * 2, 2]))
    return Distorted(image, *_unmoved(scale, centre))


DISTORTIONS = {
    "similarity": similarity,
    "translated": translated,
    "projective": projective,
    "elastic": elastic,
}


def clutter(pool, settings, draws: Draws) -> tf.Tensor:
    """Crops of images of `pool`, each laid at a random place on black.

    Args:
        pool: uint8 (images, digit_side, digit_side, 1).
        settings: `patches` crops of `patch_side` pixels in `side` pixels.
    Returns:
        float (n, side, side, 1) in [0, 1], the brighter one where crops overlap.
    """
    count, small = settings.patches, settings.patch_side
    source = draws.below(5, pool.shape[0], [count])
    offset = np.stack(np.meshgrid(*[np.arange(small)] * 2, indexing="ij"), axis=-1)

    def window(stream, side):
        """(n, patches, small, small, 2): rows and columns of random windows."""
        corner = draws.below(stream, side - small + 1, [count, 2])
        return corner[:, :, None, None] + offset

    def indices(first, window):
        first = tf.broadcast_to(first[..., None, None, None], window[..., :1].shape)
        return tf.concat([first, window], axis=-1)

    taken = window(6, settings.digit_side)
    crops = tf.gather_nd(pool[..., 0], indices(source, taken))
    image = tf.repeat(tf.range(tf.shape(source)[0])[:, None], count, axis=1)
    place = window(7, settings.side)
    black = tf.zeros([tf.shape(source)[0], settings.side, settings.side])
    laid = tf.tensor_scatter_nd_max(black, indices(image, place), to_float(crops))
    return laid[..., None]


def homographies(sources: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The projective maps that take four points to four others.

    (x, y) -> ((a x + b y + c) / w, (d x + e y + f) / w) with w = g x + h y + 1: two
    linear equations in a to h for each pair of points.

    Args:
        sources, targets: float (n, 4, 2).
    Returns:
        float (n, 8): a to h.
    """
    x, y = sources[..., 0], sources[..., 1]
    u, v = targets[..., 0], targets[..., 1]
    one, zero = tf.ones_like(x), tf.zeros_like(x)
    first = tf.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1)
    second = tf.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1)
    system = tf.concat([first, second], axis=1)
    return tf.linalg.solve(system, tf.concat([u, v], axis=1)[..., None])[..., 0]


def read_points(images: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Images read bilinearly at points in pixels; black outside.

    Args:
        images: float (n, height, width, 1).
        points: float (n, rows, columns, 2): x and y.
    Returns:
        float (n, rows, columns, 1).
    """
    height, width = images.shape[1:3]
    # A black border: what is further outside is read there.
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    inside = tf.clip_by_value(points + 1, 0.0, np.float32([width + 1, height + 1]))
    first = tf.minimum(tf.floor(inside), np.float32([width, height]))
    u, v = tf.unstack((inside - first)[..., None, :], axis=-1)
    x, y = tf.unstack(tf.cast(first, tf.int32), axis=-1)

    def at(row, column):
        return tf.gather_nd(padded, tf.stack([row, column], axis=-1), batch_dims=1)

    above = (1 - u) * at(y, x) + u * at(y, x + 1)
    below = (1 - u) * at(y + 1, x) + u * at(y + 1, x + 1)
    return (1 - v) * above + v * below


def to_float(images: tf.Tensor) -> tf.Tensor:
    """uint8 to float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255


def _turned(digits, angle, scale, centre, settings) -> tf.Tensor:
    """Pixel p shows R(-angle) (p - centre) / scale + the middle of the digit."""
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    x, y = tf.unstack(centre, axis=-1)
    middle = (settings.digit_side - 1) / 2
    zero = tf.zeros_like(x)
    rows = [
        *(cosine, sine, middle - cosine * x - sine * y),
        *(-sine, cosine, middle + sine * x - cosine * y),
        *(zero, zero),
    ]
    return _warped(digits, tf.stack(rows, axis=1), settings.side)


def _warped(digits, maps, side: int) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=digits,
        transforms=maps,
        output_shape=tf.constant([side, side]),
        fill_value=tf.constant(0.0),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _unmoved(like, centre: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Angle and centre of digits in the middle of their images."""
    return tf.zeros_like(like), tf.fill([tf.shape(like)[0], 2], centre)
