"""Scores of generated sets: names, passports, floors, and values by hand."""

import numpy as np
import pytest

from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.generation.set_scores import (
    SetProtocol,
    pixel_scores,
    score_set,
    set_evaluator,
    short_count,
)
from cai_keras.metrics.sliced_wasserstein import set_swd

PROTOCOL = SetProtocol("test")


def first_two_pixels(pictures):
    """Features that one can follow, and two classes: dark and bright."""
    features = pictures.reshape(len(pictures), -1)[:, :2] / 255
    bright = features.mean(axis=1, keepdims=True)
    return features, np.concatenate([1 - bright, bright], axis=1)


def extractor(compute=first_two_pixels):
    return FeatureExtractor("pixels", "ab" * 32, "none", 2, None, 1, compute)


def pictures(count, seed, shift=0.0):
    noise = np.random.default_rng(seed).uniform(0, 0.4, (count, 2, 2, 1))
    return (noise + shift).astype("float32")


def scores(fake, real=None, floor=None):
    real = pictures(40, 1) if real is None else real
    floor = pictures(40, 2) if floor is None else floor
    return score_set(extractor(), fake, real, floor, PROTOCOL)


def test_real_pictures_in_the_place_of_generated_ones_are_at_the_floor():
    floor = pictures(40, 2)

    found = scores(floor, floor=floor)

    for name, metric in found.items():
        if not name.endswith("_of_real"):
            assert metric == found[f"{name}_of_real"]


def test_the_reference_itself_has_no_distance_and_all_of_the_precision():
    real = pictures(40, 1)

    found = scores(real, real=real)

    assert found["fid_pixels_40"].value == pytest.approx(0, abs=1e-9)
    assert found["precision_pixels_40"].value == 1
    assert found["recall_pixels_40"].value == 1
    assert found["coverage_pixels_40"].value == 1


def test_pictures_that_are_brighter_are_as_far_as_their_means():
    # The same pictures, 0.6 brighter (153 of 255 levels) in both features:
    # |m1 - m2|^2 = 2 x 0.36, and equal covariances add nothing.
    real = np.round(255 * pictures(40, 1)) / 255

    found = scores((real + 153 / 255).astype("float32"), real=real.astype("float32"))

    assert found["fid_pixels_40"].value == pytest.approx(0.72, rel=1e-4)
    assert found["precision_pixels_40"].value == 0
    # The class score is exp of a mean divergence: 1 where all pictures are alike.
    assert 1 <= found["class_score_pixels_40"].value < 1.1


def test_every_score_says_what_it_can_be_compared_with():
    found = scores(pictures(40, 3))

    names = {"fid", "kid", "precision", "recall", "density", "coverage", "diversity",
             "class_score"}  # fmt: skip
    suffixes = ("_pixels_40", "_pixels_40_of_real")
    assert set(found) == {name + suffix for name in names for suffix in suffixes}
    for metric in found.values():
        assert metric.count == 40
        assert metric.passport == {
            "features": "pixels",
            "weights": "abababababab",
            "resizing": "none",
            "pictures": 40,
            "reference": "test",
        }


def test_an_extractor_without_classes_has_no_class_score():
    found = score_set(
        extractor(lambda x: (first_two_pixels(x)[0], None)),
        *(pictures(5, seed) for seed in range(3)),
        PROTOCOL,
    )

    assert not any("class_score" in name for name in found)


def test_sets_of_different_sizes_are_not_compared():
    with pytest.raises(UsageError, match="39 generated and 40 and 40 real"):
        scores(pictures(39, 3))


def test_a_handful_of_pictures_is_refused():
    few = pictures(3, 0)

    with pytest.raises(UsageError, match="more than 3 pictures, not 3"):
        score_set(extractor(), few, few, few, PROTOCOL)


def test_the_evaluator_asks_for_as_many_pictures_as_are_real():
    asked = []

    def make(count):
        asked.append(count)
        return pictures(count, 5)

    evaluate = set_evaluator(
        extractor(), make, pictures(7, 1), pictures(7, 2), PROTOCOL
    )

    assert evaluate()["fid_pixels_7"].count == 7
    assert asked == [7]


@pytest.mark.parametrize(
    ("count", "short"), [(5000, "5k"), (2500, "2500"), (50_000, "50k"), (999, "999")]
)
def test_thousands_are_shortened(count, short):
    assert short_count(count) == short


def squares(count, seed, side=16):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side, 1)).astype(np.uint8)


def test_pixels_have_scores_of_their_own_and_floors():
    real, floor = squares(8, 1), squares(8, 2)

    found = pixel_scores(real, real, floor, PROTOCOL)

    # A set and itself: the same patches, and so no distance.
    assert found["swd_8"].value == 0
    assert found["swd_8_of_real"].value > 0
    expected = set_swd(floor.astype("float32"), real.astype("float32"))["mean"]
    assert found["swd_8_of_real"].value == pytest.approx(expected)
    # 8 x 7 / 2 pairs of 16 pixels, which have one scale: noise is not alike.
    assert found["ms_ssim_1_scales_8"].passport == {"pictures": 8, "pairs": 28}
    assert 0 <= found["ms_ssim_1_scales_8"].value < 0.2


def test_bytes_and_floats_of_the_same_levels_have_the_same_scores():
    real, floor, fake = (squares(6, seed) for seed in range(3))

    of_bytes = pixel_scores(fake, real, floor, PROTOCOL)
    of_floats = pixel_scores(
        *((each / 255).astype("float32") for each in (fake, real, floor)), PROTOCOL
    )

    for name, metric in of_bytes.items():
        assert of_floats[name].value == pytest.approx(metric.value, rel=1e-5)


@pytest.mark.parametrize(
    ("side", "names"),
    [(10, set()), (15, {"ms_ssim_1_scales_4"}), (16, {"ms_ssim_1_scales_4", "swd_4"})],
)
def test_pictures_that_are_too_small_have_no_such_score(side, names):
    sets = (squares(4, seed, side) for seed in range(3))

    found = pixel_scores(*sets, PROTOCOL)

    assert {name for name in found if not name.endswith("_of_real")} == names
