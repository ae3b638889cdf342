"""Similarity of pairs, by scikit-image and by the definition in NumPy."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from cai_keras.metrics import ms_ssim as module
from cai_keras.metrics.ms_ssim import WEIGHTS, PairSimilarity, num_scales, pair_ms_ssim
from cai_keras.metrics.random_pairs import random_pairs


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def smooth(*shape, seed=0):
    blurred = ndimage.gaussian_filter(noise(*shape, seed=seed), (0, 3, 3, 0))
    low, high = blurred.min(), blurred.max()
    return (blurred - low) / (high - low)


def two_terms(first, second):
    """Means of luminance times contrast-structure, and of the latter, of grey ones.

    Wang et al. 2004, Eqs. 6 and 13, with k1 = 0.01, k2 = 0.03 and a range of 1, where
    the filter of 11 x 11 pixels lies in the picture.
    """

    def mean(picture):
        blurred = ndimage.gaussian_filter(picture, 1.5, radius=5)
        return blurred[5:-5, 5:-5]

    a, b = mean(first), mean(second)
    variances = mean(first**2) - a**2 + mean(second**2) - b**2
    covariance = mean(first * second) - a * b
    structure = (2 * covariance + 0.03**2) / (variances + 0.03**2)
    luminance = (2 * a * b + 0.01**2) / (a**2 + b**2 + 0.01**2)
    return np.mean(luminance * structure), np.mean(structure)


def halved(picture):
    height, width = picture.shape
    return picture.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("side", "scales"),
    [
        (11, 1), (21, 1), (22, 2), (28, 2), (32, 2), (43, 2), (44, 3), (64, 3),
        (87, 3), (88, 4), (128, 4), (175, 4), (176, 5), (1024, 5),
    ],
)  # fmt: skip
def test_the_filter_of_11_pixels_fits_into_the_last_scale(side, scales):
    # 11 * 2^(scales - 1) pixels or more.
    assert num_scales(side, 2000) == num_scales(2000, side) == scales


def test_the_five_weights_of_the_paper_have_sum_1():
    assert sum(WEIGHTS) == pytest.approx(1, abs=1e-3)


def test_the_name_says_how_many_scales_there_are_unless_all():
    assert PairSimilarity(0.5, 5).name == "ms_ssim"
    assert PairSimilarity(0.5, 2).name == "ms_ssim_2_scales"


@pytest.mark.parametrize("side", [11, 32, 176])
def test_equal_pictures_have_similarity_1(side):
    pictures = np.tile(noise(1, side, side, 3), (3, 1, 1, 1))

    found = pair_ms_ssim(pictures, pairs=3, seed=0)

    assert found.mean == pytest.approx(1, abs=1e-5)
    assert found.scales == num_scales(side, side)


def test_one_scale_is_the_structural_similarity_of_scikit_image():
    pictures = noise(2, 20, 18, 3)
    pictures[1] = 0.6 * pictures[0] + 0.4 * pictures[1]

    found = pair_ms_ssim(pictures, pairs=1, seed=0)

    _, full = structural_similarity(
        *pictures,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        full=True,
    )
    assert found.scales == 1
    expected = full[5:-5, 5:-5].mean()
    assert 0.1 < expected < 0.95
    assert found.mean == pytest.approx(expected, abs=1e-5)


def test_two_scales_by_the_definition():
    pictures = smooth(2, 32, 24, 1, seed=4)
    pictures[1] = (pictures[0] + pictures[1]) / 2
    first, second = pictures[..., 0]

    found = pair_ms_ssim(pictures, pairs=1, seed=0)

    _, fine = two_terms(first, second)
    coarse, _ = two_terms(halved(first), halved(second))
    # The first two of five weights: 0.0448 and 0.2856 of 0.3304.
    expected = fine ** (0.0448 / 0.3304) * coarse ** (0.2856 / 0.3304)
    assert found.scales == 2
    assert 0.1 < expected < 0.95
    assert found.mean == pytest.approx(expected, abs=1e-4)


def test_opposite_structure_counts_as_0():
    picture = smooth(1, 32, 32, 1)

    found = pair_ms_ssim(np.concatenate([picture, 1 - picture]), pairs=1, seed=0)

    assert found.mean == 0


def test_the_mean_is_over_the_pairs_of_the_seed_in_any_blocks(monkeypatch):
    pictures = smooth(6, 16, 16, 1) * 0.5 + smooth(1, 16, 16, 1, seed=9) * 0.5
    apart = [
        pair_ms_ssim(pictures[pair], pairs=1, seed=0).mean
        for pair in random_pairs(6, 7, seed=2)
    ]

    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 3 * 16 * 16)  # 3, 3 and 1 pairs
    found = pair_ms_ssim(pictures, pairs=7, seed=2)

    assert found.mean == pytest.approx(np.mean(apart), abs=1e-6)
    assert np.std(apart) > 0.01


def test_noise_is_more_diverse_than_one_picture_with_some_noise():
    picture = smooth(1, 44, 44, 3)

    diverse = pair_ms_ssim(noise(5, 44, 44, 3), pairs=10, seed=0)
    alike = pair_ms_ssim(0.9 * picture + 0.1 * noise(5, 44, 44, 3), pairs=10, seed=0)

    assert diverse.mean < 0.2 < 0.8 < alike.mean < 1
    assert diverse.scales == alike.scales == 3


def test_odd_sides_and_double_precision_are_fine():
    pictures = noise(3, 45, 47, 1).astype("float32")

    found = pair_ms_ssim(pictures, pairs=3, seed=0)

    assert found == pair_ms_ssim(pictures.astype("float64"), pairs=3, seed=0)
    assert type(found.mean) is float


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((2, 16, 16, 3), "uint8"), r"received uint8 \(2, 16, 16, 3\)"),
        (np.zeros((2, 16, 16)), r"received float64 \(2, 16, 16\)"),
        (np.zeros((0, 16, 16, 3)), r"received float64 \(0, 16, 16, 3\)"),
        (np.full((2, 16, 16, 3), 2.0), r"expected \[0, 1\], received 2.0 to 2.0"),
        (np.full((2, 16, 16, 3), -1.0), r"expected \[0, 1\], received -1.0"),
        (np.full((2, 16, 16, 3), np.nan), r"expected \[0, 1\], received nan"),
        (np.zeros((2, 16, 10, 3)), "sides of 11 pixels or more, received 16 x 10"),
        (np.zeros((1, 16, 16, 3)), "the 0 of 1 members, received 1"),
    ],
)
def test_what_has_no_pairs_of_pictures_in_0_to_1_is_refused(pictures, message):
    with pytest.raises(ValueError, match=message):
        pair_ms_ssim(pictures, pairs=1, seed=0)


def test_importing_it_does_not_import_tensorflow():
    code = "import sys, cai_keras.metrics.ms_ssim; print('tensorflow' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
