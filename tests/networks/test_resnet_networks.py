"""Residual networks: published numbers of parameters, shortcuts, padding, videos."""

import keras
import numpy as np
import pytest
from parameter_counts import trainable_parameters

from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from cai_keras.networks.residual_blocks import (
    BasicBlock,
    Bottleneck,
    Convolutions,
    pad_shortcut,
)
from cai_keras.networks.resnet import (
    apply_deep_stem,
    build_cifar_resnet,
    build_imagenet_resnet,
)

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)


def _squeeze(ratio=16, **more):
    return lambda x, name: SqueezeExcitation(ratio, name=name, **more)(x)


# He et al. 2016: 0.27, 0.46, 0.66, 0.85 and 1.7 million; each layer counted by hand.
CIFAR = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


@pytest.mark.parametrize("depth", CIFAR)
def test_parameters_of_the_nets_for_cifar(depth):
    counts = {
        shortcut: trainable_parameters(
            build_cifar_resnet(depth, BasicBlock(MAKE, shortcut), MAKE)
        )
        for shortcut in ("pad", "none", "project")
    }

    assert counts["pad"] == counts["none"] == CIFAR[depth]
    # Two projections: 16 x 32 and 32 x 64 numbers, gamma and beta.
    assert counts["project"] == CIFAR[depth] + 16 * 32 + 64 + 32 * 64 + 128


@pytest.mark.parametrize(
    ("depth", "ratio", "expected"),
    [(20, 16, 272_095), (56, 16, 860_137), (110, 16, 1_742_200), (20, 8, 274_132)],
)
def test_parameters_of_squeeze_and_excitation_nets_for_cifar(depth, ratio, expected):
    block = BasicBlock(MAKE, "pad", _squeeze(ratio))

    assert trainable_parameters(build_cifar_resnet(depth, block, MAKE)) == expected


@pytest.mark.parametrize(
    ("depth", "shortcut", "expected"),
    [
        (18, "pad", 11_515_688),
        (18, "project", 11_689_512),
        (34, "pad", 21_623_848),
        (34, "project", 21_797_672),
        (34, "project_all", 22_716_840),
    ],
)
def test_parameters_of_basic_nets_for_imagenet(depth, shortcut, expected):
    network = build_imagenet_resnet(
        depth, BasicBlock(MAKE, shortcut), MAKE, filters=(64, 128, 256, 512)
    )

    assert trainable_parameters(network) == expected


@pytest.mark.parametrize(
    ("depth", "plain", "squeezed"),
    [
        (50, 25_557_032, 28_088_024),
        (101, 44_549_160, 49_326_872),
        (152, 60_192_808, 66_821_848),
    ],
)
def test_parameters_of_bottleneck_nets(depth, plain, squeezed):
    # The released prototxts of SE-ResNet have these numbers, with biases in the gates.
    with_gates = Bottleneck(MAKE, branch_end=_squeeze())

    assert (
        trainable_parameters(build_imagenet_resnet(depth, Bottleneck(MAKE), MAKE))
        == plain
    )
    assert (
        trainable_parameters(build_imagenet_resnet(depth, with_gates, MAKE)) == squeezed
    )


def test_gates_without_biases_have_fewer_parameters():
    block = Bottleneck(MAKE, branch_end=_squeeze(use_bias=False))

    assert trainable_parameters(build_imagenet_resnet(50, block, MAKE)) == 28_071_976


@pytest.mark.parametrize(("depth", "expected"), [(50, 27_559_896), (101, 48_955_416)])
def test_parameters_of_squeeze_and_excitation_resnext(depth, expected):
    block = Bottleneck(MAKE, width=0.5, groups=32, branch_end=_squeeze())

    assert trainable_parameters(build_imagenet_resnet(depth, block, MAKE)) == expected


def test_parameters_of_senet_154():
    block = Bottleneck(
        MAKE, width=1.0, groups=64, first_width=0.5, stride_at="middle",
        projection_size=3, branch_end=_squeeze(),
    )  # fmt: skip
    network = build_imagenet_resnet(
        152, block, MAKE, apply_stem=apply_deep_stem, dropout=0.2
    )

    assert trainable_parameters(network) == 115_088_984


def test_option_a_takes_every_other_pixel_and_adds_empty_channels():
    x = np.arange(2 * 3 * 3 * 2, dtype="float32").reshape(2, 3, 3, 2)

    found = np.asarray(pad_shortcut(x, filters=5, stride=2))

    assert found.shape == (2, 2, 2, 5)
    np.testing.assert_array_equal(found[..., :2], x[:, ::2, ::2])
    np.testing.assert_array_equal(found[..., 2:], 0.0)


def test_a_strided_convolution_pads_both_sides_alike():
    # A kernel of ones over ones counts the pixels that are no padding: with one row
    # and column of zeros on each side, the first output sees 2 x 2 of 3 x 3.
    make = Convolutions(0.9, 1e-5, keras.initializers.Ones)
    inputs = keras.Input((4, 4, 1))
    network = keras.Model(inputs, make.convolve(inputs, 1, 3, "conv", stride=2))

    found = np.asarray(network(np.ones((1, 4, 4, 1), "float32")))[0, ..., 0]

    np.testing.assert_array_equal(found, [[4, 6], [6, 9]])


@pytest.mark.parametrize(
    ("stride_at", "strides"), [("first", (2, 1)), ("middle", (1, 2))]
)
def test_the_stride_stands_at_the_first_or_at_the_middle_convolution(
    stride_at, strides
):
    inputs = keras.Input((8, 8, 8))
    block = Bottleneck(MAKE, stride_at=stride_at)
    network = keras.Model(inputs, block(inputs, 16, 2, 0, "block"))

    found = [network.get_layer(f"block_conv{n}").strides[0] for n in (1, 2)]

    assert tuple(found) == strides
    assert network.output_shape == (None, 4, 4, 16)


def test_a_block_whose_branch_is_zero_passes_positive_maps_on():
    def zero(x, name):
        return x * 0.0

    inputs = keras.Input((4, 4, 8))
    network = keras.Model(
        inputs, Bottleneck(MAKE, branch_end=zero)(inputs, 8, 1, 0, "block")
    )
    x = np.random.default_rng(0).uniform(size=(2, 4, 4, 8)).astype("float32")

    np.testing.assert_array_equal(network(x), x)


def test_a_video_is_treated_frame_by_frame():
    image, video = keras.Input((8, 8, 6)), keras.Input((3, 8, 8, 6))
    block = Bottleneck(MAKE)
    on_images = keras.Model(image, block(image, 12, 2, 0, "block"))
    on_videos = keras.Model(video, block(video, 12, 2, 0, "block"))
    frames = np.random.default_rng(0).normal(size=(2, 3, 8, 8, 6)).astype("float32")
    for weight, value in zip(on_videos.weights, on_images.get_weights(), strict=True):
        weight.assign(value.reshape(weight.shape))

    found = np.asarray(on_videos(frames))

    for number in range(3):
        expected = on_images(frames[:, number])
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-4, atol=1e-5)


def test_kernels_over_frames_are_inflated_where_asked():
    inputs = keras.Input((4, 8, 8, 8))
    block = Bottleneck(MAKE, frames=lambda i: 3, middle_frames=lambda i: 2 * i + 1)
    network = keras.Model(inputs, block(inputs, 16, 2, 1, "block"))

    sizes = [network.get_layer(f"block_conv{n}").kernel_size for n in (1, 2, 3)]

    assert sizes == [(3, 1, 1), (3, 3, 3), (1, 1, 1)]
    assert network.output_shape == (None, 4, 4, 4, 16)


def test_kernels_start_with_the_deviation_of_fan_out():
    network = build_cifar_resnet(20, BasicBlock(MAKE, "pad"), MAKE)

    kernel = np.asarray(network.get_layer("stage3_block2_conv1").kernel)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build_cifar_resnet(21, BasicBlock(MAKE), MAKE), "6 n .*received 21"),
        (
            lambda: BasicBlock(MAKE, "padd")(keras.Input((4, 4, 8)), 8, 1, 0, "b"),
            "pad, project, project_all or none; got 'padd'",
        ),
        (
            lambda: Bottleneck(MAKE, stride_at="last")(
                keras.Input((4, 4, 8)), 8, 1, 0, "b"
            ),
            "first or middle; got 'last'",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
