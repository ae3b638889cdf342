"""The Siamese network: one encoder for both images, one weighted distance."""

import keras
from keras import layers

from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.weighted_l1_similarity import WeightedL1Similarity


@keras.saving.register_keras_serializable(package="cai_keras")
class SiameseNetwork(keras.Model):
    """Logit that two images show the same character (Koch et al. 2015, Fig. 3).

    Args:
        encoder: image -> embedding h, used for both images.
        similarity: (h1, h2) -> logit.

    Call:
        inputs: pair of float (batch, side, side, 1), ink 1 and paper 0.
        Returns: float (batch,), unbounded; its sigmoid is the paper's p.
    """

    def __init__(self, encoder, similarity, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.similarity = similarity
        if not similarity.built:  # loaded from a file, it is
            similarity.build((encoder.output_shape, encoder.output_shape))
        self.built = True

    def call(self, inputs, training=None):
        first, second = inputs
        # One pass: both twins share the statistics of batch normalisation.
        both = keras.ops.concatenate([first, second], axis=0)
        embeddings = self.encoder(both, training=training)
        return self.similarity(keras.ops.split(embeddings, 2, axis=0))

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "similarity": keras.saving.serialize_keras_object(self.similarity),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for part in ("encoder", "similarity"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def build_siamese(side: int, model) -> SiameseNetwork:
    """The network of a recipe's `model` section, for side x side images."""
    image = keras.Input((side, side, 1), name="image")
    features = ENCODERS[model.network](image, model)
    init = INITIALISATIONS[model.initialisation]()
    x = layers.Flatten(name="flatten")(features)
    x = layers.Dense(
        model.embedding,
        kernel_initializer=init["dense_kernel"],
        bias_initializer=init["bias"],
        kernel_regularizer=_l2(model.l2),
        activation="sigmoid",
        name="embedding",
    )(x)
    similarity = WeightedL1Similarity(
        kernel_initializer=init["similarity_kernel"],
        bias_initializer=init["bias"],
        kernel_regularizer=_l2(model.l2),
        name="similarity",
        # Logits of float16 embeddings need float32's range.
        dtype="float32",
    )
    return SiameseNetwork(keras.Model(image, x, name="encoder"), similarity)


def apply_convolutions(image, model):
    """conv - (batch norm) - relu - (pool), once for each entry of `filters`."""
    x = image
    stages = zip(model.filters, model.kernels, model.pools, strict=True)
    for number, (filters, kernel, pool) in enumerate(stages, start=1):
        init = INITIALISATIONS[model.initialisation]()
        x = layers.Conv2D(
            filters,
            kernel,
            padding=model.padding,
            # A bias before batch normalisation has no effect.
            use_bias=model.batch_norm is None,
            kernel_initializer=init["conv_kernel"],
            bias_initializer=init["bias"],
            kernel_regularizer=_l2(model.l2),
            name=f"conv{number}",
        )(x)
        if model.batch_norm is not None:
            x = BatchNormalization(
                momentum=model.batch_norm.momentum,
                epsilon=model.batch_norm.epsilon,
                name=f"norm{number}",
            )(x)
        x = layers.ReLU(name=f"relu{number}")(x)
        if pool:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    return x


def apply_fully_connected(image, model):
    """relu layers of `hidden` units on the pixels: the twin without convolutions."""
    x = layers.Flatten(name="pixels")(image)
    for number, units in enumerate(model.hidden, start=1):
        init = INITIALISATIONS[model.initialisation]()
        x = layers.Dense(
            units,
            activation="relu",
            kernel_initializer=init["dense_kernel"],
            bias_initializer=init["bias"],
            kernel_regularizer=_l2(model.l2),
            name=f"hidden{number}",
        )(x)
    return x


ENCODERS = {
    "convolutional": apply_convolutions,
    "fully_connected": apply_fully_connected,
}


def _published() -> dict:
    # Section 3.2: convolution kernels N(0, 0.01), dense kernels N(0, 0.2), all biases
    # N(0.5, 0.01). Seeds come from the process's seed.
    normal = keras.initializers.RandomNormal
    return {
        "conv_kernel": normal(0.0, 0.01),
        "dense_kernel": normal(0.0, 0.2),
        "similarity_kernel": normal(0.0, 0.2),
        "bias": normal(0.5, 0.01),
    }


def _scaled() -> dict:
    return {
        "conv_kernel": keras.initializers.HeNormal(),
        "dense_kernel": keras.initializers.GlorotUniform(),
        "similarity_kernel": keras.initializers.GlorotUniform(),
        "bias": "zeros",
    }


INITIALISATIONS = {"published": _published, "scaled": _scaled}


def _l2(factor: float):
    return keras.regularizers.L2(factor) if factor else None
