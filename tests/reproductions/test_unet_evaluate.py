"""U-Net's evaluation: whole images, tiles, rotations, and metrics by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cai_keras.networks.unet import UNetSettings, build_unet
from reproductions.unet import evaluate
from reproductions.unet.data import Annotated
from reproductions.unet.inference import Segmenter

VALID = UNetSettings(filters=2, depth=2, dropout=0.5)
PADDED = UNetSettings(filters=2, depth=2, padding="same", dropout=0.0)


def segmenter_of(settings, seed=0, batch_size=2):
    """An untrained network whose biases are no longer 0."""
    keras.utils.set_random_seed(seed)
    network = build_unet(settings, (52, 52, 1), 2)
    rng = np.random.default_rng(seed)
    weights = network.get_weights()
    network.set_weights([w + rng.normal(0, 0.1, w.shape) for w in weights])
    return Segmenter(network, settings, batch_size)


def images_of(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


# Whole images and tiles


@pytest.mark.parametrize("size", [(16, 16), (21, 13)])
def test_tiles_and_the_whole_agree_for_valid_convolutions(size):
    segmenter, images = segmenter_of(VALID), images_of(3, *size)

    whole = segmenter.whole(images)

    assert whole.shape == (3, *size)
    assert 0 < whole.min() < whole.max() < 1
    for image, expected in zip(images, whole, strict=True):
        np.testing.assert_allclose(segmenter.by_tiles(image, 52), expected, atol=1e-5)


def test_padded_tiles_without_surroundings_have_seams():
    segmenter, (image,) = segmenter_of(PADDED), images_of(1, 32, 30)

    difference = np.abs(segmenter.by_tiles(image, 16) - segmenter.whole(image[None])[0])

    assert difference.max() > 1e-3


def test_a_single_padded_tile_is_the_whole():
    segmenter, (image,) = segmenter_of(PADDED), images_of(1, 16, 16)

    found = segmenter.by_tiles(image, 16)

    np.testing.assert_allclose(found, segmenter.whole(image[None])[0], atol=1e-5)


def test_rotations_are_averaged_about_the_image():
    segmenter, images = segmenter_of(VALID), images_of(2, 16, 16)

    found = segmenter.whole(images, rotations=4)

    turned = [
        np.rot90(segmenter.whole(np.rot90(images, k, (1, 2))), -k, (1, 2))
        for k in range(4)
    ]
    np.testing.assert_allclose(found, np.mean(turned, axis=0), atol=1e-5)
    assert np.abs(found - turned[0]).max() > 1e-3


def test_weights_are_those_of_the_network_at_the_time_of_the_call():
    network = build_unet(VALID, (52, 52, 1), 2)
    segmenter = Segmenter(network, VALID, 2)
    before = segmenter.whole(images_of(1, 16, 16))
    network.set_weights([w + 0.1 for w in network.get_weights()])

    after = segmenter.whole(images_of(1, 16, 16))

    assert np.abs(after - before).max() > 1e-3


def test_dropout_is_off_where_probabilities_are_wanted():
    segmenter, images = segmenter_of(VALID), images_of(1, 16, 16)

    np.testing.assert_array_equal(segmenter.whole(images), segmenter.whole(images))


def test_the_tile_difference_is_over_the_first_images_only():
    settings = SimpleNamespace(tile_side=52, tile_images=2)
    valid = evaluate.tile_difference(
        segmenter_of(VALID), images_of(5, 16, 16), settings
    )
    settings.tile_side = 8
    padded = evaluate.tile_difference(
        segmenter_of(PADDED), images_of(5, 16, 16), settings
    )

    assert valid.count == padded.count == 2
    assert valid.value < 1e-5
    assert padded.value > 1e-3


# Metrics


def row(text):
    return np.array([[int(c) for c in text]])


def test_metrics_of_a_prediction_by_hand():
    # Two cells of 3 with a gap, a lone one of 2; pixels 3 (the gap) and 12 are wrong.
    truth = np.stack([row("11102220003300")])
    masks = truth > 0
    masks[0, 0, [3, 12]] = True

    found = evaluate.compare(masks, truth, tolerance=0.0)

    values = {name: metric.value for name, metric in found.items()}
    assert values["pixel_error_percent"] == pytest.approx(100 * 2 / 14)
    assert values["foreground_iou_percent"] == pytest.approx(100 * 8 / 10)
    # 3 of 7, 3 of 7, 2 of 3.
    expected = 100 * (3 / 7 + 3 / 7 + 2 / 3) / 3
    assert values["object_iou_percent"] == pytest.approx(expected)
    assert values["merged_pairs_percent"] == 100.0
    assert values["log_merged_share"] == pytest.approx(np.log(1.5 / 2))
    # Pairs of pixels of one object: 3 + 3 + 1 = 7 in truth, 15 + 1 = 16 in the
    # prediction, 7 in both: F = 2 * 7 / 23.
    assert values["rand_error_percent"] == pytest.approx(100 * (1 - 14 / 23))
    counts = {name: metric.count for name, metric in found.items()}
    assert counts["object_iou_percent"] == 3
    assert counts["merged_pairs_percent"] == 1
    assert counts["pixel_error_percent"] == 1


def test_a_perfect_prediction_has_no_errors():
    truth = np.stack([row("1110222000"), row("0000000000"), row("1100000022")])

    found = evaluate.compare(truth > 0, truth, tolerance=1.0)

    values = {name: metric.value for name, metric in found.items()}
    assert values["pixel_error_percent"] == 0
    assert values["merged_pairs_percent"] == 0
    assert values["rand_error_percent"] == pytest.approx(0)
    assert values["log_merged_share"] == pytest.approx(np.log(0.5 / 2))
    for name in ("foreground_iou", "object_iou", "boundary_f1"):
        assert values[f"{name}_percent"] == 100.0
    # The image without objects has no pairs of pixels to judge.
    assert found["rand_error_percent"].count == 2


def test_shares_are_of_all_images_together():
    truth = np.stack([row("1111111100"), row("1100000000")])
    masks = np.stack([row("1111111100") > 0, row("0000000000") > 0])

    found = evaluate.compare(masks, truth, tolerance=1.0)

    # 8 of 10 pixels; 1 of 2 objects; no pair touches.
    assert found["foreground_iou_percent"].value == pytest.approx(80)
    assert found["object_iou_percent"].value == pytest.approx(50)
    assert found["merged_pairs_percent"].value is None
    assert found["log_merged_share"].reason == "no two objects touch"


def test_images_without_any_object_have_reasons_instead_of_numbers():
    empty = np.zeros((2, 4, 4), int)

    found = evaluate.compare(empty > 0, empty, tolerance=1.0)

    assert found["pixel_error_percent"].value == 0
    for name in ("foreground_iou", "object_iou", "rand_error", "merged_pairs"):
        metric = found[f"{name}_percent"]
        assert metric.value is None
        assert metric.reason


def test_all_metrics_of_a_run_are_measured():
    settings = SimpleNamespace(
        rotations=1, boundary_tolerance=1.0, tile_side=52, tile_images=1
    )
    instances = np.zeros((2, 16, 16), int)
    instances[:, 2:7, 2:7], instances[:, 8:13, 2:7] = 1, 2
    test = Annotated(images_of(2, 16, 16), instances)

    found = evaluate.measure(segmenter_of(VALID), test, settings)

    assert set(found) == {
        "pixel_error_percent", "foreground_iou_percent", "boundary_f1_percent",
        "object_iou_percent", "rand_error_percent", "merged_pairs_percent",
        "log_merged_share", "largest_tile_difference",
    }  # fmt: skip
    assert all(metric.value is not None for metric in found.values())
