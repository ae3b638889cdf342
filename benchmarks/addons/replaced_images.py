"""Functions of images: what the project has in place of those of tensorflow-addons.

Theirs count pixels, ours go from -1 to 1 over the centres of the border pixels:
pixel = (coordinate + 1) (size - 1) / 2.
"""

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from benchmarks.addons.graph import Prepared, variables
from cai_keras.data.affine import apply_affine
from cai_keras.layers.bilinear_sampling import sample_bilinear
from cai_keras.layers.sampling_grids import thin_plate_spline_grid
from cai_keras.layers.spatial_transformer import SpatialTransformer


def interpolate_bilinear(arrays, settings):
    return _sampled(arrays, "nearest")


def resampler(arrays, settings):
    return _sampled(arrays, "zeros")


def _sampled(arrays, border):
    given = variables(arrays)

    def call():
        images, points = given["images"], given["points"]
        found = sample_bilinear(images, _centred(points, images.shape)[:, None], border)
        return {"y": found[:, 0]}

    return Prepared(call, given)


def dense_image_warp(arrays, settings):
    given = variables(arrays)
    _, height, width, _ = arrays["images"].shape
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    grid = np.stack([rows, columns], axis=-1).astype("float32")

    def call():
        points = _centred(grid - given["flow"], given["images"].shape)
        return {"y": sample_bilinear(given["images"], points, "nearest")}

    return Prepared(call, given)


def _centred(pixels, shape):
    """(row, column) in pixels -> (x, y) from -1 to 1."""
    sizes = np.asarray(shape[1:3], "float32")
    return tf.reverse(2 * pixels / (sizes - 1) - 1, [-1])


def _transformed(name, arrays, theta):
    """theta: (batch, parameters) as `SpatialTransformer` has them."""
    given = variables({"images": arrays["images"], "theta": theta.astype("float32")})
    layer = SpatialTransformer(name)
    # The originals have no gradient by the transformation to compare with.
    return Prepared(
        lambda: {"y": layer([given["images"], given["theta"]])},
        {"images": given["images"]},
    )


def transform_projective(arrays, settings):
    matrices = _of_coordinates(arrays["transforms"], arrays["images"].shape)
    return _transformed("projective", arrays, matrices.reshape(-1, 9)[:, :8])


def transform_affine(arrays, settings):
    given = variables({"images": arrays["images"]})
    matrices = _of_coordinates(arrays["transforms"], arrays["images"].shape)
    transforms = tf.constant(matrices[:, :2].astype("float32"))
    return Prepared(lambda: {"y": apply_affine(given["images"], transforms)}, given)


def _of_coordinates(transforms: np.ndarray, shape) -> np.ndarray:
    """Eight numbers about pixels -> a matrix about coordinates, (batch, 3, 3)."""
    ones = np.ones((len(transforms), 1))
    pixels = np.concatenate([transforms, ones], axis=1).reshape(-1, 3, 3)
    half_y, half_x = (np.asarray(shape[1:3]) - 1) / 2
    to_pixels = np.array([[half_x, 0, half_x], [0, half_y, half_y], [0, 0, 1]])
    matrices = np.linalg.inv(to_pixels) @ pixels @ to_pixels
    return matrices / matrices[:, 2:, 2:]


def rotate(arrays, settings):
    """Counterclockwise as one looks at it: rows count downwards."""
    height, width = arrays["images"].shape[1:3]
    cosine, sine = np.cos(arrays["angles"]), np.sin(arrays["angles"])
    # About the middle, and square pixels, whatever the sides.
    aspect = (height - 1) / (width - 1)
    zero = np.zeros_like(cosine)
    rows = [cosine, -sine * aspect, zero, sine / aspect, cosine, zero]
    return _transformed("affine", arrays, np.stack(rows, axis=-1))


def translate(arrays, settings):
    height, width = arrays["images"].shape[1:3]
    x, y = -2 * arrays["shifts"].T / [[width - 1], [height - 1]]
    one, zero = np.ones_like(x), np.zeros_like(x)
    theta = np.stack([one, zero, x, zero, one, y], axis=-1)
    return _transformed("affine", arrays, theta)


def interpolate_spline(arrays, settings):
    given = variables({"values": arrays["values"]})
    height, width = (int(size) for size in arrays["size"])

    def call():
        theta = tf.reshape(given["values"], (len(arrays["values"]), -1))
        return {"y": thin_plate_spline_grid(theta, height, width)}

    return Prepared(call, given)


def gaussian_filter2d(arrays, settings):
    given = variables(arrays)
    size, sigma = (settings["size"],) * 2, (settings["sigma"],) * 2

    def call():
        return {"y": keras.ops.image.gaussian_blur(given["images"], size, sigma)}

    return Prepared(call, given)


def euclidean_dist_transform(arrays, settings):
    def call():
        masks = arrays["masks"][..., 0]
        found = [ndimage.distance_transform_edt(mask) for mask in masks]
        return {"distance": np.stack(found)[..., None].astype("float32")}

    return Prepared(call, is_graph=False)


def connected_components(arrays, settings):
    def call():
        found = [ndimage.label(mask)[0] for mask in arrays["masks"][..., 0]]
        return {"label": np.stack(found)}

    return Prepared(call, is_graph=False)


def numbered_in_each_mask(inputs, outputs, gradients):
    """The original goes on counting from mask to mask."""
    labels = outputs["label"]
    before = np.concatenate([[0], labels.max(axis=(1, 2))[:-1]])[:, None, None]
    return {"label": np.where(labels > 0, labels - before, 0)}, {}
