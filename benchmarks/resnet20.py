"""ResNet-20 for 32 x 32 images, on synthetic images and labels."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from benchmarks.workload import Workload, with_keras_layers
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.training.learner import Learner, Update

BLOCKS_PER_STAGE = 3
FILTERS = (16, 32, 64)
NUM_CLASSES = 10
LEARNING_RATE, MOMENTUM = 0.1, 0.9


@keras.saving.register_keras_serializable(package="cai_keras_benchmarks")
class ZeroPaddedShortcut(layers.Layer):
    """Every second pixel, and twice the channels, the new ones zero: no parameters.

    He et al. 2016 (arXiv:1512.03385), Section 3.3, option A.

    Call:
        inputs: (batch, height, width, channels).
        Returns: (batch, ceil(height / 2), ceil(width / 2), 2 channels).
    """

    def call(self, inputs):
        new = inputs.shape[-1] // 2
        # The average of one pixel: slicing in strides takes a tenth of the whole
        # step on two cores, this next to nothing.
        pixels = ops.average_pool(inputs, 1, strides=2)
        return ops.pad(pixels, [[0, 0], [0, 0], [0, 0], [new, new]])


class ClassificationLearner(Learner):
    """Cross-entropy of single labels, one update."""

    def updates(self):
        return [Update("network", ("network",), self.losses_of_images)]

    def losses_of_images(self, batch):
        logits = self.networks["network"](batch["images"], training=True)
        loss = keras.losses.sparse_categorical_crossentropy(
            batch["labels"], logits, from_logits=True
        )
        return {"cross_entropy": loss}


def build_resnet20(
    side: int = 32,
    filters: Sequence[int] = FILTERS,
    blocks_per_stage: int = BLOCKS_PER_STAGE,
) -> keras.Model:
    """Images float (batch, side, side, 3) to logits (batch, 10).

    He et al. 2016 (arXiv:1512.03385), Section 4.2: 6n + 2 layers with n = 3, 16, 32
    and 64 filters, 269,722 trainable parameters (the paper's "0.27M").
    """
    image = keras.Input((side, side, 3), name="image")
    x = layers.ReLU()(_apply_convolution(image, filters[0]))
    for stage, count in enumerate(filters):
        for block in range(blocks_per_stage):
            x = apply_block(x, count, halve=stage > 0 and block == 0)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(NUM_CLASSES)(x), name="resnet20")


def apply_block(x, filters: int, halve: bool):
    """Two 3 x 3 convolutions and the shortcut around them (Fig. 2)."""
    shortcut = ZeroPaddedShortcut()(x) if halve else x
    x = layers.ReLU()(_apply_convolution(x, filters, strides=2 if halve else 1))
    x = layers.Add()([_apply_convolution(x, filters), shortcut])
    return layers.ReLU()(x)


def _apply_convolution(x, filters: int, strides: int = 1):
    x = layers.Conv2D(
        filters,
        3,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    # The smallest epsilon that TensorFlow's fused kernel takes on every device.
    return BatchNormalization(momentum=0.9, epsilon=1.001e-5)(x)


def make_workload(
    batch: int,
    steps: int,
    side: int = 32,
    filters: Sequence[int] = FILTERS,
    blocks_per_stage: int = BLOCKS_PER_STAGE,
) -> Workload:
    """ResNet-20, or a smaller one, and `steps` batches of images in [0, 1]."""
    rng = np.random.default_rng(0)

    def network():
        keras.utils.set_random_seed(0)
        return build_resnet20(side, filters, blocks_per_stage)

    return Workload(
        network=network,
        keras_network=lambda: with_keras_layers(network()),
        optimizer=lambda: keras.optimizers.SGD(LEARNING_RATE, MOMENTUM),
        learner=lambda network, optimizer: ClassificationLearner(
            {"network": network}, {"network": optimizer}
        ),
        data={
            "images": rng.random((steps * batch, side, side, 3), np.float32),
            "labels": rng.integers(NUM_CLASSES, size=steps * batch, dtype=np.int32),
        },
        inputs=lambda batch: batch["images"],
        target="labels",
        loss=tf.nn.sparse_softmax_cross_entropy_with_logits,
        keras_loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        pytorch="benchmarks.resnet20_pytorch",
    )
