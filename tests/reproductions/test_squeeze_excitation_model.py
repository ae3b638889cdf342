"""SENet's networks: published sizes, operations, gates in their places."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from reproductions.squeeze_excitation.experiment import networks
from reproductions.squeeze_excitation.model import TRUNKS, build_network

# Variant -> trainable parameters. The released prototxts', and for CIFAR our own sums.
PUBLISHED = {
    "imagenet_se_resnet50": 28_088_024,
    "imagenet_se_resnet50_r4": 35_635_688,
    "imagenet_se_resnet50_r8": 30_603_912,
    "imagenet_se_resnet50_r32": 26_830_080,
    "imagenet_se_resnet50_early": 26_508_632,
    "cifar10_resnet20": 269_722,
    "cifar10_se_resnet20": 272_095,
    "cifar10_se_resnet20_r8": 274_132,
    "cifar10_se_resnet56": 860_137,
    "cifar10_se_resnet110": 1_742_200,
}
SLOW = {
    "imagenet_se_resnet101": 49_326_872,
    "imagenet_se_resnet152": 66_821_848,
    "imagenet_senet154_released": 115_088_984,
}
# Billions of multiplications and additions at 224 x 224, from the released prototxts.
OPERATIONS = {
    "imagenet_se_resnet50": 3.860,
    "imagenet_se_resnext50": 4.233,
}
SLOW_OPERATIONS = {
    "imagenet_se_resnet101": 7.575,
    "imagenet_se_resnet152": 11.289,
    "imagenet_senet154_released": 20.69,
}


@pytest.fixture(autouse=True)
def _clean_process():
    yield
    keras.backend.clear_session()


def recipe(variant, scale="paper", *sets):
    return find_paper("squeeze_excitation").recipe(scale, variant, sets=sets)


def network_of(variant, scale="paper", *sets):
    return networks(recipe(variant, scale, *sets))["classifier"]


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def operations(network):
    """Multiplications and additions of convolutions, dense layers and gates."""
    total = 0
    for layer in network.layers:
        kernels = [w for w in layer.trainable_weights if w.path.endswith("kernel")]
        is_map = isinstance(layer, keras.layers.Conv2D)
        positions = np.prod(layer.output.shape[1:3]) if is_map else 1
        total += sum(int(positions * np.prod(kernel.shape)) for kernel in kernels)
    return total


def gates_of(network):
    return [g for g in network.layers if isinstance(g, SqueezeExcitation)]


# Sizes


@pytest.mark.parametrize(("variant", "count"), PUBLISHED.items())
def test_networks_have_the_published_number_of_parameters(variant, count):
    assert trainable(network_of(variant)) == count


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "count"), SLOW.items())
def test_deep_networks_have_the_published_number_of_parameters(variant, count):
    assert trainable(network_of(variant)) == count


def test_se_resnet50_with_ratio_2_and_without_biases():
    gates = "model.excitation={ratio: 2, use_bias: true, in_last_stage: true}"
    assert trainable(network_of("imagenet_resnet50", "paper", gates)) == 45_699_240

    gates = "model.excitation={ratio: 16, use_bias: false, in_last_stage: true}"
    assert trainable(network_of("imagenet_resnet50", "paper", gates)) == 28_071_976


@pytest.mark.parametrize(("variant", "billions"), OPERATIONS.items())
def test_networks_have_the_published_number_of_operations(variant, billions):
    assert operations(network_of(variant)) / 1e9 == pytest.approx(billions, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "billions"), SLOW_OPERATIONS.items())
def test_deep_networks_have_the_published_number_of_operations(variant, billions):
    assert operations(network_of(variant)) / 1e9 == pytest.approx(billions, abs=0.005)


def test_gates_cost_resnet_20_2373_parameters_and_next_to_no_operations():
    plain, gated = network_of("cifar10_resnet20"), network_of("cifar10_se_resnet20")

    # Each of three blocks, C channels and C / 16 units: 2 C^2 / 16 + C / 16 + C;
    # 49 + 162 + 580 = 791 for 16, 32 and 64 channels.
    assert trainable(gated) - trainable(plain) == 3 * 791
    # 3 (2 * 16 + 4 * 32 + 8 * 64) = 2,016 of 40,551,040.
    assert operations(gated) - operations(plain) == 2_016


def test_the_nets_of_the_cue_task_have_equal_parameters_within_one_percent():
    gated, wide = network_of("global_cue_se"), network_of("global_cue_wide")

    assert abs(trainable(gated) / trainable(wide) - 1) < 0.01


def test_the_nets_of_the_cue_task_see_nine_pixels_before_the_mean():
    # 3, then 2 more, then 2 * 2 more: with stride 1, 2 and 2.
    network = network_of("global_cue_wide")
    pixel = np.zeros((1, 24, 24, 3), np.float32)
    pixel[0, 12, 12] = 100.0
    maps = keras.Model(network.input, network.get_layer("stage3_norm").output)

    changed = np.asarray(maps(pixel)) != np.asarray(maps(0 * pixel))

    rows = np.flatnonzero(changed.any(axis=(0, 2, 3)))
    # Four pixels apart: nine pixels hold three positions at most.
    assert 1 <= len(rows) <= 3


# Gates


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        ("cifar10_resnet20", 0),
        ("imagenet_se_resnet50_early", 13),
        ("cifar10_se_resnet56", 27),
        ("global_cue_se", 3),
    ],
)
def test_every_block_has_one_gate(variant, count):
    assert len(gates_of(network_of(variant))) == count


def test_a_gate_stands_on_the_branch_before_the_sum_and_the_last_relu():
    # With gates of 0, blocks that keep their shape pass their input on; a gate after
    # the sum would give 0.
    network = network_of("cifar10_se_resnet20", "smoke", "model.blocks_divisor=1")
    for gate in gates_of(network):
        kernel, bias = gate._expand.kernel, gate._expand.bias
        kernel.assign(np.zeros(kernel.shape))
        bias.assign(np.full(bias.shape, -1e4))
    first = network.get_layer("stage1_block1_conv1").input
    second = network.get_layer("stage1_block2_conv1").input
    pair = keras.Model(network.input, [first, second])
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")

    before, after = pair(images)

    np.testing.assert_array_equal(after, before)
    assert np.abs(np.asarray(after)).max() > 0


# Scales


@pytest.mark.parametrize("network", TRUNKS)
@pytest.mark.parametrize("side", [14, 16])
def test_small_networks_take_small_images(network, side):
    model = recipe("cifar10_resnet20", "small", f"model.network={network}").model

    built = build_network(model, (side, side, 1))

    assert built.output_shape == (None, 10)
    assert trainable(built) < 1_500_000


def test_a_smaller_scale_keeps_the_order_of_depths():
    depths = {
        name: sum(
            layer.name.endswith("_conv2")
            for layer in network_of(f"cifar10_{name}", "small").layers
        )
        for name in ("resnet20", "resnet56", "resnet110")
    }

    assert depths == {"resnet20": 3, "resnet56": 9, "resnet110": 18}


def test_senet_154_drops_a_fifth_before_its_classifier():
    network = network_of("imagenet_senet154_released", "smoke")

    (dropout,) = (x for x in network.layers if isinstance(x, keras.layers.Dropout))
    assert dropout.rate == 0.2
