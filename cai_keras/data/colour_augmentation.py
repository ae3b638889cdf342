"""Colours of a training image changed at random, as residual networks are trained."""

import tensorflow as tf

from cai_keras.data.row_random import RowRandom

# Of ImageNet's pixels in [0, 1]: fb.resnet.torch, datasets/imagenet.lua.
_EIGENVALUES = (0.2175, 0.0188, 0.0045)
# Rows are red, green and blue, columns the three directions.
_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
_GREY = (0.299, 0.587, 0.114)  # Rec. 601


def jitter_colours(
    image: tf.Tensor, strength: float, random: RowRandom, stream: int
) -> tf.Tensor:
    """Brightness, contrast and saturation changed.

    As fb.resnet.torch does with strength 0.4: the image is blended with black, with its
    mean grey and with itself in grey, image' = a image + (1 - a) other with
    a = 1 + uniform in [-strength, strength]; nothing is clipped. The order, which is
    random there, does not matter: the three are linear and commute, for the grey of an
    image that was blended with its own (mean) grey is what it was.

    Args:
        image: float (height, width, 3), red, green and blue.
        random: of one row.
        stream: of the random numbers.
    """
    brightness, contrast, saturation = tf.unstack(
        random.uniform(stream, [3], minval=1 - strength, maxval=1 + strength)[0]
    )
    image = brightness * image
    grey = tf.reduce_sum(image * tf.constant(_GREY), axis=-1, keepdims=True)
    image = contrast * image + (1 - contrast) * tf.reduce_mean(grey)
    grey = tf.reduce_sum(image * tf.constant(_GREY), axis=-1, keepdims=True)
    return saturation * image + (1 - saturation) * grey


def add_lighting(
    image: tf.Tensor, deviation: float, random: RowRandom, stream: int
) -> tf.Tensor:
    """One colour added to all pixels: Krizhevsky et al. 2012, Section 4.1.

    255 sum_i a_i l_i p_i with eigenvalues l_i and eigenvectors p_i of the covariance of
    ImageNet's pixels in [0, 1], and a_i normal with the given deviation (there 0.1).

    Args:
        image: float (height, width, 3), of 0 to 255.
        random: of one row.
        stream: of the random numbers.
    """
    amounts = random.normal(stream, [3], stddev=deviation)[0]
    amounts *= 255 * tf.constant(_EIGENVALUES)
    return image + tf.linalg.matvec(tf.constant(_EIGENVECTORS), amounts)
