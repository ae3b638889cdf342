"""What tensorflow-addons 0.23 computes: layers, activations, images, losses, metrics.

It runs in the isolated environment and imports nothing of the project.
"""

import tensorflow as tf
import tensorflow_addons as tfa
from graph import Prepared, variables


def _spectral_normalization(layer, arrays):
    wrapped = tfa.layers.SpectralNormalization(layer)
    wrapped.build(arrays["x"].shape)
    layer.set_weights([arrays["kernel"], arrays["bias"]])
    wrapped.u.assign(arrays["vector"][None])
    given = variables({"x": arrays["x"]})

    def call():
        outputs = wrapped(given["x"], training=True)
        return {
            "y": outputs,
            "vector": tf.reshape(wrapped.u, [-1]),
            "kernel": tf.stop_gradient(layer.kernel),
        }

    return call, {**given, "kernel": layer.kernel, "bias": layer.bias}


def spectral_normalization_dense(arrays, settings):
    layer = tf.keras.layers.Dense(arrays["kernel"].shape[-1])
    return Prepared(*_spectral_normalization(layer, arrays))


def spectral_normalization_convolution(arrays, settings):
    *size, _, filters = arrays["kernel"].shape
    layer = tf.keras.layers.Conv2D(filters, size)
    return Prepared(*_spectral_normalization(layer, arrays))


def _scaled(layer, arrays):
    layer.build(arrays["x"].shape)
    layer.set_weights([arrays["gamma"], arrays["beta"]])
    given = variables({"x": arrays["x"]})
    watched = {**given, "gamma": layer.gamma, "beta": layer.beta}
    return Prepared(lambda: {"y": layer(given["x"])}, watched)


def group_normalization(arrays, settings):
    return _scaled(tfa.layers.GroupNormalization(**settings), arrays)


def instance_normalization(arrays, settings):
    return _scaled(tfa.layers.InstanceNormalization(**settings), arrays)


def maxout(arrays, settings):
    given = variables(arrays)
    layer = tfa.layers.Maxout(arrays["kernel"].shape[-1] // settings["pieces"])

    def call():
        return {"y": layer(tf.matmul(given["x"], given["kernel"]) + given["bias"])}

    return Prepared(call, given)


def multi_head_attention(arrays, settings):
    batch, height, width, channels = arrays["x"].shape
    units = arrays["query"].shape[-1]
    layer = tfa.layers.MultiHeadAttention(units, 1, output_size=channels)
    layer.build([(batch, height * width, channels)] * 3)
    names = ("query", "key", "value", "out")
    layer.set_weights([*(arrays[name][None] for name in names), arrays["bias"]])
    given = variables({"x": arrays["x"]})

    def call():
        rows = tf.reshape(given["x"], (batch, height * width, channels))
        return {"y": tf.reshape(layer([rows, rows, rows]), given["x"].shape)}

    kernels = zip((*names, "bias"), layer.trainable_variables, strict=True)
    return Prepared(call, {**given, **dict(kernels)})


def _of_one(function):
    def prepare(arrays, settings):
        given = variables(arrays)
        return Prepared(lambda: {"y": function(given["x"], **settings)}, given)

    return prepare


adaptive_average_pooling2d = _of_one(
    lambda x, output_size: tfa.layers.AdaptiveAveragePooling2D(tuple(output_size))(x)
)
adaptive_max_pooling2d = _of_one(
    lambda x, output_size: tfa.layers.AdaptiveMaxPooling2D(tuple(output_size))(x)
)


def interpolate_bilinear(arrays, settings):
    given = variables(arrays)
    return Prepared(
        lambda: {"y": tfa.image.interpolate_bilinear(given["images"], given["points"])},
        given,
    )


def dense_image_warp(arrays, settings):
    given = variables(arrays)
    return Prepared(
        lambda: {"y": tfa.image.dense_image_warp(given["images"], given["flow"])}, given
    )


def resampler(arrays, settings):
    given = variables(arrays)

    def call():
        # It wants (x, y), the column first.
        points = tf.reverse(given["points"], [-1])
        return {"y": tfa.image.resampler(given["images"], points)}

    return Prepared(call, given)


def _of_images(function, second):
    """The gradient by the transformation does not exist: the operation has none."""

    def prepare(arrays, settings):
        given = variables(arrays)

        def call():
            images = given["images"]
            outputs = function(images, given[second], interpolation="bilinear")
            return {"y": tf.ensure_shape(outputs, images.shape)}

        return Prepared(call, {"images": given["images"]})

    return prepare


transform_projective = _of_images(tfa.image.transform, "transforms")
transform_affine = _of_images(tfa.image.transform, "transforms")
rotate = _of_images(tfa.image.rotate, "angles")
translate = _of_images(tfa.image.translate, "shifts")


def interpolate_spline(arrays, settings):
    given = variables({"values": arrays["values"]})
    batch = len(arrays["values"])
    height, width = arrays["size"]

    def grid(rows, columns):
        y, x = tf.meshgrid(
            tf.linspace(-1.0, 1.0, rows), tf.linspace(-1.0, 1.0, columns), indexing="ij"
        )
        points = tf.reshape(tf.stack([x, y], axis=-1), (1, rows * columns, 2))
        return tf.Variable(tf.repeat(points, batch, axis=0))

    control, query = grid(4, 4), grid(int(height), int(width))

    def call():
        points = tfa.image.interpolate_spline(control, given["values"], query, order=2)
        return {"y": tf.reshape(points, (batch, height, width, 2))}

    return Prepared(call, given)


def gaussian_filter2d(arrays, settings):
    given = variables(arrays)

    def call():
        return {
            "y": tfa.image.gaussian_filter2d(
                given["images"],
                (settings["size"],) * 2,
                settings["sigma"],
                padding="CONSTANT",
            )
        }

    return Prepared(call, given)


def euclidean_dist_transform(arrays, settings):
    given = variables(arrays)
    return Prepared(
        lambda: {"distance": tfa.image.euclidean_dist_transform(given["masks"])}
    )


def connected_components(arrays, settings):
    given = variables(arrays)

    def call():
        masks = tf.cast(given["masks"][..., 0], tf.bool)
        return {"label": tfa.image.connected_components(masks)}

    return Prepared(call)


def sigmoid_focal_cross_entropy(arrays, settings):
    given = variables(arrays)
    loss = tfa.losses.SigmoidFocalCrossEntropy(
        reduction=tf.keras.losses.Reduction.NONE, **settings
    )
    return Prepared(
        lambda: {"loss": loss(given["target"], given["prediction"])},
        {"prediction": given["prediction"]},
    )


def _metric(make):
    def prepare(arrays, settings):
        given = variables(arrays)
        metric = make(arrays["target"].shape[-1], **settings)

        def call():
            metric.reset_state()
            metric.update_state(given["target"], given["prediction"])
            return {"score": metric.result()}

        # `reset_state` cannot be compiled.
        return Prepared(call, is_graph=False)

    return prepare


f1_score = _metric(tfa.metrics.F1Score)
fbeta_score = _metric(
    lambda count, threshold, beta: tfa.metrics.FBetaScore(
        count, threshold=threshold, beta=beta
    )
)
r_square = _metric(
    lambda count: tfa.metrics.RSquare(multioutput="uniform_average"),
)

ORIGINALS = {
    function.__name__: function
    for function in (
        spectral_normalization_dense,
        spectral_normalization_convolution,
        group_normalization,
        instance_normalization,
        maxout,
        multi_head_attention,
        interpolate_bilinear,
        dense_image_warp,
        resampler,
        interpolate_spline,
        gaussian_filter2d,
        euclidean_dist_transform,
        connected_components,
        sigmoid_focal_cross_entropy,
    )
} | {
    "adaptive_average_pooling2d": adaptive_average_pooling2d,
    "adaptive_max_pooling2d": adaptive_max_pooling2d,
    **{
        name: _of_one(getattr(tfa.activations, name))
        for name in ("gelu", "hardshrink", "mish", "softshrink", "tanhshrink")
    },
    "transform_projective": transform_projective,
    "transform_affine": transform_affine,
    "rotate": rotate,
    "translate": translate,
    "f1_score": f1_score,
    "fbeta_score": fbeta_score,
    "r_square": r_square,
}  # fmt: skip
