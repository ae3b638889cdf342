"""The projection discriminator's head: is it real, and is it of this class?"""

import keras
from keras import ops

from cai_keras.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="cai_keras")
class ProjectionHead(keras.layers.Layer):
    """Score of features and a class.

    Miyato and Koyama 2018 (arXiv:1802.05637), equation 3:
        f(x, y) = V_y . phi(x) + w . phi(x) + b
    The first term asks whether the features are those of class y, the second one
    whether they are real.

    Args:
        classes: number of classes.
        use_spectral_norm: of both w and V.
        kernel_initializer: of w and V.

    Call:
        features: phi(x), float (batch, units).
        labels: y, int (batch,), in [0, classes).
        training: passed on to spectral normalisation.
        Returns: float32 (batch,), unbounded.
    Raises:
        ValueError: no class, or features of another rank.
    """

    def __init__(
        self,
        classes,
        use_spectral_norm=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if classes < 1:
            raise ValueError(
                f"ProjectionHead: classes must be positive; received {classes}"
            )
        self.classes = classes
        self.use_spectral_norm = use_spectral_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, features_shape, labels_shape):
        if len(features_shape) != 2 or features_shape[-1] is None:
            raise ValueError(
                "ProjectionHead needs features (batch, units) with known units; "
                f"received {tuple(features_shape)}"
            )
        score = keras.layers.Dense(
            1,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="score",
        )
        # An embedding, as a product: the gradient of a gather would come in slices.
        classes = keras.layers.Dense(
            features_shape[-1],
            use_bias=False,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="classes",
        )
        self._score, self._classes = (
            self._normalised(layer) for layer in (score, classes)
        )
        self._score.build(features_shape)
        self._classes.build((*labels_shape, self.classes))

    def call(self, features, labels, training=None):
        chosen = ops.one_hot(ops.cast(labels, "int32"), self.classes)
        if self.use_spectral_norm:
            score = self._score(features, training=training)
            classes = self._classes(chosen, training=training)
        else:
            score, classes = self._score(features), self._classes(chosen)
        products = ops.cast(features, "float32") * ops.cast(classes, "float32")
        return ops.cast(score[:, 0], "float32") + ops.sum(products, axis=-1)

    def _normalised(self, layer):
        if not self.use_spectral_norm:
            return layer
        return SpectralNormalization(layer, dtype=self.dtype_policy, name=layer.name)

    def compute_output_shape(self, features_shape, labels_shape):
        return (features_shape[0],)

    def get_config(self):
        return {
            **super().get_config(),
            "classes": self.classes,
            "use_spectral_norm": self.use_spectral_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
