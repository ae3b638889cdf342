"""How a JPEG file becomes what a network sees: crops and colours, random or not."""

import math
from dataclasses import dataclass

import tensorflow as tf

from cai_keras.data.affine import apply_affine
from cai_keras.data.colour_augmentation import add_lighting, jitter_colours
from cai_keras.data.row_random import RowRandom

_ATTEMPTS = 10
# Streams of a row's random numbers.
_AREA, _ASPECT, _CORNER, _FLIP, _ANGLE, _JITTER, _SIDE, _COLOURS, _LIGHT = range(9)


@dataclass(frozen=True)
class TrainingView:
    """How a training image is changed at random.

    Attributes:
        side: of the result, in pixels.
        channel_mean: red, green and blue of 0 to 255, subtracted.
        area: smallest and largest share of the image that a crop has (Szegedy et al.
            2015, arXiv:1409.4842, Section 6); or None, and `shorter_side` is used.
        aspect: smallest and largest width over height of such a crop.
        shorter_side: smallest and largest shorter side of the image, in whole pixels,
            before `side` x `side` of it are cut out (scale augmentation: He et al.
            2016, arXiv:1512.03385, Section 3.4); or None.
        rotation_degrees: turned by up to this angle to either side.
        jitter: largest number that is added to a channel, or taken from it.
        colour_jitter: largest relative change of brightness, contrast and saturation.
        lighting: deviation of the noise along ImageNet's main colours.
        channel_deviation: what the result is divided by.
    """

    side: int
    channel_mean: tuple[float, float, float]
    area: tuple[float, float] | None = None
    aspect: tuple[float, float] = (1.0, 1.0)
    shorter_side: tuple[int, int] | None = None
    rotation_degrees: float = 0.0
    jitter: float = 0.0
    colour_jitter: float = 0.0
    lighting: float = 0.0
    channel_deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self):
        if (self.area is None) == (self.shorter_side is None):
            raise ValueError(
                "TrainingView: give either area or shorter_side; received "
                f"{self.area} and {self.shorter_side}"
            )


@dataclass(frozen=True)
class EvaluationView:
    """How a test image is changed: resized, and its middle cut out.

    Attributes:
        side: of the crop, in pixels.
        shorter_side: of the image before the crop.
        channel_mean, channel_deviation: as in training.
    """

    side: int
    shorter_side: int
    channel_mean: tuple[float, float, float]
    channel_deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)


def view_for_training(
    encoded: tf.Tensor, view: TrainingView, random: RowRandom
) -> tf.Tensor:
    """A crop of random size and place, perhaps flipped, turned or tinted.

    Args:
        encoded: JPEG bytes, a string scalar.
        random: of one row.
    Returns:
        float32 (side, side, 3), 0 to 255 less the channel mean, over the deviation.
    """
    window = sample_window(tf.image.extract_jpeg_shape(encoded), view, random)
    image = tf.image.decode_and_crop_jpeg(encoded, window, channels=3)
    image = tf.image.resize(image, [view.side, view.side])
    is_flipped = random.uniform(_FLIP)[0] < 0.5
    image = tf.where(is_flipped, image[:, ::-1], image)
    if view.colour_jitter:
        image = jitter_colours(image, view.colour_jitter, random, _COLOURS)
    if view.lighting:
        image = add_lighting(image, view.lighting, random, _LIGHT)
    image -= tf.constant(view.channel_mean, tf.float32)
    if view.rotation_degrees:
        image = _turn(image, view.rotation_degrees, random)
    if view.jitter:
        ends = {"minval": -view.jitter, "maxval": view.jitter}
        image += random.uniform(_JITTER, [3], **ends)[0]
    return tf.ensure_shape(_scaled(image, view), [view.side, view.side, 3])


def sample_window(shape: tf.Tensor, view: TrainingView, random: RowRandom) -> tf.Tensor:
    """The crop of a training image: top, left, height and width, int32 (4,).

    Args:
        shape: of the image, int32, height and width first.
        random: of one row.
    """
    sides = tf.cast(shape[:2], tf.float32)
    if view.shorter_side is None:
        size = _size_by_area(sides, view, random)
    else:
        size = _size_by_shorter_side(sides, view, random)
    corner = tf.floor(random.uniform(_CORNER, [2])[0] * (sides - size + 1))
    return tf.cast(tf.concat([corner, size], axis=0), tf.int32)


def view_for_evaluation(encoded: tf.Tensor, view: EvaluationView) -> tf.Tensor:
    """The middle of the image, whose shorter side is resized first.

    Args:
        encoded: JPEG bytes, a string scalar.
    Returns:
        float32 (side, side, 3), 0 to 255 less the channel mean, over the deviation.
    """
    image, resized = _resized(encoded, view)
    top, left = tf.unstack((resized - view.side) // 2)
    return _cut(image, top, left, view)


def ten_views(encoded: tf.Tensor, view: EvaluationView) -> tf.Tensor:
    """The middle and the four corners of the image, and each of them flipped.

    Krizhevsky et al. 2012, Section 4.1: ten-crop testing.

    Args:
        encoded: JPEG bytes, a string scalar.
    Returns:
        float32 (10, side, side, 3).
    """
    image, resized = _resized(encoded, view)
    last = resized - view.side
    middle = last // 2
    corners = [(0, 0), (0, last[1]), (last[0], 0), (last[0], last[1])]
    places = [(middle[0], middle[1]), *corners]
    crops = tf.stack([_cut(image, top, left, view) for top, left in places])
    return tf.concat([crops, crops[:, :, ::-1]], axis=0)


def _size_by_area(sides: tf.Tensor, view: TrainingView, random: RowRandom):
    """Height and width of a crop, float (2,): Szegedy et al. 2015, Section 6.

    The area is even between the two shares, and so is the aspect here. The first of ten
    tries that fits is taken, else the whole image. (TensorFlow's own
    `sample_distorted_bounding_box` is even in the side, not the area: its crops are
    smaller.)
    """
    low, high = view.area
    area = random.uniform(_AREA, [_ATTEMPTS], minval=low, maxval=high)[0]
    low, high = view.aspect
    aspect = random.uniform(_ASPECT, [_ATTEMPTS], minval=low, maxval=high)[0]
    area *= tf.reduce_prod(sides)
    tries = tf.round(tf.sqrt(tf.stack([area / aspect, area * aspect], axis=1)))
    fits = tf.reduce_all((tries >= 1) & (tries <= sides), axis=1)
    return tf.concat([tf.boolean_mask(tries, fits), sides[None]], axis=0)[0]


def _size_by_shorter_side(sides: tf.Tensor, view: TrainingView, random: RowRandom):
    """What becomes `side` pixels when the shorter side becomes a random number."""
    low, high = view.shorter_side
    drawn = random.uniform(_SIDE, minval=low, maxval=high + 1, dtype=tf.int32)[0]
    shorter = tf.reduce_min(sides)
    size = tf.round(view.side * shorter / tf.cast(drawn, tf.float32))
    return tf.repeat(tf.clip_by_value(size, 1.0, shorter), 2)


def _resized(encoded: tf.Tensor, view: EvaluationView):
    """The image with its new shorter side, and its height and width."""
    image = tf.io.decode_jpeg(encoded, channels=3)
    shape = tf.shape(image)[:2]
    scale = view.shorter_side / tf.reduce_min(shape)
    resized = tf.cast(tf.round(tf.cast(shape, tf.float64) * scale), tf.int32)
    return tf.image.resize(image, resized), resized


def _cut(image: tf.Tensor, top, left, view: EvaluationView) -> tf.Tensor:
    image = image[top : top + view.side, left : left + view.side]
    image = _scaled(image - tf.constant(view.channel_mean, tf.float32), view)
    return tf.ensure_shape(image, [view.side, view.side, 3])


def _scaled(image: tf.Tensor, view: TrainingView | EvaluationView) -> tf.Tensor:
    # Without an operation that changes nothing, results stay what they were.
    if all(deviation == 1 for deviation in view.channel_deviation):
        return image
    return image / tf.constant(view.channel_deviation, tf.float32)


def _turn(image: tf.Tensor, degrees: float, random: RowRandom) -> tf.Tensor:
    """Turned about its middle; corners that come from outside are 0, the mean."""
    angle = random.uniform(_ANGLE, minval=-degrees, maxval=degrees)[0] * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    rows = [[cosine, -sine, 0.0], [sine, cosine, 0.0]]
    return apply_affine(image[None], tf.convert_to_tensor(rows)[None])[0]
