"""Augmentation of image batches, with random numbers given from outside."""

import tensorflow as tf


def crop_and_flip(
    images: tf.Tensor, padding: int, offsets: tf.Tensor, flips: tf.Tensor
) -> tf.Tensor:
    """Pads with zeros, crops to the old size, and flips some images left to right.

    He et al. 2016 (arXiv:1512.03385), Section 4.2, with 4 pixels for CIFAR.

    Args:
        images: (batch, height, width, channels).
        padding: pixels on each side.
        offsets: int (batch, 2), first row and column of each crop, 0 to 2 padding.
        flips: bool (batch,).
    Returns:
        Tensor like `images`.
    """
    height, width = images.shape[1:3]
    edges = [padding, padding]
    padded = tf.pad(images, [[0, 0], edges, edges, [0, 0]])
    rows = tf.range(height)[None] + tf.cast(offsets[:, :1], tf.int32)
    columns = tf.range(width)[None] + tf.cast(offsets[:, 1:], tf.int32)
    columns = tf.where(flips[:, None], columns[:, ::-1], columns)
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)
