"""U-Net: published parameters and sizes, tiles without seams."""

import numpy as np
import pytest
from parameter_counts import trainable_parameters

from cai_keras.networks.unet import (
    UNetSettings,
    build_unet,
    input_side_for,
    margin_of,
    predict_by_tiles,
)


@pytest.mark.parametrize(
    ("channels", "classes", "expected"),
    [(1, 2, 31_030_658), (1, 1, 31_030_593), (3, 2, 31_031_810), (3, 1, 31_031_745)],
)
def test_parameters_of_the_papers_network(channels, classes, expected):
    network = build_unet(UNetSettings(), (188, 188, channels), classes)

    assert trainable_parameters(network) == expected


def test_parameters_of_the_released_network():
    settings = UNetSettings(last_up_filters=128)

    assert trainable_parameters(build_unet(settings, (188, 188, 1), 2)) == 31_100_354


@pytest.mark.parametrize(
    ("filters", "depth", "expected"),
    [(4, 4, 121_658), (8, 4, 485_682), (16, 4, 1_940_834), (8, 3, 120_690)],
)
def test_parameters_of_narrower_networks(filters, depth, expected):
    settings = UNetSettings(filters, depth, padding="same")

    assert trainable_parameters(build_unet(settings, (None, None, 1), 2)) == expected


def test_maps_have_the_sizes_of_figure_1():
    network = build_unet(UNetSettings(filters=2), (572, 572, 1), 2)

    names = [f"down{n}_conv2" for n in range(1, 6)] + [
        f"up{n}_conv2" for n in (4, 3, 2, 1)
    ]
    sizes = [network.get_layer(name).output.shape[1] for name in names]
    assert sizes == [568, 280, 136, 64, 28, 52, 100, 196, 388]


def test_dropout_is_at_the_two_lowest_levels():
    network = build_unet(UNetSettings(filters=2), (188, 188, 1), 2)

    names = {layer.name: layer.rate for layer in network.layers if "drop" in layer.name}
    assert names == {"drop4": 0.5, "drop5": 0.5}


def test_without_skips_the_way_up_sees_half_as_many_channels():
    settings = UNetSettings(filters=4, depth=1, padding="same", skip=False)
    network = build_unet(settings, (8, 8, 1), 2)

    assert network.get_layer("up1_conv1").kernel.shape == (3, 3, 4, 4)


def test_an_odd_map_before_a_pooling_is_refused():
    with pytest.raises(ValueError, match="190 x 190 is 89 x 89 before pooling 2"):
        build_unet(UNetSettings(filters=2), (190, 190, 1), 2)


@pytest.mark.parametrize(("depth", "expected"), [(4, 92), (3, 44), (1, 8)])
def test_the_margin_is_what_valid_convolutions_take_away(depth, expected):
    # (572 - 388) / 2 = 92.
    assert margin_of(UNetSettings(depth=depth)) == expected


@pytest.mark.parametrize(
    ("depth", "padding", "output", "expected"),
    # Figure 1: 572 -> 388. 512 + 184 = 696 is no 16 k + 60, 700 is.
    [(4, "valid", 388, 572), (4, "valid", 512, 700), (3, "valid", 124, 212),
     (3, "valid", 125, 220), (3, "same", 121, 128)],
)  # fmt: skip
def test_an_input_is_as_small_as_poolings_allow(depth, padding, output, expected):
    settings = UNetSettings(filters=1, depth=depth, padding=padding)

    side = input_side_for(settings, output)

    assert side == expected
    built = build_unet(settings, (side, side, 1), 2)
    assert built.output_shape[1] >= output


def test_each_level_on_the_way_up_can_have_a_width_of_its_own():
    settings = UNetSettings(4, 2, "same", skip=False, up_filters=(3, 5))
    network = build_unet(settings, (8, 8, 1), 2)

    shapes = [
        network.get_layer(name).kernel.shape
        for name in ("up2_conv", "up2_conv1", "up2_conv2", "up1_conv", "up1_conv1")
    ]
    # Kernels of up-convolutions are (2, 2, out, in).
    assert shapes == [
        (2, 2, 5, 16), (3, 3, 5, 5), (3, 3, 5, 5), (2, 2, 3, 5), (3, 3, 3, 3),
    ]  # fmt: skip


def test_widths_on_the_way_up_must_be_as_many_as_levels():
    settings = UNetSettings(4, 2, "same", up_filters=(3,))

    with pytest.raises(ValueError, match="up_filters: expected 2, one for each level"):
        build_unet(settings, (8, 8, 1), 2)


@pytest.mark.parametrize("size", [(24, 24), (31, 17)])
def test_tiles_give_the_logits_of_the_whole_image(size):
    settings = UNetSettings(filters=3, depth=2, dropout=0.0)
    margin = margin_of(settings)
    tiles = build_unet(settings, (8 + 2 * margin, 8 + 2 * margin, 1), 2)
    image = np.random.default_rng(0).normal(size=(*size, 1)).astype("float32")
    after = [-length % 8 for length in size]
    whole_size = [n + rest + 2 * margin for n, rest in zip(size, after, strict=True)]
    whole = build_unet(settings, (*whole_size, 1), 2)
    whole.set_weights(tiles.get_weights())

    found = predict_by_tiles(tiles, image, settings)

    around = [(margin, margin + rest) for rest in after]
    mirrored = np.pad(image, [*around, (0, 0)], mode="symmetric")
    expected = np.asarray(whole(mirrored[None]))[0, : size[0], : size[1]]
    assert found.shape == (*size, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_tiles_whose_output_is_no_multiple_of_the_pooling_have_no_seam_either():
    # Depth 3: 100 -> 12, so that tiles lie 8 apart; the whole is 148 -> 60.
    settings = UNetSettings(filters=2, depth=3, dropout=0.0)
    tiles = build_unet(settings, (100, 100, 1), 2)
    whole = build_unet(settings, (148, 148, 1), 2)
    whole.set_weights(tiles.get_weights())
    image = np.random.default_rng(1).normal(size=(60, 60, 1)).astype("float32")

    found = predict_by_tiles(tiles, image, settings)

    mirrored = np.pad(image, [(44, 44), (44, 44), (0, 0)], mode="symmetric")
    expected = np.asarray(whole(mirrored[None]))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_tiles_too_small_to_lie_a_multiple_of_the_pooling_apart_are_refused():
    # Depth 3: 92 -> 4 pixels, less than 8.
    settings = UNetSettings(filters=2, depth=3, dropout=0.0)

    with pytest.raises(ValueError, match="tiles of 4 output pixels: expected 8"):
        predict_by_tiles(
            build_unet(settings, (92, 92, 1), 2), np.zeros((9, 9, 1)), settings
        )


def test_tiles_of_a_padded_network_are_refused():
    settings = UNetSettings(filters=2, depth=1, padding="same")
    network = build_unet(settings, (8, 8, 1), 2)

    with pytest.raises(ValueError, match="seams"):
        predict_by_tiles(network, np.zeros((8, 8, 1)), settings)
