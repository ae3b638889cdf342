"""With the same weights our networks give the outputs of keras.applications."""

import keras
import numpy as np
import pytest
from keras import applications, layers

from cai_keras.networks.densenet import build_imagenet_densenet
from cai_keras.networks.keras_weights import (
    copy_keras_weights,
    copy_vgg_to_front_end,
    densenet_name,
    resnet_name,
    vgg_name,
)
from cai_keras.networks.residual_blocks import Bottleneck, Convolutions
from cai_keras.networks.resnet import build_imagenet_resnet
from cai_keras.networks.vgg import build_vgg

# The epsilon of keras.applications.
MAKE = Convolutions(momentum=0.99, epsilon=1.001e-5)


def resnet(depth):
    return build_imagenet_resnet(depth, Bottleneck(MAKE), MAKE, image_size=64)


def densenet(depth):
    return build_imagenet_densenet(depth, MAKE, image_size=64)


def vgg(depth):
    return build_vgg(depth, image_size=32)


NETWORKS = {
    "ResNet50": (resnet, 50, 64, resnet_name),
    "ResNet101": (resnet, 101, 64, resnet_name),
    "DenseNet121": (densenet, 121, 64, densenet_name),
    "DenseNet169": (densenet, 169, 64, densenet_name),
    "VGG16": (vgg, 16, 32, vgg_name),
    "VGG19": (vgg, 19, 32, vgg_name),
}


def shaken(network):
    """Biases and normalisation moved away from where they start: each does something.

    The kernels are random from the start.
    """
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if len(weight.shape) == 1:
            factor = rng.uniform(0.8, 1.2, weight.shape)
            weight.assign(np.asarray(weight) * factor + 0.1 * rng.random(weight.shape))
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_weights_give_the_same_logits(name):
    build, depth, side, name_of = NETWORKS[name]
    make = getattr(applications, name)
    shape = (side, side, 3)
    source = make(weights=None, input_shape=shape, classifier_activation=None)
    target = build(depth)
    images = np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")

    copy_keras_weights(shaken(source), target, name_of)

    expected = np.asarray(source(images, training=False))
    found = np.asarray(target(images, training=False))
    # The images are told apart: constants would be equal in any two networks.
    scale = np.abs(expected[0] - expected[1]).max()
    assert scale > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * scale)


def dense_pair(units=3, name="logits"):
    source = keras.Sequential([keras.Input((2,)), layers.Dense(3, name="predictions")])
    return source, keras.Sequential([keras.Input((2,)), layers.Dense(units, name=name)])


def test_a_layer_that_only_one_network_has_is_named():
    with pytest.raises(ValueError, match="only one network has: logits, other"):
        copy_keras_weights(*dense_pair(name="other"), vgg_name)


def test_a_layer_of_another_shape_is_named_and_nothing_is_changed():
    source, target = dense_pair(units=4)
    before = target.get_weights()

    with pytest.raises(ValueError, match=r"logits: expected shapes .*4.*found .*3"):
        copy_keras_weights(source, target, vgg_name)

    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def dense_vgg(units=5):
    """A tiny network with the names of keras.applications.VGG16."""
    x = inputs = keras.Input((7, 7, 3))
    x = layers.Conv2D(4, 3, padding="same", name="block1_conv1")(x)
    x = layers.Dense(units, name="fc1")(layers.Flatten()(x))
    x = layers.Dense(6, name="fc2")(x)
    return keras.Model(inputs, layers.Dense(9, name="predictions")(x))


def convolutional_vgg():
    x = inputs = keras.Input((7, 7, 3))
    x = layers.Conv2D(4, 3, padding="same", name="block1_conv1")(x)
    x = layers.Conv2D(5, 7, name="hidden1")(x)
    x = layers.Conv2D(6, 1, name="hidden2")(x)
    return keras.Model(inputs, layers.Conv2D(2, 1, name="logits")(x))


def test_dense_layers_become_convolutions_that_compute_the_same():
    source, target = shaken(dense_vgg()), shaken(convolutional_vgg())
    logits = target.get_layer("logits").get_weights()
    image = np.random.default_rng(0).normal(size=(2, 7, 7, 3)).astype("float32")

    copy_vgg_to_front_end(source, target)

    hidden = keras.Model(target.inputs[0], target.get_layer("hidden2").output)
    expected = keras.Model(source.inputs[0], source.get_layer("fc2").output)(image)
    np.testing.assert_allclose(hidden(image)[:, 0, 0], expected, rtol=1e-4, atol=1e-5)
    for kept, before in zip(
        target.get_layer("logits").get_weights(), logits, strict=True
    ):
        np.testing.assert_array_equal(kept, before)


def test_dense_layers_of_another_size_change_nothing():
    target = convolutional_vgg()
    before = target.get_weights()

    with pytest.raises(ValueError, match=r"layer hidden1: expected \[980, 5\] weights"):
        copy_vgg_to_front_end(dense_vgg(units=8), target)

    for weight, old in zip(target.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
