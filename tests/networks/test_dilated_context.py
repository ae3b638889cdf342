"""Dilated convolutions: published parameters, the identity at the start, gradients."""

import keras
import numpy as np
import pytest
from keras import ops
from parameter_counts import trainable_parameters

from cai_keras.networks.dilated_context import (
    CITYSCAPES_DILATIONS,
    KITTI_DILATIONS,
    LARGE,
    ContextIdentity,
    build_context,
    build_dense_prediction,
    build_front_end,
)


# 7 (9 C^2 + C) + C^2 + C = 64 C^2 + 8 C.
@pytest.mark.parametrize(
    ("classes", "expected"), [(21, 28_392), (19, 23_256), (11, 7_832), (4, 1_056)]
)
def test_parameters_of_the_basic_module(classes, expected):
    assert (
        trainable_parameters(build_context(classes))
        == expected
        == 64 * classes**2 + 8 * classes
    )


@pytest.mark.parametrize(
    ("classes", "expected"), [(21, 6_803_139), (11, 1_867_129), (4, 247_140)]
)
def test_parameters_of_the_large_module(classes, expected):
    assert trainable_parameters(build_context(classes, multiples=LARGE)) == expected


def test_parameters_of_the_module_for_cityscapes():
    assert trainable_parameters(build_context(19, CITYSCAPES_DILATIONS)) == 29_792


def test_parameters_and_size_of_the_front_end():
    # Dense layers of VGG-16 as convolutions, and 21 classes.
    network = build_front_end(21)

    assert trainable_parameters(network) == 134_346_581
    # A label for every eighth pixel, 186 from each border.
    assert network.compute_output_shape((1, 900, 900, 3)) == (1, 66, 66, 21)


# Counted from the released prototxts; the front end has 4,097 for each class.
@pytest.mark.parametrize(
    ("classes", "module", "upsampling", "front", "expected"),
    [
        (21, {"multiples": LARGE}, 1, 134_346_581, 141_149_720),  # VOC
        (11, {}, 1, 134_305_611, 134_313_443),  # CamVid
        (11, {"dilations": KITTI_DILATIONS}, 1, 134_305_611, 134_312_343),
        # 4,864 of them in the deconvolution.
        (19, {"dilations": CITYSCAPES_DILATIONS}, 8, 134_338_387, 134_373_043),
    ],
)
def test_parameters_of_the_released_networks(
    classes, module, upsampling, front, expected
):
    front_end = build_front_end(classes)
    whole = build_dense_prediction(
        [front_end, build_context(classes, **module)], upsampling
    )

    assert trainable_parameters(front_end) == front
    assert whole.count_params() == expected
    fixed = whole.count_params() - trainable_parameters(whole)
    assert fixed == (4_864 if upsampling > 1 else 0)


def test_the_whole_network_is_its_parts_one_behind_the_other():
    first, second = (build_context(2, image_size=12) for _ in range(2))
    x = np.random.default_rng(0).uniform(0, 9, (1, 12, 12, 2)).astype("float32")
    weights = first.get_weights()
    first.set_weights([weight + 0.1 for weight in weights])

    whole = build_dense_prediction([first, second], upsampling=2)

    found = np.asarray(whole(x))
    assert found.shape == (1, 24, 24, 2)
    # In the middle an enlarged pixel is a mean of its neighbours, so that the whole
    # keeps its mean where the map is constant; the parts' weights are shared.
    flat = np.full((1, 12, 12, 2), 3.0, "float32")
    passed = np.asarray(second(first(flat)))[0, 6, 6]
    np.testing.assert_allclose(np.asarray(whole(flat))[0, 12, 12], passed, rtol=1e-3)
    assert {id(w) for w in first.weights + second.weights} <= {
        id(w) for w in whole.weights
    }


@pytest.mark.parametrize("classes", [1, 3])
def test_the_basic_module_is_exactly_the_identity_at_first(classes):
    network = build_context(classes, image_size=20)
    x = np.random.default_rng(0).uniform(0, 9, (2, 20, 20, classes)).astype("float32")

    np.testing.assert_array_equal(network(x), x)


def test_the_large_module_is_the_identity_but_for_rounding():
    network = build_context(4, multiples=LARGE, image_size=12)
    x = np.random.default_rng(0).uniform(0, 9, (1, 12, 12, 4)).astype("float32")

    np.testing.assert_allclose(network(x), x, rtol=1e-5)


def test_kernels_of_more_channels_by_hand():
    # Two classes: input channels 0 and 1, and output channels 0 to 2, are of the first.
    # Each of the 6 output channels gets 2 / 6 of those of its class.
    kernel = np.asarray(ContextIdentity(2)((3, 3, 4, 6)))

    expected = np.zeros((3, 3, 4, 6))
    expected[1, 1, :2, :3] = expected[1, 1, 2:, 3:] = 2 / 6
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)


def test_noise_is_everywhere_but_on_the_identity():
    kernel = np.asarray(ContextIdentity(4, 0.01, seed=1)((3, 3, 4, 40)))

    on = np.asarray(ContextIdentity(4)((3, 3, 4, 40))) > 0
    assert on.sum() == 40
    np.testing.assert_allclose(kernel[on], 0.1, rtol=1e-6)
    assert kernel[~on].std() == pytest.approx(0.01, rel=0.1)


def test_relative_noise_is_a_share_of_the_identity():
    # C / c_out = 4 / 40: a share of 0.05 is a deviation of 0.005.
    kernel = np.asarray(ContextIdentity(4, 0.05, 1, relative=True)((3, 3, 4, 40)))

    on = np.asarray(ContextIdentity(4)((3, 3, 4, 40))) > 0
    np.testing.assert_allclose(kernel[on], 0.1, rtol=1e-6)
    assert kernel[~on].std() == pytest.approx(0.005, rel=0.1)


def test_the_initializer_comes_back_from_its_config():
    original = ContextIdentity(3, 0.5, seed=7, relative=True)

    again = keras.initializers.deserialize(keras.initializers.serialize(original))

    np.testing.assert_array_equal(again((3, 3, 3, 6)), original((3, 3, 3, 6)))


def test_every_kernel_has_a_gradient_through_the_largest_dilation():
    import tensorflow as tf

    network = build_context(2, image_size=40)
    x = np.random.default_rng(0).uniform(size=(1, 40, 40, 2)).astype("float32")

    with tf.GradientTape() as tape:
        loss = ops.sum(ops.square(network(x)))
    gradients = tape.gradient(loss, network.trainable_weights)

    assert all(np.abs(np.asarray(g)).max() > 0 for g in gradients)
