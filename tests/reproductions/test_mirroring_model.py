"""The mirroring networks: published and tabled counts, reach, symmetry, attention."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from reproductions.feature_visualization_mirroring import model, theory
from reproductions.feature_visualization_mirroring.experiment import networks

FIFTEEN = ",".join(["1"] * 15)
# Convolutions 3 x 3 of 32 channels: 320 + 9,248 (L - 1) + 33, and 576 more where the
# first one sees two coordinates.
COUNTS = {
    "noise_c1": 353,
    "noise_c2": 9_601,
    "noise_c4": 28_097,
    "noise_c8": 65_089,
    "noise_k1": 929,
    "noise_k2": 10_177,
    "noise_k4": 28_673,
    "noise_k8": 65_665,
    "noise_circ": 65_089,
    "noise_dil": 28_673,
    "noise_a0": 4_321,  # 64 + 4 * 1,056 + 33
    "noise_ape": 12_513,  # and 256 * 32 positions
    "noise_ca": 4_577,  # 320 instead of 64
    # 4 x 4 kernels: 128 + 2,080 + 4,128 + 4,096 down, 4,128 + 8,224 + 4,112 + 257 up.
    "noise_u": 27_153,
    "colour_unet": 261_715,
    # and 8 * 32 + 32, 4 * 1,056, 32 * 8 + 8
    "colour_unet_attention": 261_715 + 288 + 4_224 + 264,
    "colour_classifier": 250_666,
}


@pytest.fixture(autouse=True)
def _clean():
    keras.utils.set_random_seed(0)
    yield
    keras.backend.clear_session()


def network_of(variant, *sets, scale="paper"):
    paper = find_paper("feature_visualization_mirroring")
    return networks(paper.recipe(scale, variant, sets=sets))["network"]


def trainable(network) -> int:
    return sum(int(keras.ops.size(w)) for w in network.trainable_weights)


def numpy(values):
    return keras.ops.convert_to_numpy(values)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("variant", "expected"), COUNTS.items())
def test_the_number_of_trainable_parameters(variant, expected):
    assert trainable(network_of(variant)) == expected


@pytest.mark.parametrize(
    ("variant", "expected"), [("noise_c8", 129_825), ("noise_k8", 130_401)]
)
def test_fifteen_convolutions_have_the_parameters_of_the_table(variant, expected):
    network = network_of(variant, f"model.dilations=[{FIFTEEN}]")

    assert trainable(network) == expected


def test_the_layers_of_the_unet_have_the_parameters_of_the_notebook():
    network = network_of("colour_unet")
    # 4 * 4 * in * out; a bias in the last layer only.
    expected = {
        "down1": 384, "down2": 2_048, "down3": 8_192, "down4": 32_768, "down5": 65_536,
        "up5": 65_536, "up4": 65_536, "up3": 16_384, "up2": 4_096, "up1": 771,
    }  # fmt: skip

    assert {n: network.get_layer(n).count_params() for n in expected} == expected
    assert network.get_layer("down5").output.shape[1:] == (1, 1, 64)


@pytest.mark.parametrize(
    "variant", ["noise_k1", "noise_k2", "noise_k4", "noise_dil", "noise_k8"]
)
def test_a_pixel_depends_on_those_within_the_radius_only(variant):
    network = network_of(variant, scale="small")
    radius = theory.reach_of(
        find_paper("feature_visualization_mirroring")
        .recipe("small", variant).model.dilations
    )  # fmt: skip
    image = noise(1, 16, 16, 1)
    before = numpy(network(image))[0, 8, :, 0]
    image[0, 8, 0] += 100  # the first column

    changed = np.abs(numpy(network(image))[0, 8, :, 0] - before) > 1e-6

    assert changed[: radius + 1].all()
    assert not changed[radius + 1 :].any()


def test_the_circular_network_commutes_with_every_shift():
    network = network_of("noise_circ")
    image = noise(2, 16, 16, 1)
    shifted = np.roll(image, (5, 3), axis=(1, 2))

    expected = np.roll(numpy(network(image)), (5, 3), axis=(1, 2))

    np.testing.assert_allclose(numpy(network(shifted)), expected, atol=1e-5)


def test_zero_padding_tells_where_the_border_is():
    network = network_of("noise_c8")
    image = noise(2, 16, 16, 1)
    shifted = np.roll(image, 3, axis=2)

    expected = np.roll(numpy(network(image)), 3, axis=2)

    assert np.abs(numpy(network(shifted)) - expected).max() > 1e-3


def test_attention_without_positions_commutes_with_the_flip_itself():
    network = network_of("noise_a0")
    image = noise(2, 16, 16, 1)

    flipped = numpy(network(image[:, :, ::-1]))

    expected = numpy(network(image))[:, :, ::-1]
    np.testing.assert_allclose(flipped, expected, atol=1e-5)


def test_coordinates_run_from_minus_1_to_1():
    found = numpy(model.CoordinateChannels()(noise(2, 3, 5, 1)))

    assert found.shape == (2, 3, 5, 3)
    np.testing.assert_allclose(found[1, 2, :, 1], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(found[1, :, 4, 2], [-1, 0, 1])


def test_circular_padding_continues_the_image():
    image = noise(2, 4, 5, 3)

    found = numpy(model.CircularPadding(2)(image))

    expected = np.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="wrap")
    np.testing.assert_array_equal(found, expected)


def test_the_tutorials_output_is_between_minus_1_and_1():
    found = numpy(network_of("colour_unet")(10 * noise(2, 32, 32, 3)))

    assert found.shape == (2, 32, 32, 3)
    assert np.abs(found).max() <= 1


def test_the_unets_attention_stands_in_its_widest_skip_connection():
    network = network_of("colour_unet_attention")

    assert network.get_layer(model.ATTENTION).input.shape[1:] == (16, 16, 32)


@pytest.mark.parametrize(
    "variant", ["noise_circ", "noise_k2", "noise_ca", "colour_unet_attention"]
)
def test_a_saved_network_loads_safely_and_gives_equal_outputs(variant, tmp_path):
    network = network_of(variant)
    image = noise(2, *network.input_shape[1:])
    network.save(tmp_path / "network.keras")

    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)

    np.testing.assert_array_equal(numpy(loaded(image)), numpy(network(image)))
