"""Residual attention networks: published counts, sizes, gates in a real module."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from parameter_counts import trainable_parameters

from cai_keras.layers.bilinear_resize import BilinearResize
from cai_keras.layers.mask_gate import MaskGate
from cai_keras.networks.pre_activation import PreActivationBottleneck
from cai_keras.networks.residual_attention import (
    AttentionModule,
    Stage,
    build_cifar_network,
    build_imagenet_attention,
    cifar_stages,
    pool_in_ceil_mode,
    resnext_unit,
)
from cai_keras.networks.residual_blocks import Convolutions

MAKE = Convolutions(momentum=0.9, epsilon=1e-5)
# All kernels 0: residual units are the identity, and masks are sigmoid(0) = 1/2.
ZEROS = Convolutions(0.9, 1e-5, keras.initializers.Zeros)


def _module(make=MAKE, **settings):
    return AttentionModule(make, PreActivationBottleneck(make), **settings)


def _same(x, filters, stride, index, name):
    """A residual unit that does nothing."""
    return x


def _multiplications(network) -> int:
    """Of convolutions and the classifier, for one image."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            total += layer.kernel.shape.num_elements() * np.prod(
                layer.output.shape[1:3]
            )
        elif isinstance(layer, layers.Dense):
            total += layer.kernel.shape.num_elements()
    return int(total)


@pytest.fixture(scope="module")
def attention56():
    return build_imagenet_attention(56, _module())


def test_attention_56_has_as_many_parameters_as_the_prototxt(attention56):
    assert trainable_parameters(attention56) == 31_810_728
    # gamma and beta of all normalisations
    norms = [x for x in attention56.layers if isinstance(x, layers.BatchNormalization)]
    assert sum(2 * norm.gamma.shape[0] for norm in norms) == 72_704


def test_attention_56_multiplies_as_often_as_the_paper_says(attention56):
    # The paper: 6.2 G; counted in the prototxt: 6.271 G.
    assert _multiplications(attention56) == pytest.approx(6.271e9, rel=1e-4)


def test_masks_of_attention_56_go_down_to_seven_pixels(attention56):
    sizes = {
        layer.name: (layer.input.shape[1], layer.height)
        for layer in attention56.layers
        if isinstance(layer, BilinearResize)
    }

    assert sizes == {
        "stage1_module1_mask_level1_resize": (28, 56),
        "stage1_module1_mask_level2_resize": (14, 28),
        "stage1_module1_mask_level3_resize": (7, 14),
        "stage2_module1_mask_level1_resize": (14, 28),
        "stage2_module1_mask_level2_resize": (7, 14),
        "stage3_module1_mask_level1_resize": (7, 14),
    }


@pytest.mark.parametrize(
    ("depth", "module", "expected"),
    [
        (92, _module(), 52_466_344),
        (56, AttentionModule(MAKE, resnext_unit(MAKE)), 31_318_824),
    ],
)
def test_parameters_of_other_released_nets(depth, module, expected):
    assert trainable_parameters(build_imagenet_attention(depth, module)) == expected


@pytest.mark.parametrize(
    ("modules", "settings", "expected"),
    [
        (1, {}, 1_030_362),
        (2, {}, 1_841_242),  # the paper: 1.9 million
        (3, {}, 2_652_122),
        (4, {}, 3_463_002),
        (6, {}, 5_084_762),  # the paper: 5.1 million
        # The paper: 8.6 million with r = 3.
        pytest.param(6, {"p": 2, "t": 4, "r": 3}, 10_181_210, marks=pytest.mark.slow),
        pytest.param(6, {"p": 2, "t": 4, "r": 2}, 8_745_818, marks=pytest.mark.slow),
    ],
)
def test_parameters_of_the_nets_for_cifar(modules, settings, expected):
    network = build_cifar_network(cifar_stages(modules), _module(**settings))

    assert trainable_parameters(network) == expected


@pytest.mark.parametrize(
    ("modules", "settings", "depth"),
    [(1, {}, 56), (3, {}, 128), (1, {"p": 2, "t": 4, "r": 3}, 92)],
)
def test_the_trunk_is_as_deep_as_the_name_says(modules, settings, depth):
    network = build_cifar_network(cifar_stages(modules), _module(**settings))

    # Every weight layer but the masks' and the shortcuts': 36 m + 20, or 72 m + 20.
    names = [x.name for x in network.layers if isinstance(x, layers.Conv2D)]
    trunk = [n for n in names if "_mask_" not in n and "projection" not in n]
    assert len(trunk) + 1 == depth


def test_eighteen_units_a_stage_are_resnet_164():
    stages = [Stage(filters, extra_units=17) for filters in (64, 128, 256)]

    # He et al. 2016 (arXiv:1603.05027): 1.7 million.
    assert trainable_parameters(build_cifar_network(stages, _module())) == 1_703_258


@pytest.mark.parametrize("modules", [1, 2, 4])
@pytest.mark.parametrize(
    ("gate", "factor"), [("attention_residual", 1.5), ("naive", 0.5)]
)
def test_the_response_grows_or_decays_exactly_with_masks_of_one_half(
    gate, factor, modules
):
    inputs = x = keras.Input((8, 8, 4))
    module = _module(ZEROS, gate=gate)
    for number in range(modules):
        x = module(x, 2, f"module{number}")
    # Whole numbers, so that products with powers of 3/2 are exact.
    image = np.random.default_rng(0).integers(-8, 9, (2, 8, 8, 4)).astype("float32")

    found = ops.convert_to_numpy(keras.Model(inputs, x)(image))

    np.testing.assert_array_equal(found, factor**modules * image)


def test_the_mask_branch_sees_what_the_trunk_sees():
    inputs = keras.Input((8, 8, 4))
    network = keras.Model(inputs, _module()(inputs, 1, "m"))

    pool = next(x for x in network.layers if isinstance(x, layers.MaxPooling2D))
    assert pool.input is network.get_layer("m_trunk1_norm1").input
    assert pool.input is not inputs


def test_skips_are_added_after_a_resizing_but_the_last_and_nothing_else_is():
    inputs = keras.Input((8, 8, 2))
    module = AttentionModule(MAKE, _same)
    mask = module._encode_and_decode(inputs, 2, "m_level1")
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 2)).astype("float32")

    found = keras.Model(inputs, mask)(x)

    half = pool_in_ceil_mode(x)
    quarter = pool_in_ceil_mode(half)
    expected = BilinearResize(8, 8)(half + BilinearResize(4, 4)(quarter))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_local_mask_is_three_units_at_full_size():
    inputs = keras.Input((8, 8, 4))
    network = keras.Model(inputs, _module(mask_branch="local")(inputs, 3, "m"))

    kinds = {type(layer) for layer in network.layers}
    assert not kinds & {BilinearResize, layers.MaxPooling2D}
    units = [x.name for x in network.layers if x.name.endswith("conv3")]
    assert sorted(n for n in units if "_mask_" in n) == [
        f"m_mask_local{k}_conv3" for k in (1, 2, 3)
    ]


def test_the_shortcut_projects_what_comes_after_the_first_relu():
    inputs = keras.Input((4, 4, 4))
    unit = PreActivationBottleneck(MAKE)
    network = keras.Model(inputs, unit(inputs, 8, 2, 0, "unit"))

    projection = network.get_layer("unit_projection")
    assert projection.input is network.get_layer("unit_conv1").input
    assert network.output_shape == (None, 2, 2, 8)


def test_a_unit_that_keeps_the_shape_has_no_projection():
    inputs = keras.Input((4, 4, 8))
    network = keras.Model(
        inputs, PreActivationBottleneck(ZEROS)(inputs, 8, 1, 0, "unit")
    )
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 8)).astype("float32")

    np.testing.assert_array_equal(network(x), x)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # Windows begin at 0, 2, ...; an even size lets the last one hang over.
        (4, [2, 3]),
        (5, [2, 4]),
        (6, [2, 4, 5]),
        (7, [2, 4, 6]),
        (2, [1]),
    ],
)
def test_pooling_counts_windows_as_caffe_does(size, expected):
    ramp = np.arange(size, dtype="float32")
    x = np.maximum(ramp[:, None], ramp)[None, :, :, None]

    found = ops.convert_to_numpy(pool_in_ceil_mode(x))

    np.testing.assert_array_equal(np.diagonal(found[0, ..., 0]), expected)


def test_networks_of_both_gates_have_the_same_weights():
    shapes = []
    for gate in ("attention_residual", "naive"):
        stages = cifar_stages(1, (8,), (1,))
        network = build_cifar_network(stages, _module(gate=gate), (8, 8, 3))
        gates = [x for x in network.layers if isinstance(x, MaskGate)]
        shapes.append([weight.shape for weight in network.weights])
        assert [x.form for x in gates] == [gate]

    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build_imagenet_attention(64, _module()), r"\[56, 92\]; received 64"),
        (
            lambda: _module(mask_branch="global")(keras.Input((4, 4, 8)), 1, "m"),
            "encoder_decoder or local; got 'global'",
        ),
        (lambda: _module()(keras.Input((4, 4, 8)), 0, "m"), "at least 1; got 0"),
        (lambda: pool_in_ceil_mode(keras.Input((4, 5, 8))), "both be even or both odd"),
    ],
)
def test_what_cannot_be_built_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
